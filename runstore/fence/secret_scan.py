"""Finds where secrets stand in a cleaned UTF-8 text: spans of (start, end, kind), sorted and disjoint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from runstore.fence import credential_names as names
from runstore.fence.opaque_words import RANDOM, opaque_words
from runstore.fence.opaque_words import SHORTEST as SHORTEST_OPAQUE
from runstore.fence.secret_patterns import RULES, Rule
from runstore.fence.shaped_words import chosen, keys_in_groups
from runstore.fence.signed_words import signed_words
from runstore.fence.token_forms import token_forms

Span = tuple[int, int, str]

BUDGET: Final = 40_000
"""How much looking one text is worth; looking at a place costs 1 to 30. Honest texts of 100 KB stay below."""

SHORTEST: Final = 6
"""No secret worth the name is shorter, with its name, than this many bytes."""


# Whether an anchor is there at all is asked of the same bytes as a Latin-1 string: `in` costs a fifth of what it costs
# on bytes (measured: 6 µs against 32 µs for all anchors in a line), and almost every text has none.
_EXACT: Final = tuple((rule.anchor.decode("latin-1"), rule) for rule in RULES if not rule.folded)
_FOLDED: Final = tuple((rule.anchor.decode("latin-1"), rule) for rule in RULES if rule.folded)
_KEYS: Final = tuple((anchor.decode("latin-1"), anchor) for anchor in names.KEY_ANCHORS)
_KEYS_IN_ASCII: Final = tuple((shown, anchor) for shown, anchor in _KEYS if anchor.isascii())
# What `lower` does not fold in bytes, of the letters that names of credentials have.
_CAPITALS: Final = tuple((letter.upper().encode(), letter.encode()) for letter in "éèîñóü")


class TooManyHits(Exception):
    """The text has more suspicious places than may be looked at in the time allowed."""


class _Budget:
    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise TooManyHits


def find_spans(data: bytes, *, budget: int = BUDGET) -> list[Span]:
    """The secrets in a text that `text_safety.to_safe_bytes` has cleaned. Raises TooManyHits for a hostile one."""
    if len(data) < SHORTEST:
        return []
    if b"[redacted:" in data or b"secret:" in data:
        # What was replaced before is opaque: no expression may read it as part of anything, and none can match this byte.
        data = _MARKER.sub(_hidden, data)
    if not data.isascii():
        # Spaces of other kinds are spaces, at the same places.
        data = data.replace(b"\xc2\xa0", b"  ").replace(b"\xe3\x80\x80", b"   ")
    left = _Budget(budget)
    folded = data.lower()
    for capital, small in _CAPITALS if b"\xc3" in data else ():
        folded = folded.replace(capital, small)
    spans: list[Span] = []
    view = data.decode("latin-1")
    for anchor, rule in _EXACT:
        if anchor in view:
            spans.extend(_rule(rule, data, data, left))
    folded_view = folded.decode("latin-1")
    for anchor, rule in _FOLDED:
        if anchor in folded_view:
            spans.extend(_rule(rule, data, folded, left))
    for shown, anchor in _KEYS_IN_ASCII if data.isascii() else _KEYS:
        if shown in folded_view:
            spans.extend(_assignments(anchor, data, folded, left))
    spans.extend(chosen(data, left.spend))
    spans.extend(keys_in_groups(data, left.spend))
    if len(data) >= SHORTEST_OPAQUE:
        spans.extend(_opaque(data, left))
    if _OPAQUE in data:
        spans = [span for span in spans if data[span[0] : span[1]].strip(_OPAQUE)]
    return _disjoint(data, spans) if spans else spans


def _positions(data: bytes, anchor: bytes, budget: _Budget, units: int) -> Iterator[int]:
    position = data.find(anchor)
    while position >= 0:
        budget.spend(units)
        yield position
        position = data.find(anchor, position + len(anchor))


def _rule(rule: Rule, data: bytes, searched: bytes, budget: _Budget) -> Iterator[Span]:
    done = 0
    for hit in _positions(searched, rule.anchor, budget, 4):
        start = hit - rule.back
        if start < done:
            continue
        match = rule.pattern.match(data, start)
        if match is None:
            continue
        found = match.lastindex or 0
        begin, end = match.span(found)
        if not found:
            # A token's expression is bounded; what follows without a break belongs to it all the same.
            end = _WORD_END.match(data, end).end()  # pyright: ignore[reportOptionalMemberAccess]
        if rule.kind == "authorization" and not names.looks_chosen(data[begin:end]) and b" " not in data[begin:end]:
            continue
        yield begin, end, rule.kind
        done = end


_IN_WORD: Final = re.compile(rb"[A-Za-z0-9]{0,64}+")
_WORD_END: Final = re.compile(rb"[A-Za-z0-9_-]{0,4096}+")


def _assignments(anchor: bytes, data: bytes, folded: bytes, budget: _Budget) -> Iterator[Span]:
    done = 0
    for hit in _positions(folded, anchor, budget, 3):
        name = names.CREDENTIAL_NAME.match(folded, hit) if hit >= done else None
        if name is None or (names.SHORT_NAME.match(folded, hit) and not _begins_word(data, hit)):
            continue
        budget.spend(12)
        sure = names.sureness(name, folded)
        yield from _column(data, hit, name.end(), budget, sure)
        span = _value_before(data, hit, name.end(), sure) or _value_after(data, hit, name.end(), budget, sure)
        if span is not None:
            yield span
            done = span[1]


def _column(data: bytes, start: int, end: int, budget: _Budget, sure: names.Judge) -> Iterator[Span]:
    """The values of the column that a table has the name at the head of."""
    sign = names.CELL_END.match(data, end)
    cell = names.CELL.search(data, max(0, start - 48), start) if sign else None
    if sign is None or cell is None:
        return
    budget.spend(8)
    left = names.BREAK.split(data[max(0, start - 512) : start])[-1]
    line_end = names.BREAK.search(data, end, end + 512)
    by = sign[1] if sign[1] in _BETWEEN_CELLS else cell[1]
    if line_end is None or by is None:
        return
    before, cells_less_one = left.count(by), left.count(by) + data.count(by, end, line_end.start())
    while line_end and line_end.end() < len(data):
        position = line_end.end()
        line_end = names.BREAK.search(data, position, position + 512)
        cells = data[position : line_end.start() if line_end else position + 512].split(by)
        budget.spend(4 + len(cells))
        if len(cells) != cells_less_one + 1:
            return
        value = cells[before].strip(b" \\\"'`*")
        if names.looks_like_pin(value) and names.is_value(value, sure):
            begin = position + sum(map(len, cells[:before])) + before + cells[before].index(value)
            yield begin, begin + len(value), "assigned"


_BETWEEN_CELLS: Final = (b"|", b";", b",", b"\t")


def _value_before(data: bytes, start: int, end: int, sure: names.Judge) -> Span | None:
    if data[end : end + 1] not in (b'"', b"'", b"\\") or b"alue" not in data[max(0, start - 240) : start]:
        return None
    found = names.BEFORE.search(data, max(0, start - 240), start)
    return _judged(data, *found.span(1), "assigned", sure) if found and names.looks_chosen(found[1]) else None


def _begins_word(data: bytes, hit: int) -> bool:
    before = data[hit - 1 : hit]
    return not before.isalnum() or (before.islower() and data[hit : hit + 1].isupper())


def _value_after(data: bytes, start: int, end: int, budget: _Budget, sure: names.Judge) -> Span | None:
    sign = names.ASSIGNMENT.match(data, end)
    if sign is None:
        return _remote(data, end, budget)
    form = sign.lastgroup
    if form in {"tag", "entry"}:
        if form == "tag" and not names.TAG_BEFORE.search(data[max(0, start - 48) : start]):
            return _remote(data, end, budget)
        tagged = names.TAGGED.match(data, sign.end())
        if tagged is None:
            return None
        stop = tagged.end() - 3 * data.endswith(b"]]>", tagged.start(), tagged.end())
        return _judged(data, tagged.start(), stop, "assigned", sure)
    flagged = form == "space" and bool(names.FLAG_BEFORE.search(data[max(0, start - 48) : start]))
    opening = names.OPENING.match(data, sign.end())
    position = opening.end() if opening else sign.end()
    quote = opening["quote"] if opening else None
    if form == "space" and not flagged and not quote:
        if strong := names.STRONG.match(data, position):
            return _judged(data, *strong.span(), "near-credential", sure)
        line = names.LINE.match(data, end)
        if line and names.looks_chosen(line[2]) and (line[1] or line[3] or b"\n" in data[max(0, start - 200) : start]):
            return _judged(data, *line.span(2), "assigned", sure)
        if (word := names.WORD_NEXT.match(data, end)) and names.stands_alone(word[1], sure):
            return _judged(data, *word.span(1), "assigned", sure)
        return _remote(data, end, budget)
    if quote:
        stop = _closing(data, position, quote)
        budget.spend((stop - position) // 32)
        if form in {"tuple", "space"} and not flagged:
            # In a list of words and in prose the next quoted word is one more, or the next name with a value of its own.
            follows = data[stop + len(quote) : stop + len(quote) + 4].lstrip()[:1]
            if follows in (b":", b"=") or not names.looks_chosen(data[position:stop]):
                return None
        return _judged(data, position, stop, "assigned", sure) if stop > position else None
    unquoted = names.UNQUOTED.match(data, position)
    if unquoted is None:
        return None
    value = unquoted.group().rstrip(b",.)}]")
    if form == "list":
        value = value.partition(b",")[0]
    budget.spend(len(unquoted.group()) // 32)
    if form in {"prose", "list"} and not (names.looks_chosen(value) or sure is names.looks_like_pin):
        return _remote(data, end, budget)
    return _judged(data, position, position + len(value), "assigned", sure)


def _remote(data: bytes, end: int, budget: _Budget) -> Span | None:
    budget.spend(12)
    found = names.REMOTE.match(data, end)
    if found is None and len((window := data[end : end + 112]).translate(None, names.SIGNS)) < len(window):
        budget.spend(8)
        found = names.REMOTE_STRONG.match(data, end)
    return (*found.span(1), "near-credential") if found else None


def _closing(data: bytes, position: int, quote: bytes) -> int:
    """Where a quoted value ends: at its quote, unescaped, or at the end of a bounded line when nothing closes it."""
    limit = min(len(data), position + 4096)
    while True:
        stop = data.find(quote, position, limit)
        if stop < 0:
            newline = data.find(b"\n", position, limit)
            return limit if newline < 0 else newline
        if len(quote) > 1 or data[stop - 1 : stop] != b"\\" or data[stop - 2 : stop] == b"\\\\":
            return stop
        position = stop + 1


def _judged(data: bytes, start: int, stop: int, kind: str, sure: names.Judge) -> Span | None:
    return (start, stop, kind) if names.is_value(data[start:stop], sure) else None


_FOUND_HERE: Final = (
    b"assigned near-credential recovery-key product-key random-text base32-text base36-text credential".split()
)
_OPAQUE: Final = b"\x01"
# A replacement of ours, exactly: brackets around anything else protect nothing.
_MARKER: Final = re.compile(rb"\[redacted:([a-z0-9-]{1,60})\]|secret:(?:v1:[0-9a-f]{32}|set\b)")
_NAMED_HASH: Final = re.compile(rb"(?:sha-?\d{1,3}|md5|etag|thumbprint|skiptoken|deltatoken)[-:= \"']{1,4}\Z", re.I)
_KINDS: Final = {*(one.kind.encode() for one in (*RULES, *token_forms())), *_FOUND_HERE}


def _hidden(marker: re.Match[bytes]) -> bytes:
    return marker[0] if marker[1] is not None and marker[1] not in _KINDS else _OPAQUE * len(marker[0])


def _opaque(data: bytes, budget: _Budget) -> Iterator[Span]:
    for start, end, kind, cost in opaque_words(data):
        budget.spend(cost)
        if end > start and not (kind == RANDOM and _NAMED_HASH.search(data, max(0, start - 16), start)):
            yield start, end, kind
    for start, end, cost in signed_words(data):
        budget.spend(cost)
        if end > start:
            # What is left of its last letters would be taken for a part of the fingerprint.
            yield start, _IN_WORD.match(data, end).end(), RANDOM  # pyright: ignore[reportOptionalMemberAccess]


def _disjoint(data: bytes, spans: list[Span]) -> list[Span]:
    spans.sort(key=lambda span: (span[0], -span[1]))
    merged: list[Span] = []
    for start, end, kind in spans:
        if merged and (start < merged[-1][1] or (start == merged[-1][1] and kind == merged[-1][2] == RANDOM)):
            first, last, known = merged[-1]
            if RANDOM in (known, kind) and known != kind:
                said = end if known == RANDOM else last
                if _NEXT_NAME.match(data, said):
                    merged[-1] = (first, said, kind if known == RANDOM else known)
                    continue
            # What a name or a form says is said of the whole.
            merged[-1] = (first, max(last, end), kind if known == RANDOM else known)
        elif end > start:
            merged.append((start, end, kind))
    return merged


_NEXT_NAME: Final = re.compile(rb"[;&,][A-Za-z_][\w .-]{0,40}=|@[\w-]{1,63}[.:/]|</?[A-Za-z]")
"""What follows a value is another name with its own, or the host of an address."""
