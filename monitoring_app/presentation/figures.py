"""Counts and durations as people read them."""

from __future__ import annotations

from datetime import datetime


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
    """A policy type as people read it, by rule."""
    words = slug.replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}"


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"
