"""Times by Prefect's own arithmetic: which zones and cron lines it takes, and when a schedule fires next."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any
from zoneinfo import available_timezones

import anyio
from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from runstore.errors import BadInputError

_KINDS = {"cron": CronSchedule, "interval": IntervalSchedule, "rrule": RRuleSchedule}
# Files in the directory of time zones that are none: this machine's own, and a place holder.
_NO_ZONES = {"localtime", "Factory", "posixrules"}


def checked_timezone(name: str) -> None:
    """BadInputError for what Prefect's arithmetic does not take: it knows names of the tz database, not every file there."""
    try:
        if name in _NO_ZONES or name not in available_timezones():
            raise ValueError(name)
        # A zone may be too new for one of the libraries that Prefect reckons with; pytz says so with a KeyError.
        anyio.run(CronSchedule(cron="0 0 * * *", timezone=name).get_dates, 1)
    except (ValueError, KeyError):
        raise BadInputError(
            f"{name[:80]!r} is not a time zone: write it as in the tz database, such as Europe/Berlin."
        ) from None


def checked_cron(text: str) -> str:
    """The cron line with single spaces. BadInputError for what is none, and for one that never comes."""
    fields = text.split()
    try:
        schedule = CronSchedule(cron=text, timezone="UTC") if len(fields) == 5 and text.isascii() else None
    except ValueError:
        schedule = None
    if schedule is None:
        raise BadInputError(
            f"{text[:80]!r} is not a cron line: it has five fields, such as '0 6 * * *' for 6:00 every day."
        )
    try:
        anyio.run(schedule.get_dates, 1)
    except ValueError:
        raise BadInputError(f"{text[:80]!r} never comes: no month it names has such a day.") from None
    return " ".join(fields)


@lru_cache(maxsize=5_000)
def _reckoning(schedule: str) -> CronSchedule | IntervalSchedule | RRuleSchedule:
    """Kept, as the relay reckons with every schedule each minute, and making one takes 4 ms. StopIteration, ValueError."""
    fields = json.loads(schedule)
    return next(kind for name, kind in _KINDS.items() if name in fields).model_validate(fields)


async def next_times(schedule: Mapping[str, Any], count: int, start: datetime | None = None) -> list[datetime]:
    """The next times in UTC, by the arithmetic Prefect's scheduler itself uses. None for a line that never comes."""
    since = start or datetime.now(UTC)
    try:
        known = _reckoning(json.dumps(schedule, sort_keys=True, default=str))
        found = await known.get_dates(count, start=since)
        # Of an hour that comes twice it takes the first, also when that has passed: then as many as fit in one more.
        if any(one < since for one in found):
            found = await known.get_dates(count + 60, start=since)
    except (StopIteration, ValueError):
        return []
    # Plain ones: Prefect's own, given to it again as a start, lose their zone.
    return [
        datetime.fromtimestamp(moment.timestamp(), UTC)
        for moment in islice((one for one in found if one >= since), count)
    ]
