"""Words that read like nothing a person or Microsoft writes: what is left of a secret whose shape nobody listed.

A word is measured against two guesses: that somebody wrote it, letter after letter as words and identifiers run, or that
a machine drew each character from its alphabet. What the second explains better, by more than chance allows, is opaque.
Hexadecimal text says nothing either way and stays, since hashes and ids are written so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from runstore.fence.budget import Budget, remember
from runstore.fence.letter_costs import CHARACTERS, NUMBERS, WORD, is_hex, score
from runstore.fence.token_forms import BY_START, vendor_before

SHORTEST: Final = 12
"""Characters. A shorter word is as likely an abbreviation, a model's number or a team's id."""

_SHORT_WORD: Final = -6
"""A piece that scores so low is a word, and no part of a secret beside it; one of four letters or more needs less."""
# Longer words leave less to chance: what one is made of by people sinks with every letter.
_ENOUGH: Final = ((32, 24), (20, 32), (SHORTEST, 48))
_ENOUGH_ALONE: Final = ((20, 8), (16, 16), (SHORTEST, 24))
"""One piece needs less than several with signs between: names in programs are strings of abbreviations."""

_TOKEN: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9+/_.=~!#$%*,@^-]{11,4095}")
_PIECE: Final = re.compile(
    rb"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|(?:[0-9A-F]{2}-){5}[0-9A-F]{2}|%[0-9A-F]{2}|[A-Za-z0-9]+"
)
_SAID_HASH: Final = re.compile(
    rb"sha|md5|hash|thumb|digest|etag|guid|uuid|token_?delta|skip|commit|build|checksum", re.IGNORECASE
)
_KEY_AFTER_PREFIX: Final = 24
RANDOM: Final = "random-text"

Found = tuple[int, int, str]


def opaque_words(data: bytes, budget: Budget) -> Iterator[Found]:
    """Where opaque words stand in a text. The kind is that of the form in `token_forms`, if it has one."""
    # What a text is worth must not depend on what was seen before it: a word without a find costs where it is new to this text.
    met, spend = budget.words, budget.spend
    for match in _TOKEN.finditer(data.translate(ANY_DIGIT)):
        shape = match.group()
        if shape in met:
            continue
        start = match.start()
        token = data[start : start + len(shape)]
        separators = len(token.translate(None, CHARACTERS))
        if shape in _QUIET:
            met.add(shape)
            spend(4 + 2 * separators)
            continue
        if _KEY.fullmatch(token):
            kind = vendor_before(data, start) or _behind_id(data, start)
            if not kind and token.isdigit() and len(token) > _LONGEST_COUNT:
                kind = RANDOM
            spend(20 if kind else 9)
            if kind:
                yield start, start + len(token), kind
            continue
        is_quiet = len(token) <= _REMEMBERED
        # What is not remembered costs more.
        spend(4 + (2 if is_quiet else 4) * separators)
        for given in _GIVEN.finditer(token):
            is_quiet = False
            at = start + given.start(1)
            if kind := vendor_before(data, at) or _behind_id(data, at):
                spend(20)
                yield at, start + given.end(1), kind
        found = _known(token) if len(token) <= _REMEMBERED else _opaque_in(token) if 4 * separators < len(token) else ()
        for first, last, kind in found:
            spend(10 + (last - first) // 4)
            yield start + first, start + last, kind
        if is_quiet and not found and not _NUMBER_SAYS.search(shape):
            met.add(shape)
            remember(_QUIET, shape)


def _behind_id(data: bytes, start: int) -> str | None:
    """A key's kind, where the id that it belongs to stands before it."""
    return RANDOM if data[start - 1 : start] == b":" and _ID_BEFORE.search(data, max(0, start - 80), start) else None


ANY_DIGIT: Final = bytes.maketrans(NUMBERS, b"0" * 10)
"""Words that only differ in their digits read alike; almost all, and a text that counts is full of them."""
_NUMBERED: Final = {
    prefix.translate(ANY_DIGIT)
    for forms in BY_START.values()
    for prefix, *_ in forms
    if prefix.translate(None, NUMBERS) != prefix
}
_NUMBER_SAYS: Final = re.compile(
    # What one number makes and another does not: one digit many times, an id in a store, digests and keys, prefixes of tokens.
    rb"0{6}|0[A-Z0-9]{11}|[0-9A-Fa-f]{20}|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}|(?:[0-9A-F]{2}-){5}"
    rb"|(?:(?<![A-Za-z0-9])|(?<=%[0-9A-F]{2}))(?:" + b"|".join(sorted(map(re.escape, _NUMBERED))) + b")"
)
_QUIET: Final[set[bytes]] = set()
"""Words, with any digits for theirs, in which nothing was found, whatever stands before them."""
_REMEMBERED: Final = 128
_KEY: Final = re.compile(
    rb"[0-9A-Fa-f]{20,40}|(?:[0-9A-Fa-f]{32}){2,4}|[0-9A-Fa-f]{56}|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
)
_GIVEN: Final = re.compile(
    rb"(?:\A|[=,])((?:[0-9]{3,8}\.)?(?:" + _KEY.pattern + rb")(?:-[0-9a-f]{8}){0,2})(?![A-Za-z0-9-])"
)
"""A key with nothing but a sign before it: `vendor=…`, with a region's number before or parts behind, as some have."""
_LONGEST_COUNT: Final = 27
_ID_BEFORE: Final = re.compile(rb"(?:[0-9a-f]{20,64}|[0-9]{12,20}|[0-9a-f-]{27}[0-9a-f]{9}):\Z")


def _opaque_in(token: bytes) -> tuple[Found, ...]:
    """The opaque parts of a token: forms that are public, and pieces between separators that are not words, taken together."""
    if token.isalnum() and token[:2] not in BY_START:
        length, value = len(token), score(token, token, 0)
        is_one = (value > 0 and _is_opaque([(0, length, value)])) or (length > _KEY_AFTER_PREFIX and _is_glued(token))
        return ((0, length, RANDOM),) if is_one else ()
    pieces = [(*match.span(), score(match.group(), token, match.start())) for match in _PIECE.finditer(token)]
    found = _formed(token, pieces)
    if found:
        # A prefix may stand in random text by chance: what is before it is looked at as well.
        return (*_opaque_in(token[: found[0][0]]), *found) if found[0][0] >= SHORTEST else found
    run: list[tuple[int, int, int]] = []
    spans: list[tuple[int, int]] = []
    for piece in (*pieces, None) if any(piece[2] > 0 for piece in pieces) else ():
        if piece is not None and not _is_word(piece):
            run.append(piece)
            continue
        if run and _is_opaque(run):
            spans.append((run[0][0], run[-1][1]))
        run = []
    rests = _with_rests(token, pieces, spans) if spans else _prefixed_keys(token, pieces)
    return tuple((start, end, RANDOM) for start, end in rests)


_known: Final = lru_cache(maxsize=20_000)(_opaque_in)


def _formed(token: bytes, pieces: list[tuple[int, int, int]]) -> tuple[Found, ...]:
    """The tokens of public forms, each to the token's end."""
    for start, _, _ in pieces:
        for prefix, body, form in BY_START.get(token[start : start + 2], ()):
            match = body.match(token, start + len(prefix)) if token.startswith(prefix, start) else None
            if match is not None and match.end() - match.start() >= form.least:
                # What stands behind may be words again: only as much as a token has is looked at.
                body_text = token[match.start() : match.start() + max(form.least, 20)]
                if form.is_certain or _strange(prefix) or _strangeness(body_text) >= _NEARLY:
                    return ((start, len(token), form.kind),)
    return ()


@lru_cache(maxsize=1000)
def _strange(prefix: bytes) -> bool:
    """Whether a prefix is none that a word begins with: `xoxb-`."""
    return _strangeness(prefix) >= _STRANGE


def _strangeness(text: bytes) -> int:
    return sum(score(piece, text, 0) for piece in _PIECE.findall(text))


_STRANGE: Final = 24
_NEARLY: Final = -16


def _is_word(piece: tuple[int, int, int]) -> bool:
    start, end, score = piece
    return score <= (_SHORT_WORD if end - start >= 4 else 2 * _SHORT_WORD if end - start == 3 else WORD)


def _is_opaque(run: list[tuple[int, int, int]]) -> bool:
    length, total = run[-1][1] - run[0][0], sum(piece[2] for piece in run)
    is_one = any(length >= least and total >= enough for least, enough in (_ENOUGH if len(run) > 1 else _ENOUGH_ALONE))
    return is_one or (len(run) > 1 and any(_is_opaque([piece]) for piece in run))


def _with_rests(
    token: bytes, pieces: list[tuple[int, int, int]], found: list[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """The parts, each with what beside it only looks like a word by chance, and with the padding at its end."""
    spans: list[tuple[int, int]] = []
    for start, end in found:
        for first, last, _ in pieces:
            if first > end and (last - first > 5 or first - end > 1 or token[end] in b",="):
                break
            end = max(end, last)
        end += len(token[end:]) - len(token[end:].lstrip(b"="))
        if spans and _BESIDE.fullmatch(token, spans[-1][1], start):
            start = spans.pop()[0]
        spans.append((start, end))
    return tuple(spans)


_BESIDE: Final = re.compile(rb"[A-Za-z0-9_-]{0,32}")


def _prefixed_keys(token: bytes, pieces: list[tuple[int, int, int]]) -> tuple[tuple[int, int], ...]:
    """Hexadecimal text behind a prefix (`name_live_…`), the shape of keys, where nothing says that it is a hash."""
    if len(pieces) < 2 or len(token) < _KEY_AFTER_PREFIX or _SAID_HASH.search(token):
        return ()
    groups = _EQUAL_GROUPS.match(token)
    if groups and len({len(group) for group in groups[0].split(b"-")}) == 1:
        return (groups.span(),)
    long = [(start, end) for start, end, _ in pieces if end - start >= _KEY_AFTER_PREFIX]
    keys = [(start, end) for start, end in long if is_hex(token[start:end])]
    if len(keys) > 1:
        return ((keys[0][0], keys[-1][1]),)
    prefixed = [(start, end) for start, end in keys if token[start - 1 : start] in (b"-", b"_") and start > 1]
    return (*prefixed, *((start, end) for start, end in long if _is_glued(token[start:end])))


_GLUED: Final = re.compile(
    rb"(?:[A-Za-z0-9]{1,7}?[G-Zg-z]|[A-Z]{3,8}(?=[0-9a-f]{20}))?([0-9a-f]{20,128}|[0-9A-F]{20,128})[A-Za-z]{0,24}"
)


def _is_glued(piece: bytes) -> bool:
    """Whether hexadecimal text stands right behind or before a few letters."""
    glued = _GLUED.fullmatch(piece)
    return (
        glued is not None
        and glued[1] != piece
        and not glued[1].isalpha()
        and is_hex(glued[1])
        and not _SAID_HASH.search(piece)
    )


_EQUAL_GROUPS: Final = re.compile(rb"[0-9a-f]{8,40}(?:-[0-9a-f]{8,40}){2,}")
