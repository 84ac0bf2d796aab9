"""What a value must look like to be taken for a credential: the less its name says, the more the value has to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from runstore.fence.letter_costs import score
from runstore.fence.shaped_words import THINGS

Judge = Callable[[bytes], bool]


def anything(_value: bytes) -> bool:
    """Of a name that leaves no doubt."""
    return True


def stands_alone(value: bytes, sure: Judge) -> bool:
    """Whether a word without any sign between it and the name is a value all the same."""
    if sure is looks_like_pin:
        return looks_like_pin(value) and value.isdigit() and not _YEAR.fullmatch(value)
    return len(value) >= 8 and (looks_random(value) or (sure in (anything, looks_chosen) and _numbered(value)))


def _numbered(value: bytes) -> bool:
    """`Tiger3559`, `fuchs123`: no year behind it, and nothing that people number."""
    found = _NUMBERED.fullmatch(value)
    return found is not None and not THINGS.fullmatch(found[1])


_NUMBERED: Final = re.compile(
    rb"([A-Za-z][a-z]{2,15}(?:[._-]?[A-Z][A-Za-z]{2,15})?)(?!(?:19|20)[0-9]{2}\Z)[0-9]{3,6}(?:[A-Z][a-z]{2,20})?"
)
_PIN: Final = re.compile(rb"[0-9]{4,12}")
_YEAR: Final = re.compile(rb"(?:19|20)[0-9]{2}")


def looks_like_pin(value: bytes) -> bool:
    """Whether a value given to a PIN is one: four digits will do."""
    return _PIN.fullmatch(value) is not None or looks_chosen(value)


def nothing(_value: bytes) -> bool:
    """Of a name that is none."""
    return False


def is_long_hex(value: bytes) -> bool:
    """Whether a value given to a bare `key` is a key."""
    return b"-" not in value and _LONG_HEX.fullmatch(value) is not None


_LONG_HEX: Final = re.compile(rb"[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_SIGNED: Final = re.compile(rb"[A-Za-z0-9]{4,64}[!@#$^*?+~][^\s/\\]{2,64}")


def looks_keyed(value: bytes) -> bool:
    """Whether a value given to some `…Key` looks like a key and not like the name of a setting, a path or a property."""
    if _LONG_HEX.fullmatch(value):
        return True
    plain = value.translate(None, b"\\/ .") == value and value.count(b"_") < 2
    return len(value) >= 8 and looks_chosen(value) and (plain or _SIGNED.match(value) is not None)


def looks_random(value: bytes) -> bool:
    """Whether a word in prose is a long hexadecimal number or reads like nothing a person writes."""
    if _HEX.fullmatch(value):
        return len(value) >= 20 and not value.isalpha() and not value.isdigit()
    return score(value, value, 0) >= _STRANGE


_HEX: Final = re.compile(rb"[0-9]*(?:[0-9a-f]+|[0-9A-F]*)")


def looks_chosen(value: bytes) -> bool:
    """Whether a value in prose looks like a credential and not like the next word: six characters of mixed kinds."""
    if len(value) < 6 or _DIGIT.search(value):
        return len(value) >= 6 and (bool(_LETTER.search(value)) or _CODE.fullmatch(value) is not None)
    if value.isalpha():
        return score(value, value, 0) >= _NO_WORD
    symbols = len(_NEITHER.findall(value))
    return symbols >= 2 and value.isascii() and not value.startswith((b"/", b"http", b"-"))


_NO_WORD: Final = 12
_STRANGE: Final = 24
_LETTER: Final = re.compile(rb"[A-Za-z]")
_DIGIT: Final = re.compile(rb"[0-9]")
_CODE: Final = re.compile(rb"[0-9]{6,12}")
_NEITHER: Final = re.compile(rb"[^A-Za-z0-9]")

_HARMLESS: Final = frozenset(
    b"true false null none nil undefined yes no on off required optional notconfigured not_configured not enabled"
    b" disabled unknown default devicedefault device_default numeric alphanumeric alphanumericwithsymbols"
    b" numericcomplex lowsecuritybiometric any secret password token key value hidden masked encrypted notencrypted"
    b" encryptedvaluetoken bearer basic string str int bytes empty missing invalid expired set unset changed"
    b" certificate user device allow block deny xxx redacted".split()
)
_STANDS_FOR_ONE: Final = re.compile(
    # A variable, a template's or a format's place, a tag. Variables have no digits here, since a password may well begin
    # with a dollar sign.
    rb"(?i:(?:\x01+|secret:v1:[0-9a-f]{32}|secret:set|\$(?:[a-z_]+[:.])?[a-z_]{1,40}|\$\{[^{}]{0,80}\}?"
    rb"|\$\([^()]{0,80}\)?|%\w{1,40}%|%[sdr]|%\(\w{1,40}\)s|\{\{?[^{}0-9]{0,80}\}{0,2}|<[^<>]{0,80}>|\([a-z-]{0,40}"
    rb"|[|:-]+|\*+|\.\.\.|\xe2\x80\xa6|x+"
    # A small number with its unit.
    rb"|[+-]?\d{1,5}(?:\.\d{1,3})?(?:\s?(?:ms|s|min|h|d|days?|chars?|characters?|minutes?|seconds?|%))?)\Z)"
    # What makes the value: a command of PowerShell's, a function's call.
    rb"|(?:Get|New|Read|ConvertTo|ConvertFrom|Import|Invoke|Select|Request|Connect)-[A-Z][A-Za-z]{2,40}\Z"
    rb"|[A-Za-z_][A-Za-z_.:\]]{2,60}\([\w.,\[\]]{0,80}\)?\Z"
)


def is_value(value: bytes, sure: Judge) -> bool:
    """Whether a value is a credential's: neither a setting's word, nor a small number, nor a placeholder; a PIN may be a number."""
    return sure(value) and not (_is_harmless(value) and not (sure is looks_like_pin and value.isdigit()))


def _is_harmless(value: bytes) -> bool:
    value = value.strip()
    return len(value) < 3 or value.lower() in _HARMLESS or bool(_STANDS_FOR_ONE.match(value))
