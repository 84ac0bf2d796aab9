"""Secrets that their shape gives away: groups of one length, and passwords as people make them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from runstore.fence.budget import Spend
from runstore.fence.letter_costs import score
from runstore.fence.opaque_words import RANDOM, Found

# Every letter and digit as `a`, every sign but hyphen and space as a dot: groups of one length are then a literal text.
_SHAPE: Final = bytes(
    97 if chr(code).isalnum() and code < 128 else code if code in b"- " else 46 for code in range(256)
)
_GROUPS: Final = tuple(
    (sign, size, sign.join([b"a" * size] * 3), re.compile(sign.join([b"(?:", b"a{%d}(?!a))*+" % size])))
    for sign, size in ((b"-", 4), (b"-", 5), (b"-", 6), (b" ", 4))
)
_GROUPS_SAY: Final = 24
_LONGEST_GROUPS: Final = 60


def keys_in_groups(data: bytes, spend: Spend) -> Iterator[Found]:
    """Product keys, recovery keys, passwords for apps: groups that say nothing one by one, and are judged together."""
    shapes = data.translate(_SHAPE)
    for sign, size, shape, more in _GROUPS:
        position = shapes.find(shape)
        while position >= 0:
            spend(1)
            before = shapes[position - 1 : position]
            if before == b"-" or (before == b"a" and sign == b"-"):
                position = shapes.find(shape, position + 2 * size)
                continue
            # Behind a longer word the groups begin with the next one.
            start = position + (size + 1 if before == b"a" else 0)
            end = more.match(shapes, start + size).end()  # pyright: ignore[reportOptionalMemberAccess]
            position = shapes.find(shape, max(end, position + size))
            word = data[start:end].replace(sign, b"")
            if not 4 * size <= len(word) <= _LONGEST_GROUPS:
                continue
            spend(8)
            if word.isdigit() and sign == b"-" and len(word) >= 20:
                yield start, end, "recovery-key"
            elif score(word, word, 0) >= _GROUPS_SAY:
                yield start, end, "product-key"


def chosen(data: bytes, spend: Spend) -> Iterator[Found]:
    """Passwords as people make them, whatever stands before: words, a number, a sign; `Orange-Tisch417!`."""
    for match in _SIGNS_AT_END.finditer(data):
        if not data[match.start() - 1 : match.start()].isdigit():
            continue
        spend(2)
        if not _NUMBER_BEFORE.search(data, max(0, match.start() - 8), match.start()):
            continue
        spend(14)
        words = _WORDS_AND_NUMBER.search(data, max(0, match.start() - 64), match.start())
        if words is None or match.end() - words.start(1) < 8 or THINGS.fullmatch(words[2]):
            continue
        # A star behind one word stands for the rest of a name; a sign of percent stands behind most numbers.
        is_one_word = words[1][1:].replace(b"_", b"A").islower()
        if (match[0] != b"%" or len(words[3]) > 2) and not (
            match[0] in b"*+" and (is_one_word or words[3][:2] in (b"19", b"20"))
        ):
            yield words.start(1), match.end(), RANDOM


_SIGNS_AT_END: Final = re.compile(rb"[!?#$&*+%]{1,3}+(?=[\s\"'<\\,)]|(?:\.[a-z]{2,5})?\Z)")
_NUMBER_BEFORE: Final = re.compile(rb"[a-z\x80-\xff][._-]?[0-9]{2,6}\Z")
_WORDS_AND_NUMBER: Final = re.compile(
    rb"(?:\A|[^%!$/^{~\w.-]|[a-z]%|-h?[pP])((?:[A-Z][a-z\x80-\xff]{2,15}+[._-]?){0,3}([A-Z][a-z\x80-\xff]{2,15}+)[._-]?([0-9]{2,6}))\Z"
)
THINGS: Final = re.compile(
    rb"(?i)(?:windows|office|microsoft|server|exchange|android|version|update|phase|ring|wave|build|level|kapitel|chapter"
    rb"|room|raum|schritt|step|figure|tabelle|table|seite|page|release|ticket|port|kiosk|win|pro|sprint|group|gruppe|abteilung|standort)"
)
"""What people number, so that a sign behind the number ends a sentence."""
