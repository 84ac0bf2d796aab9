"""Opaque words with signs in them, such as generators of passwords make: `K#8vQ!m2(zR;x?`.

Between signs such a word has pieces of one to three characters, too short to say anything by themselves. So the signs are judged
as well: how rarely a sign stands behind and before what it does in programs, addresses and prose, against chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from runstore.fence.budget import Budget
from runstore.fence.letter_costs import CHARACTERS, COSTS, DIGITS, LOWER, NUMBERS, TABLE, UPPER, is_hex
from runstore.fence.opaque_words import ANY_DIGIT, SHORTEST
from runstore.fence.shaped_words import THINGS

_SIGNS: Final = b"!#$%&()*+,-./:;<=>?@[]^_{|}~"
*_, _BEHIND, _BEFORE = TABLE
"""How surprising each sign is behind, and before, what it stands beside."""

_BITS: Final = 25
"""Quarters of a bit that chance takes for a character: a little more than six bits, for letters, digits and some signs."""
_WRITTEN: Final = -40
_IN_PROGRAMS: Final = frozenset(b"&& || == :: // ++ -- => -> != () (? $_ {} ][ )) [[ </ >< ). (! .* ); ),".split())


def _class(code: int) -> int:
    return 0 if code in LOWER else 1 if code in UPPER else 2 if code in NUMBERS else 3 if code in _SIGNS else 4


def _value(before: int, code: int) -> int:
    """Quarters of a bit by which chance explains a character behind another better than a writer does."""
    if code == _MASKED:
        return _WRITTEN
    kinds = _class(before), _class(code)
    if kinds[1] == 4:
        return 0
    value = -_BITS if bytes((before, code)) not in _IN_PROGRAMS else -_BITS - 24
    if kinds[0] == 3:
        value += DIGITS.index(chr(_BEFORE[5 * _SIGNS.index(before) + kinds[1]]))
    if kinds[1] == 3:
        return value + DIGITS.index(chr(_BEHIND[5 * _SIGNS.index(code) + kinds[0]]))
    return value + COSTS[before << 7 | code if kinds[0] < 3 else code]


_MASKED: Final = 32
_VALUES: Final = [_value(pair >> 7, pair & 127) for pair in range(128 * 128)]
_SAID: Final = re.compile(rb"&(?:amp|lt|gt|quot|apos|#[0-9]{2,3});|%[2-7][0-9A-F]")
"""A sign as HTML and addresses write it."""
_NAMED: Final = {b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">"}
_WRITTEN_PARTS: Final = re.compile(
    # GUIDs, MAC addresses, dates, versions; then what regular expressions and format strings are full of. Long numbers say nothing.
    # Each begins with a class of its own: that makes the search three times as fast.
    rb"[A-Fa-f0-9][A-Fa-f0-9]{7}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}"
    rb"|[A-Fa-f0-9][A-Fa-f0-9][:-](?:[A-Fa-f0-9]{2}[:-]){2,7}[A-Fa-f0-9]{2}"
    rb"|[0-9][0-9]{0,8}(?:[-.:T,][0-9]{1,9}){1,9}|[az]-[azAFZf]|A-[FZ]|%[A-Za-z][-:%]|[0-9]\}"
    rb"|abcdef|ABCDEF|qwertz|qwerty|[0-9][0-9]{3,}|[0-9a-f][0-9a-f]{7,}|[0-9A-F][0-9A-F]{7,}"
)


def _sign(match: re.Match[bytes]) -> bytes:
    text = match.group()
    sign = bytes.fromhex(text[1:].decode()) if text[:1] == b"%" else _NAMED.get(text, b"#")
    return sign.ljust(len(text), b"\0")


def _mask(match: re.Match[bytes]) -> bytes:
    text = match.group()
    return (b"\0" if text.isdigit() or (text.isalnum() and is_hex(text)) else b" ") * len(text)


_RARE: Final = b"!#$%&*+<=>?@^|~()[]{};"
"""Signs that neither an address, nor a path, nor a name is made of alone."""
_APART: Final = bytes(32 if code in b"\"'\\" or not 32 < code < 127 else code for code in range(256))
_ENOUGH: Final = ((16, 40), (13, 48), (0, 56))
_ODD: Final = b"!#%&*+?@^~"
_OFTEN: Final = UPPER + NUMBERS + _ODD
"""What chance takes a third of the time, and people hardly in a word with signs."""
_TAG: Final = re.compile(rb"</?[A-Za-z]{1,30}+>")  # It says nothing of the word that it stands around.
_PARTS: Final = re.compile(rb"[^ ]{8,256}+")
# Three small letters, a capital, three digits, a sign before the end: a password as people make them.
_MADE: Final = re.compile(
    rb"(?:\A|(?<=[=:(,;>|/]))(?=(?:[A-Z0-9S]*+[a-z]){3})(?=[a-z0-9S]*+[A-Z])(?=(?:[A-Za-zS]*+[0-9]){3})(?=[\w-]*+[S][\wS])"
    rb"(?![%_-])[\wS]{8,40}+(?=(?:[.:]|\.[a-z]{2,5})?\Z|[),;<|&])".replace(b"S", rb"!?#$&*+~%_-")
)
_DEPENDS: Final = re.compile(rb"%|[*+&~][0-9]{4}|[#$]")
"""It depends on the digits, or on the quotes, what a word is."""
_TWO_WORDS: Final = re.compile(rb"\$[A-Z][a-z]{2,15}[_-][A-Za-z][a-z]{2,15}[0-9]{3,6}")
_NUMBERED: Final = re.compile(rb"[A-Za-z_-]{1,39}[0-9]{0,4}#[0-9]+")
_COUNTED: Final = re.compile(
    rb"[A-Za-z_-]{1,39}[*+&~](?:[0-9]{1,3}|(?:19|20)[0-9]{2})\*?"
    rb"|.*%[0-9A-F]{2}.*|[0-9].*|[A-Za-z0-9_]{1,30}!\$?[A-Z]{1,2}\$?[0-9]+.*"
)


def signed_words(data: bytes, budget: Budget) -> Iterator[tuple[int, int]]:
    """Where opaque words with signs stand in a text."""
    apart = data.translate(_APART)
    met = budget.signed
    for match in _PARTS.finditer(apart.translate(ANY_DIGIT)):
        shape, begin = match.group(), match.start()
        if shape in met:
            continue
        bare = _TAG.sub(b"", shape) if b"</" in shape else shape
        length = len(bare)
        often = 2 * length - len(bare.translate(None, _OFTEN)) - len(bare.translate(None, _ODD))
        if 6 * often < length or len(bare.translate(None, _RARE)) == length:
            budget.spend(1)
            met.add(shape)
            continue
        # Which digits it has says nothing, but where they say a sign or a year.
        budget.spend(6 + length)
        word = apart[begin : begin + len(shape)]
        start, end = _opaque_part(word if b"%" in shape else shape) if length >= SHORTEST else (0, 0)
        if end <= start and bare.count(b"/") < 2 and not (b"&" in shape and b"=" in shape):
            budget.spend(12)
            spans = (made.span() for made in _MADE.finditer(word))
            made = (one for one in spans if _is_made(word[slice(*one)], data[begin + one[0] - 1 : begin + one[0]]))
            start, end = next(made, (0, 0))
        if end > start:
            yield begin + start, begin + end
        elif not _DEPENDS.search(shape):
            met.add(shape)


def _is_made(word: bytes, before: bytes) -> bool:
    """Whether it is neither a thing with its number nor a variable; in quotes a number behind `#` is no thing's."""
    if _NUMBERED.fullmatch(word):
        return before in (b'"', b"'") and not THINGS.fullmatch(word.partition(b"#")[0])
    is_variable = word[:1] == b"$" and before != b"'" and not _TWO_WORDS.fullmatch(word)
    return not is_variable and not _COUNTED.fullmatch(word)


@lru_cache(maxsize=10_000)
def _opaque_part(word: bytes) -> tuple[int, int]:
    """The part that chance explains best, if it does so well enough."""
    values, before = _VALUES, 0
    total = best = first = start = end = 0
    plain = _SAID.sub(_sign, word) if b"%" in word or b";" in word else word
    for position, code in enumerate(_WRITTEN_PARTS.sub(_mask, plain), 1):
        total += values[before << 7 | code]
        before = code
        if total <= 0:
            total, first = 0, position
        elif total > best:
            best, start, end = total, first, position
    if best < _ENOUGH[0][1]:
        return 0, 0
    # What stands around a word in programs is not a part of it.
    start, end = end - len(word[start:end].lstrip(b"=:,;(<>[{`")), start + len(word[start:end].rstrip(b";,:.)<>]}&=`"))
    found = word[start:end]
    rare, length = len(set(_RARE).intersection(found)), len(found)
    if not rare or _classes(found) < (3 if rare == 1 else 2) or 5 * len(found.translate(None, CHARACTERS)) > 4 * length:
        return 0, 0
    is_one = length >= 10 and any(length >= least and best >= enough for least, enough in _ENOUGH)
    return (start, end) if is_one else (0, 0)


def _classes(word: bytes) -> int:
    length = len(word)
    small, capital, digit = word.translate(None, LOWER), word.translate(None, UPPER), word.translate(None, NUMBERS)
    return (len(small) < length) + (len(capital) < length) + (len(digit) < length)
