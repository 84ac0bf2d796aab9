"""A timing as Prefect's server keeps it, what of it is said to people, and its next times by Prefect's own arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule

from deployments.orchestration.schedules.times import Timing


def as_prefect(timing: Timing) -> dict[str, Any]:
    """The timing as the JSON of Prefect's API."""
    if timing.cron is not None:
        return {"cron": timing.cron, "timezone": timing.timezone, "day_or": True}
    assert timing.every is not None
    return {
        "interval": timing.every.total_seconds(),
        "anchor_date": timing.anchor.isoformat(),
        "timezone": timing.timezone,
    }


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two of them, each as sent or as read back, fire at the same times."""
    return _canonical(one) == _canonical(other)


def said(schedule: Mapping[str, Any]) -> tuple[str, str]:
    """The timing and its time zone in words: `0 6 * * *` and `Europe/Berlin`, `every 6h` and `UTC`."""
    zone = str(schedule.get("timezone") or "UTC")
    if "cron" in schedule:
        return str(schedule["cron"]), zone
    if "interval" in schedule:
        return f"every {_span(int(schedule['interval']))}", zone
    return str(schedule.get("rrule", "unknown")), zone


async def next_times(schedule: Mapping[str, Any], count: int, start: datetime | None = None) -> list[datetime]:
    """The next times in UTC, by the arithmetic Prefect's scheduler itself uses.

    None for what only Prefect's UI makes: rules, and lines that never come.
    """
    kind = CronSchedule if "cron" in schedule else IntervalSchedule if "interval" in schedule else None
    if kind is None:
        return []
    since = start or datetime.now(UTC)
    try:
        # An hour more: of one that comes twice it takes the first, also when that has passed.
        found = await kind.model_validate(dict(schedule)).get_dates(count + 60, start=since)
    except ValueError:
        return []
    to_come = (moment for moment in found if moment >= since)
    return [moment.astimezone(UTC) for moment in islice(to_come, count)]


def _canonical(schedule: Mapping[str, Any]) -> tuple[object, ...]:
    # The server adds defaults and writes moments in its own way.
    if "cron" in schedule:
        return (schedule["cron"], schedule.get("timezone"), schedule.get("day_or", True))
    if "interval" in schedule:
        anchor = datetime.fromisoformat(str(schedule.get("anchor_date", "")).replace("Z", "+00:00"))
        return (float(schedule["interval"]), anchor, schedule.get("timezone"))
    return tuple(sorted((name, str(value)) for name, value in schedule.items()))


def _span(seconds: int) -> str:
    # 24 hours are not said as a day: a day, as written, is the calendar's and is kept as a cron line.
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0 and (unit, seconds) != ("d", 86_400):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
