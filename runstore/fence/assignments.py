"""Values that a name before them, above them or behind them says to be credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from runstore.fence import assigned_forms as forms
from runstore.fence.budget import Budget, Span, positions
from runstore.fence.credential_names import CREDENTIAL_NAME, SHORT_NAME, sureness
from runstore.fence.credential_values import Judge, anything, is_value, looks_chosen, looks_like_pin, stands_alone


def assignments(anchor: bytes, data: bytes, folded: bytes, budget: Budget) -> Iterator[Span]:
    done = 0
    for hit in positions(folded, anchor, budget, 3):
        name = CREDENTIAL_NAME.match(folded, hit) if hit >= done else None
        if name is None or (SHORT_NAME.match(folded, hit) and not _begins_word(data, hit)):
            continue
        budget.spend(12)
        sure = sureness(name, folded)
        yield from _column(data, hit, name.end(), budget, sure)
        yield from _inserted(data, hit, name.end(), budget, sure)
        span = _value_before(data, hit, name.end(), sure) or _value_after(data, hit, name.end(), budget, sure)
        while span is not None:
            yield span
            done = span[1]
            following = forms.NEXT.match(data, done)
            span = (*following.span(1), "near-credential") if following else None


def _column(data: bytes, start: int, end: int, budget: Budget, sure: Judge) -> Iterator[Span]:
    """The values of the column that a table has the name at the head of."""
    sign = forms.CELL_END.match(data, end)
    cell = forms.CELL.search(data, max(0, start - 48), start) if sign else None
    if sign is None or cell is None:
        return
    budget.spend(8)
    left = forms.BREAK.split(data[max(0, start - 512) : start])[-1]
    line_end = forms.BREAK.search(data, end, end + 512)
    by = cell[1] if sign[1].endswith((b"n", b"\n")) else sign[1]
    if line_end is None or by is None:
        return
    before, cells_less_one = left.count(by), left.count(by) + data.count(by, end, line_end.start())
    while line_end and line_end.end() < len(data):
        position = line_end.end()
        line_end = forms.BREAK.search(data, position, position + 512)
        cells = data[position : line_end.start() if line_end else position + 512].split(by)
        budget.spend(4 + len(cells))
        if len(cells) != cells_less_one + 1:
            return
        value = cells[before].strip(b" \\\"'`*")
        if looks_like_pin(value) and is_value(value, sure):
            begin = position + sum(map(len, cells[:before])) + before + cells[before].index(value)
            yield begin, begin + len(value), "assigned"


def _inserted(data: bytes, start: int, end: int, budget: Budget, sure: Judge) -> Iterator[Span]:
    """The values that an INSERT gives to the column of the name."""
    opened = data.rfind(b"(", max(0, start - 400), start)
    sign = forms.INTO.match(data, end) if opened >= 0 else None
    column, field = data.count(b",", opened, start), 0
    while sign and (sign := forms.FIELD.match(data, sign.end())):
        budget.spend(4)
        value = sign.span(2) if sign[1] else sign.span(3)
        if field == column and (span := _judged(data, *value, "assigned", sure)):
            yield span
        field = field + 1 if sign[4] == b"," else 0


def _value_before(data: bytes, start: int, end: int, sure: Judge) -> Span | None:
    if data[end : end + 1] not in (b'"', b"'", b"\\") or b"alue" not in data[max(0, start - 240) : start]:
        return None
    found = forms.BEFORE.search(data, max(0, start - 240), start)
    return _judged(data, *found.span(1), "assigned", sure) if found and looks_chosen(found[1]) else None


def _begins_word(data: bytes, hit: int) -> bool:
    before = data[hit - 1 : hit]
    return not before.isalnum() or (before.islower() and forms.PART.match(data, hit) is not None)


def _value_after(data: bytes, start: int, end: int, budget: Budget, sure: Judge) -> Span | None:
    sign = forms.ASSIGNMENT.match(data, end)
    if sign is None:
        return _remote(data, end, budget)
    form = sign.lastgroup
    if form in {"tag", "entry"}:
        if form == "tag" and not forms.TAG_BEFORE.search(data[max(0, start - 48) : start]):
            given = forms.GIVEN.match(data, end)
            if given and looks_chosen(given[1]):
                return _judged(data, *given.span(1), "assigned", sure)
            return _remote(data, end, budget)
        tagged = forms.TAGGED.match(data, sign.end())
        if tagged is None:
            return None
        stop = tagged.end() - 3 * data.endswith(b"]]>", tagged.start(), tagged.end())
        return _judged(data, tagged.start(), stop, "assigned", sure)
    flagged = form == "space" and bool(forms.FLAG_BEFORE.search(data[max(0, start - 48) : start]))
    opening = forms.OPENING.match(data, sign.end())
    position = opening.end() if opening else sign.end()
    quote = opening["quote"] if opening else None
    if form == "space" and not flagged and not quote:
        if strong := forms.STRONG.match(data, position):
            return _judged(data, *strong.span(), "near-credential", sure)
        line = forms.LINE.match(data, end)
        if line and looks_chosen(line[2]) and (line[1] or line[3] or b"\n" in data[max(0, start - 200) : start]):
            return _judged(data, *line.span(2), "assigned", sure)
        if (word := forms.WORD_NEXT.match(data, end)) and stands_alone(word[1], sure):
            return _judged(data, *word.span(1), "assigned", sure)
        return _remote(data, end, budget)
    if quote:
        stop = _closing(data, position, quote)
        budget.spend((stop - position) // 32)
        if form in {"tuple", "space"} and not flagged:
            # In a list of words and in prose the next quoted word is one more, or the next name with a value of its own.
            follows = data[stop + len(quote) : stop + len(quote) + 4].lstrip()[:1]
            if follows in (b":", b"=") or not looks_chosen(data[position:stop]):
                return None
        return _judged(data, position, stop, "assigned", sure) if stop > position else None
    unquoted = forms.UNQUOTED.match(data, position)
    if unquoted is None:
        return None
    value = unquoted.group().rstrip(b",.)}]")
    if flagged and value[:1] == b"-" and value[1:2].isalpha():
        return None  # The next switch.
    if form == "prose":
        value = _CJK.split(value)[0] or value
    if form == "list":
        value = value.partition(b",")[0]
    budget.spend(len(unquoted.group()) // 32)
    if form in {"prose", "list"} and not (looks_chosen(value) or sure is looks_like_pin):
        return _remote(data, end, budget)
    span = _judged(data, position, position + len(value), "assigned", sure)
    return _remote(data, end, budget) if flagged and not span else span


_CJK: Final = re.compile(rb"[\xe3-\xe9]")


def _remote(data: bytes, end: int, budget: Budget) -> Span | None:
    budget.spend(12)
    found = forms.REMOTE.match(data, end)
    if found and found["numbered"] and not stands_alone(found["numbered"], anything):
        found = None
    if found is None and len((window := data[end : end + 112]).translate(None, forms.SIGNS)) < len(window):
        budget.spend(8)
        found = forms.REMOTE_STRONG.match(data, end)
    return (*found.span("value"), "near-credential") if found else None


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


def _judged(data: bytes, start: int, stop: int, kind: str, sure: Judge) -> Span | None:
    return (start, stop, kind) if is_value(data[start:stop], sure) else None
