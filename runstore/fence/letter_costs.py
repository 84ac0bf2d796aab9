"""How much better chance explains a word than a writer does, letter after letter.

What a letter costs behind another was counted over words that people wrote: `letter_costs.tsv`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from math import log2
from typing import Final

_LINES: Final = files("runstore.fence").joinpath("letter_costs.tsv").read_bytes().splitlines()
TABLE: Final = [line for line in _LINES if not line.startswith(b"#")]
"""Rows of digits from 0 to z: letters behind each letter, behind a digit and at a word's start, then two of signs."""

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CASE: Final = {"": (1.4, 0.7), "u": (0.9, 1.1), "l": (5.0, 0.05), "d": (2.85, 0.2)}
"""What an upper and a lower case letter cost in bits at a word's start, after upper case, lower case and a digit."""


def _class(character: str) -> str:
    return "d" if character.isdigit() else "u" if character.isupper() else "l" if character else ""


def _cost(before: str, after: str) -> int:
    """Quarters of a bit that `after` costs behind `before`; `before` is empty at a word's start."""
    kinds = _class(before), _class(after)
    # A capital after a small letter begins a word: deviceName.
    begins = not before or (kinds[1] == "u" and kinds[0] != "u")
    row = 26 if kinds[0] == "d" else 27 if begins else ord(before.lower()) - 97
    column = 26 if kinds[1] == "d" else ord(after.lower()) - 97
    bits = log2(10) if kinds[1] == "d" else _CASE[kinds[0]][0 if kinds[1] == "u" else 1]
    return DIGITS.index(chr(TABLE[row][column])) + round(4 * bits)


COSTS: Final = [0] * (128 * 128)
for _after in DIGITS:
    COSTS[ord(_after)] = _cost("", _after)
    for _before in DIGITS:
        COSTS[ord(_before) << 7 | ord(_after)] = _cost(_before, _after)

LOWER: Final = bytes(range(97, 123))
UPPER: Final = bytes(range(65, 91))
NUMBERS: Final = b"0123456789"
CHARACTERS: Final = LOWER + UPPER + NUMBERS
_BITS: Final = {size: 4 * log2(size) for size in (10, 26, 36, 52, 62)}

WORD: Final = -16
"""What a piece scores that is a word for sure."""
_LONGEST_NUMBER: Final = 40
"""Longer hexadecimal text is a hash where it has a digest's length, and else a key or something encrypted."""
_DIGESTS: Final = (56, 64, 96, 128)

_HEX: Final = re.compile(rb"[0-9]*(?:[0-9a-f]+|[0-9A-F]+)")
_PUBLIC: Final = re.compile(
    # A package's publisher (`Microsoft.Name_8wekyb3d8bbwe`), an app's id in Microsoft's store, a browser extension's id.
    rb"[0-9a-hjkmnp-tv-z]{13}|9[A-Z0-9]{11}|XP[A-Z0-9]{12}|[a-p]{32}"
)
_PUBLIC_LENGTHS: Final = (12, 13, 14, 32)
ASCENDING: Final = re.compile(rb"abcdef|ABCDEF|qwertz|qwerty|(.)\1{5}")
"""An alphabet to choose from, or one character many times."""
_SCORED: Final = 512
_LONGEST_WORD: Final = 24
_ABBREVIATED: Final = 4
"""Letters between signs that may be an abbreviation (`cn=`, `VPN-`), and what these say at most."""


def is_hex(piece: bytes) -> bool:
    return bool(_HEX.fullmatch(piece)) and bool(piece.strip(NUMBERS))


_ZEROS: Final = b"AAAAAAAA"
"""What base64 makes of zeros: in keys that are numbers with room, nobody's word."""


def score(piece: bytes, token: bytes, start: int) -> int:
    """Quarters of a bit by which chance explains the piece better than a writer does; below 0 where a writer does."""
    length = len(piece)
    if length > _LONGEST_WORD:
        return _value(piece, False)
    value = _of_word(piece, length == 13 and token[start - 1 : start] == b"_")
    if value > _ABBREVIATED >= length and len(token) > _ABBREVIATED and (piece.islower() or piece.isupper()):
        return _ABBREVIATED
    return value


def _value(piece: bytes, behind_name: bool) -> int:
    if _ZEROS in piece:
        piece = piece.replace(b"A", b"")
    # A long run is drawn from one alphabet all along.
    piece = piece[:_SCORED]
    length = len(piece)
    if piece[:1] == b"%" or b"-" in piece:
        return WORD
    if length >= 6:
        if length > _LONGEST_NUMBER and length not in _DIGESTS and len(set(piece)) > 8 and is_hex(piece):
            return length
        if ASCENDING.search(piece):
            return WORD
        if _HEX.fullmatch(piece):
            return 0
    elif piece.isdigit():
        return 0
    if length in _PUBLIC_LENGTHS and (length != 13 or behind_name) and _PUBLIC.fullmatch(piece):
        return WORD
    size = (
        26 * (len(piece.translate(None, LOWER)) < length)
        + 26 * (len(piece.translate(None, UPPER)) < length)
        + 10 * (len(piece.translate(None, NUMBERS)) < length)
    )
    if piece.isupper():
        piece = piece.lower()
    costs = COSTS
    written = costs[piece[0]] + sum([costs[before << 7 | after] for before, after in pairwise(piece)])
    return written - round(length * _BITS[size])


_of_word = lru_cache(maxsize=20_000)(_value)
