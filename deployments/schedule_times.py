"""When a schedule fires, as people write it: a cron line or a span, in a time zone, spread over the tenants."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from runstore.errors import BadInputError

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=366)
_SPAN = re.compile(r"(\d{1,5})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# A fixed moment, so that the same schedule added again fires at the same times.
_ANCHOR = datetime(2024, 1, 1, tzinfo=UTC)
# A day and a week are the calendar's, at midnight in the zone. Prefect's arithmetic for spans counts elapsed hours from
# the anchor, which is an hour off in the other half of the year; every other span is elapsed time and has no zone.
_BY_CALENDAR = {timedelta(days=1): "0 0 * * *", timedelta(weeks=1): "0 0 * * 1"}


@dataclass(frozen=True, slots=True)
class Timing:
    """Either `cron`, in `timezone`, or `every`, by elapsed time. `spread` is the window over which tenants are shifted."""

    cron: str | None
    every: timedelta | None
    timezone: str
    spread: timedelta = timedelta()
    anchor: datetime = _ANCHOR

    def for_tenant(self, tenant: str) -> Timing:
        """The same timing, later by this tenant's share of the spread: always the same share for the same tenant."""
        minutes = int(self.spread.total_seconds() // 60)
        if minutes == 0:
            return self
        shift = int.from_bytes(hashlib.sha256(tenant.encode()).digest()[:4]) % (minutes + 1)
        if self.cron is not None:
            minute, rest = self.cron.split(maxsplit=1)
            return replace(self, cron=f"{int(minute) + shift} {rest}")
        return replace(self, anchor=self.anchor + timedelta(minutes=shift))


def parse_timing(*, cron: str | None, every: str | None, timezone: str, jitter: str | None) -> Timing:
    """The timing that the options name. BadInputError with one sentence for whatever is not usable."""
    if (cron is None) == (every is None):
        raise BadInputError("Say when with --cron or with --every, one of the two.")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInputError(
            f"{timezone[:80]!r} is no time zone: write it as in the tz database, such as Europe/Berlin."
        ) from None
    spread = timedelta() if jitter is None else parse_span(jitter, "--jitter")
    if every is not None:
        span = parse_span(every, "--every")
        if not SHORTEST <= span <= LONGEST:
            raise BadInputError("--every is at least one minute, and 366d at most.")
        if spread > span:
            raise BadInputError("--jitter is no longer than --every.")
        if span not in _BY_CALENDAR:
            return Timing(None, span, "UTC", spread)
        cron = _BY_CALENDAR[span]
    assert cron is not None
    return Timing(_checked_cron(cron, spread), None, timezone, spread)


def parse_span(text: str, option: str) -> timedelta:
    """The span that `text` names: `90s`, `15m`, `6h`, `1d`, `2w`."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise BadInputError(f"{option} {text[:40]!r} is no span: write it as 15m, 6h, 1d or 2w.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _checked_cron(text: str, spread: timedelta) -> str:
    import anyio
    from prefect.server.schemas.schedules import CronSchedule

    fields = text.split()
    try:
        schedule = CronSchedule(cron=text, timezone="UTC")
    except ValidationError:
        schedule = None
    if schedule is None or len(fields) != 5:
        raise BadInputError(
            f"{text[:80]!r} is no cron line: it has five fields, such as '0 6 * * *' for 6:00 every day."
        )
    try:
        anyio.run(schedule.get_dates, 1)
    except ValueError:
        raise BadInputError(f"{text[:80]!r} never comes: no month it names has such a day.") from None
    if spread and (not fields[0].isdigit() or int(fields[0]) + spread.total_seconds() // 60 > 59):
        raise BadInputError(
            "With --jitter the cron line's minute has to be a number, and minute and jitter together stay within the "
            "hour: '0 6 * * *' with up to 59m."
        )
    return " ".join(fields)
