"""When a schedule fires, as people write it: a cron line or a span, in a time zone, spread over the tenants."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deployments.orchestration.prefect_times import checked_cron, checked_timezone
from runstore.errors import BadInputError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([0-9]{1,5})\s*([smhdw])")
_PLAIN = re.compile(r"[0-9]{1,2}")
# A fixed moment, so that the same schedule added again fires at the same times.
_ANCHOR = datetime(2024, 1, 1, tzinfo=UTC)
# One day and one week, as written, are the calendar's, at midnight in the zone. Prefect's arithmetic for spans counts elapsed
# hours from the anchor, which is an hour off in the other half of the year; every other span is elapsed time and has no zone.
# The written unit decides: who writes 24h wants 24 hours, over a change of the clock as well.
_BY_CALENDAR = {"1d": "0 0 * * *", "1w": "0 0 * * 1"}


@dataclass(frozen=True, slots=True)
class Timing:
    """A schedule as Prefect's API has it, and the minutes over which tenants are spread."""

    schedule: Mapping[str, Any]
    spread: int

    def for_tenant(self, tenant: str) -> dict[str, Any]:
        """The schedule, later by this tenant's share of the spread: always the same for the same tenant."""
        shift = int.from_bytes(hashlib.sha256(tenant.encode()).digest()[:4]) % (self.spread + 1)
        if "interval" in self.schedule:
            return {**self.schedule, "anchor_date": (_ANCHOR + timedelta(minutes=shift)).isoformat()}
        line = self.schedule["cron"]
        if shift:
            minute, hour, rest = line.split(maxsplit=2)
            hours, minutes = divmod(int(minute) + shift, 60)
            line = f"{minutes} {int(hour) + hours if hours else hour} {rest}"
        return {**self.schedule, "cron": line}


def said(schedule: Mapping[str, Any]) -> tuple[str, str]:
    """The timing and its time zone in words: `0 6 * * *` and `Europe/Berlin`, `every 6h` and `UTC`."""
    zone = str(schedule.get("timezone") or "UTC")
    if "interval" not in schedule:
        return str(schedule.get("cron") or schedule.get("rrule") or "unknown"), zone
    seconds = int(schedule["interval"])
    # 24 hours are not said as a day: a day, as written, is the calendar's and is kept as a cron line.
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0 and (unit, seconds) != ("d", 86_400))
    return f"every {seconds // _SECONDS[unit]}{unit}", zone


def parse_timing(*, cron: str | None, every: str | None, timezone: str, jitter: str | None) -> Timing:
    """The timing that the options name. BadInputError with one sentence for whatever is not usable."""
    if (cron is None) == (every is None):
        raise BadInputError("Say when with --cron or with --every, one of the two.")
    checked_timezone(timezone)
    spread = 0 if jitter is None else _span(jitter, "--jitter")[0] // 60
    if jitter is not None and not spread:
        raise BadInputError("--jitter is at least one minute: tenants are spread by whole minutes.")
    if every is None:
        line = checked_cron(str(cron))
        written = repr(line)
    else:
        seconds, short = _span(every, "--every")
        if not 60 <= seconds <= 366 * _SECONDS["d"]:
            raise BadInputError("--every is at least one minute, and 366d at most.")
        if spread * 60 > seconds:
            raise BadInputError("--jitter is no longer than --every.")
        if short not in _BY_CALENDAR:
            if short[-1] in "dw" and timezone not in ("UTC", "Etc/UTC"):
                raise BadInputError(
                    f"--every {short} is elapsed time, for which --timezone means nothing: leave --timezone out, or name the"
                    " local time with --cron."
                )
            return Timing({"interval": seconds, "timezone": "UTC"}, spread)
        line, written = _BY_CALENDAR[short], f"--every {short}"
    if spread:
        _check_room(line, spread, written)
    return Timing({"cron": line, "timezone": timezone, "day_or": True}, spread)


def _span(text: str, option: str) -> tuple[int, str]:
    """The span's seconds, and how it is written in short."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise BadInputError(f"{option} {text[:40]!r} is not a span: write it as 15m, 6h, 1d or 2w.")
    return int(found[1]) * _SECONDS[found[2]], f"{int(found[1])}{found[2]}"


def _check_room(line: str, spread: int, written: str) -> None:
    """Refuses a spread that would carry a cron line's time into fields that are not one number, or past midnight."""
    minute, hour = line.split()[:2]
    if not _PLAIN.fullmatch(minute):
        raise BadInputError("--jitter needs a cron line whose minute is one number, such as '0 6 * * *'.")
    room, limit = 59 - int(minute), "the hour, because the line's hour is not one number"
    if _PLAIN.fullmatch(hour):
        room, limit = 24 * 60 - 1 - int(hour) * 60 - int(minute), "the day"
    if spread > room:
        raise BadInputError(f"--jitter is at most {room}m with {written}: every tenant's time stays within {limit}.")
