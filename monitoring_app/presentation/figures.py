"""Counts and durations as people read them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from runstore.ids import by_name

NO_NAMES: Final[Mapping[str, str]] = {}
SHOWN_ENTRIES: Final = 30
"""So many entries of a mapping are shown."""
_DEEPEST: Final = 3


def capped(count: int, cap: int) -> str:
    """A count with thin grouping; one beyond its cap reads `1,000+`."""
    return f"{cap:,}+" if count > cap else f"{count:,}"


def duration(seconds: float) -> str:
    """A span in at most two units: `0.4 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`."""
    if seconds < 0:
        seconds = 0.0
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole // 60, "min", whole % 60, "s")
    if whole < 86400:
        return _two(whole // 3600, "h", whole % 3600 // 60, "min")
    return _two(whole // 86400, "d", whole % 86400 // 3600, "h")


def between(start: datetime | None, end: datetime | None) -> str | None:
    """The span between two times; None while either is missing."""
    return duration((end - start).total_seconds()) if start is not None and end is not None else None


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 run`, `2 runs`, `1,204 runs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def type_name(slug: str) -> str:
    """A policy type, or another name of the software's, as people read it, by rule."""
    said = slug.replace("_", " ").strip()
    return f"{said[:1].upper()}{said[1:]}"


def words(value: Any, names: Mapping[str, str] = NO_NAMES, depth: int = 0) -> str:
    """A value of a document as people write it, never as Python does, ids with their names before them. What nests deeper than a
    list in a mapping is left out."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict) and depth < _DEEPEST:
        entries = list(cast("dict[str, Any]", value).items())[:SHOWN_ENTRIES]
        return (
            "; ".join(f"{type_name(name)[:80] or '–'}: {words(one, names, depth + 1)}" for name, one in entries)[:500]
            or "–"
        )
    if isinstance(value, list) and depth < _DEEPEST:
        return ", ".join(words(one, names, depth + 1) for one in cast("list[Any]", value)[:20])[:500] or "–"
    if value is None:
        return "–"
    if isinstance(value, dict | list):
        return "…"
    return by_name(str(value)[:500], names) or "–"


def texts_in(value: Any, depth: int = 0) -> list[str]:
    """The texts of a document that `words` shows, each of which may be an id."""
    inside = list(cast("dict[str, Any]", value).values()) if isinstance(value, dict) else value
    if isinstance(inside, list) and depth <= _DEEPEST:
        return [text for one in cast("list[Any]", inside)[:SHOWN_ENTRIES] for text in texts_in(one, depth + 1)]
    return [value] if isinstance(value, str) else []


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"
