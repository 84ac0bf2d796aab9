"""What a value must look like to be a secret: chosen, keyed, random; and what only stands for one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from runstore.fence.secret_patterns import HARMLESS_VALUES, KEY_QUALIFIERS

Judge = Callable[[bytes], bool]


def sureness(name: bytes, folded: bytes, hit: int) -> Judge:
    """What a value must be to be taken for a credential: anything, where the name leaves no doubt."""
    if name not in _BARE_KEY:
        return looks_chosen if name in _DOUBTFUL else _anything
    before = folded[max(0, hit - 16) : hit]
    if before.rstrip(b" _.-").endswith(KEY_QUALIFIERS):
        return _anything
    if before[-1:].isalnum() or before[-1:] in (b"_", b"-"):
        return is_random if before.endswith(_NO_KEYS) else looks_keyed
    return _is_random_or_hex


def _anything(_value: bytes) -> bool:
    return True


_DOUBTFUL: Final = (
    b"pin",
    b"cle",
    b"cl\xc3\xa9",
    b"clave",
    b"connexion",
    b"conexi\xc3\xb3n",
    b"conexion",
    b"challenge",
)
_NO_KEYS: Final = (b"public", b"registry", b"mon", b"tur", b"don", b"hot", b"soft", b"hoc", b"joc", b"whis", b"foreign")
_LONG_HEX: Final = re.compile(rb"[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def _is_random_or_hex(value: bytes) -> bool:
    return is_random(value) or (_LONG_HEX.fullmatch(value) is not None and b"-" not in value)


_SIGNED: Final = re.compile(rb"[A-Za-z0-9]{4,64}[!@#$^*?+~][^\s/\\]{2,64}")


def looks_keyed(value: bytes) -> bool:
    """Whether a value given to some `…Key` looks like a key and not like the name of a setting, a path or a property."""
    if _LONG_HEX.fullmatch(value):
        return True
    plain = value.translate(None, b"\\/ .") == value and value.count(b"_") < 2
    return len(value) >= 8 and looks_chosen(value) and (plain or _SIGNED.match(value) is not None)


_BARE_KEY: Final = (b"key", b"keys")


# A variable, a template's or a format's place, a tag, a call: something that stands for a value. Variables have no digits
# here, since a password may well begin with a dollar sign.
_PLACEHOLDER: Final = re.compile(
    rb"(?:\x01+|secret:v1:[0-9a-f]{32}|secret:set|\$(?:[a-z_]+[:.])?[a-z_]{1,40}|\$\{[^{}]{0,80}\}?"
    rb"|\$\([^()]{0,80}\)?|%\w{1,40}%|%[sdr]|%\(\w{1,40}\)s|\{\{?[^{}0-9]{0,80}\}{0,2}|<[^<>]{0,80}>|\([a-z-]{0,40}"
    rb"|\*+|\.\.\.|\xe2\x80\xa6|x+)\Z",
    re.IGNORECASE,
)
# What makes the value: a command of PowerShell's, a function's call.
_CALL: Final = re.compile(
    rb"(?:Get|New|Read|ConvertTo|ConvertFrom|Import|Invoke|Select|Request|Connect)-[A-Z][A-Za-z]{2,40}\Z"
    rb"|[A-Za-z_][A-Za-z_.]{2,60}\([\w.,\[\]]{0,80}\)?\Z"
)
_SHORT_NUMBER: Final = re.compile(
    rb"[+-]?\d{1,5}(?:\.\d{1,3})?(?:\s?(?:ms|s|min|h|d|days?|chars?|characters?|minutes?|seconds?|%))?\Z"
)


def is_harmless(value: bytes) -> bool:
    """Whether a value that stands where a credential would is a setting's word, a small number or a placeholder."""
    value = value.strip()
    if len(value) < 3 or value.lower() in HARMLESS_VALUES:
        return True
    return bool(_PLACEHOLDER.match(value) or _CALL.match(value) or _SHORT_NUMBER.match(value))


def looks_chosen(value: bytes) -> bool:
    """Whether a value in prose looks like a credential and not like the next word: six characters of mixed kinds."""
    if len(value) < 6:
        return False
    letters = value.translate(None, _NOT_LETTERS)
    digits = value.translate(None, _NOT_DIGITS)
    if letters and digits:
        return True
    symbols = len(value) - len(letters) - len(digits)
    return symbols >= 2 and value.isascii() and not value.startswith((b"/", b"http", b"-"))


_LETTERS: Final = bytes(range(65, 91)) + bytes(range(97, 123))
_DIGITS: Final = b"0123456789"
_NOT_LETTERS: Final = bytes(code for code in range(256) if code not in _LETTERS)
_NOT_DIGITS: Final = bytes(code for code in range(256) if code not in _DIGITS)
_HEX_AND_DASH: Final = b"0123456789abcdefABCDEF-_"
_CLASSES: Final = bytes(
    ord("u") if 65 <= code <= 90 else ord("l") if 97 <= code <= 122 else ord("d") if 48 <= code <= 57 else ord("s")
    for code in range(256)
)
_TURNS: Final = (b"ul", b"ud", b"lu", b"ld", b"du", b"dl")


def is_random(value: bytes) -> bool:
    """Whether a run of letters and digits changes between upper case, lower case and digits as random text does.

    Random base64 turns at about two of three places; words in camel case at one in five; GUIDs and hashes have one case
    of letters only and are let through.
    """
    if value.count(b"-") >= 4:
        value = _GUID.sub(b"", value)
    if len(value) < 12 or not value.translate(None, _HEX_AND_DASH):
        return False
    classes = value.translate(_CLASSES)
    if b"d" not in classes or b"l" not in classes:
        return False
    turns = sum(classes.count(turn) for turn in _TURNS)
    if b"u" not in classes:
        # Lower case and digits: base36 turns at two of five, and no id of Graph's is that long without a separator.
        return classes.count(b"s") >= 2 and turns >= 3 and classes.count(b"d") >= 2 and _has_symbol(value)
    return turns >= 0.33 * len(classes.replace(b"s", b"")) and classes.count(b"d") >= 2


def _has_symbol(value: bytes) -> bool:
    return bool(re.search(rb"[!@#$%^&*~]", value))


_GUID: Final = re.compile(rb"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
