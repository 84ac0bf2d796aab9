"""A change as people read it, for every rendering: what differs is in view, however long the two values are."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import orjson

VALUE_SHOWN: Final = 1_000
"""Characters of a value where there is room."""
LINES_SHOWN: Final = 200
MEMBERS_SHOWN: Final = 100
VALUES_SHOWN: Final = 5
NAMED_SHOWN: Final = 200
"""Characters of a value that is told in words: a group's name and its id are not cut apart."""
FITS: Final = 90
"""Characters that two values have together in one line."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One change. It has lines of a `diff`, or members that `came` and `gone`, or else `before` and `after`.

    The last two are None where there was nothing. `left_out` counts lines or members beyond those shown.
    """

    before: str | None = None
    after: str | None = None
    diff: Sequence[str] = ()
    came: Sequence[str] = ()
    gone: Sequence[str] = ()
    left_out: int = 0
    note: str = ""

    @property
    def is_short(self) -> bool:
        sides = [side or "" for side in (self.before, self.after)]
        return sum(map(len, sides)) <= FITS and not any("\n" in side for side in sides)

    def parts(self) -> tuple[Sequence[str], Sequence[str]]:
        """Each side as what both begin with, what is its own, and what both end with; a missing side as nothing."""
        before, after = self.before or "", self.after or ""
        begin = alike(before, after)
        end = alike(before[begin:][::-1], after[begin:][::-1])
        ends = ((side[:begin], side[begin : len(side) - end], side[len(side) - end :]) for side in (before, after))
        old, new = ends
        return old, new


def shape(change: Mapping[str, Any], limit: int) -> Shape:
    """The change with each value, member or line cut to `limit` characters. Two that differ are never cut to look alike."""
    note = _note(change)
    lines = str(change.get("diff", "")).splitlines()
    if len(lines) > 1:
        shown = list(_lines(lines[2:], limit))
        return Shape(diff=shown[:LINES_SHOWN], left_out=max(len(shown) - LINES_SHOWN, 0), note=note)
    came, gone = (change.get(f"{side}_names") or change.get(side, ()) for side in ("members_added", "members_removed"))
    if came or gone:
        return _members(came, gone, limit, note)
    limit = max(limit, NAMED_SHOWN if {"before_name", "after_name"} & change.keys() else 0)
    before, after = _texts(*_named(change))
    if before is not None and after is not None:
        return Shape(*apart(before, after, limit), note=note)
    before, after = (None if side is None else _cut(side, 0, limit) for side in (before, after))
    return Shape(before, after, note=note)


def in_line(change: Mapping[str, Any], limit: int) -> str:
    """The change in one line: `before → after`, the members that came and went, or the first lines of a diff that differ."""
    shaped = shape(change, limit)
    if shaped.came or shaped.gone:
        sides = (("added", shaped.came), ("removed", shaped.gone))
        more = f" and {shaped.left_out:,} more" if shaped.left_out else ""
        return "; ".join(f"{word} {_listed(members, limit)}" for word, members in sides if members) + more
    if shaped.diff:
        less, more = (next((line[1:] for line in shaped.diff if line.startswith(sign)), None) for sign in "-+")
        lines = str(change["diff"]).splitlines()[2:]
        counts = " ".join(f"{sign}{sum(line.startswith(sign) for line in lines)}" for sign in "-+")
        return f"{counts} lines: {_arrow(less, more)}"
    return _arrow(shaped.before, shaped.after)


def apart(before: str, after: str, limit: int) -> tuple[str, str]:
    """Two different texts, cut to `limit` characters about the first place where they differ; `…` is what is left out.

    What would look alike all the same, as two kinds of space do, is written out as `\\u00a0`.
    """
    same = alike(before, after)
    longest = max(len(before), len(after))
    start = 0 if longest <= limit else max(0, min(same - limit // 3, longest - (limit - 2)))
    cut = _cut(before, start, limit), _cut(after, start, limit)
    if before != after and _seen(cut[0]) == _seen(cut[1]):
        return _written_out(cut[0]), _written_out(cut[1])
    return cut


def alike(before: str, after: str) -> int:
    """How many characters both begin with; by halves, since values may have megabytes."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, start: int, limit: int) -> str:
    if start == 0 and len(text) <= limit:
        return text
    room = limit - 2
    return f"{'…' if start else ''}{text[start : start + room]}{'…' if len(text) > start + room else ''}"


def _seen(text: str) -> str:
    shown = "".join(one for one in unicodedata.normalize("NFKC", text) if one.isprintable() or one.isspace())
    return " ".join(shown.split())


def _written_out(text: str) -> str:
    return "".join(
        "␣" if one == " " else one if "!" <= one <= "~" or one == "…" else f"\\u{ord(one):04x}" for one in text
    )


def _named(change: Mapping[str, Any]) -> tuple[Any, Any]:
    """The values by the names people know them by, unless two go by one name."""
    before = change.get("before_name") or change["before"]
    after = change.get("after_name") or change["after"]
    return (change["before"], change["after"]) if before == after else (before, after)


def _texts(*values: Any) -> list[str | None]:
    """The values as texts, both in one line each or both on several, so that only what differs differs."""
    short = [value if value is None or isinstance(value, str) else orjson.dumps(value, default=str) for value in values]
    many = orjson.OPT_INDENT_2 if any(isinstance(one, bytes) and len(one) > FITS for one in short) else 0
    return [
        value if value is None or isinstance(value, str) else orjson.dumps(value, default=str, option=many).decode()
        for value in values
    ]


def _members(came: Sequence[Any], gone: Sequence[Any], limit: int, note: str) -> Shape:
    texts = [[_texts(one)[0] or "none" for one in side] for side in (came, gone)]
    sides = [[_cut(one, 0, limit) for one in side] for side in texts]
    if len(came) == len(gone) == 1:
        sides = [[one] for one in reversed(apart(texts[1][0], texts[0][0], limit))]
    left_out = sum(max(len(side) - MEMBERS_SHOWN, 0) for side in sides)
    return Shape(came=sides[0][:MEMBERS_SHOWN], gone=sides[1][:MEMBERS_SHOWN], left_out=left_out, note=note)


def _lines(lines: Sequence[str], limit: int) -> Iterator[str]:
    """The lines of a diff, each cut; a line and the one in its place about where the two differ."""
    less: list[str] = []
    for sign, block in groupby(lines, key=lambda line: line[:1]):
        if sign == "-":
            less = list(block)
            continue
        pairs = list(block)
        if sign == "+":
            cut = [apart(old[1:], new[1:], limit) for old, new in zip(less, pairs, strict=False)]
            yield from (f"-{old}" for old, _ in cut)
            yield from (_cut(line, 0, limit) for line in less[len(cut) :])
            yield from (f"+{new}" for _, new in cut)
            yield from (_cut(line, 0, limit) for line in pairs[len(cut) :])
        else:
            yield from (_cut(line, 0, limit) for line in (*less, *pairs))
        less = []
    yield from (_cut(line, 0, limit) for line in less)


def _note(change: Mapping[str, Any]) -> str:
    """Where it moved, what else it is in other policies of a platform change, and how it was compared."""
    for word in ("moved_to", "moved_from"):
        if place := change.get(word):
            return f"{word.replace('_', ' ').capitalize()} {place.get('policy_name') or place.get('policy_id')}."
    values: Sequence[Mapping[str, Any]] = change.get("values", ())
    said = [
        f"{_cut(_flat(text or 'none'), 0, FITS)} in {one['policies']}"
        for one in values[:VALUES_SHOWN]
        for text in _texts(one.get("after", one.get("before")))
    ]
    more = f" and {len(values) - VALUES_SHOWN} more" if len(values) > VALUES_SHOWN else ""
    return f"{'; '.join(said)}{more}" if said else str(change.get("note", ""))


def _listed(members: Sequence[str], limit: int) -> str:
    shown, room = list[str](), limit
    for one in members:
        if shown and len(one) > room:
            break
        shown.append(_flat(one))
        room -= len(one) + 2
    more = f" and {len(members) - len(shown)} more" if len(members) > len(shown) else ""
    return ", ".join(shown) + more


def _arrow(before: str | None, after: str | None) -> str:
    return f"{'none' if before is None else _flat(before)} → {'none' if after is None else _flat(after)}"


def _flat(text: str) -> str:
    """Without line breaks, which one line cannot hold."""
    return " ".join(part.strip() for part in text.splitlines()) if "\n" in text else text
