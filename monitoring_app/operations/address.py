"""The pure pair address ⇄ view of the list: every view is a link, and reading a link back gives the same view."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import partial
from typing import Any, Final, Self, cast

from runstore.errors import BadInputError
from runstore.runs.filters import DEFAULT_LIMIT, BadCursorError, Cursor, RunFilter
from runstore.runs.operation import OperationType
from runstore.runs.reader import COUNT_CAP
from runstore.runs.status import StatusBucket

ROW_CHOICES: Final = (25, 50, 100, 250)
REFRESH_CHOICES: Final = (0, 5, 15, 60)
REFRESH_DEFAULT: Final = 5
LOOKS: Final = frozenset(("rows", "refresh"))
"""The parameters that leave the runs as they are."""
MAX_TEXT: Final = 320
_YEARS: Final = range(1970, 2300)


class Period(StrEnum):
    """A time range that moves with the clock, so that a shared link shows the receiver's last day, not the sender's."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def span(self) -> timedelta:
        """How far back it reaches."""
        return _PERIODS[self][0]

    @property
    def label(self) -> str:
        """The words a page shows."""
        return _PERIODS[self][1]


_PERIODS: Final = {
    Period.HOUR: (timedelta(hours=1), "Last hour"),
    Period.DAY: (timedelta(days=1), "Last 24 hours"),
    Period.WEEK: (timedelta(days=7), "Last 7 days"),
    Period.MONTH: (timedelta(days=30), "Last 30 days"),
}


@dataclass(frozen=True, slots=True)
class ListAddress:
    """What the list shows. At most one of `period`, (`since`, `until`) and `at` is set; `at` asks what was running then.

    `created` is from when, and before when, runs were created: a day of the chart. `refresh` is every how many seconds the
    page asks again, 0 for never. `longest` puts what took longest first, on one page.
    """

    type: OperationType | None = None
    buckets: frozenset[StatusBucket] = field(default_factory=frozenset[StatusBucket])
    period: Period | None = None
    since: datetime | None = None
    until: datetime | None = None
    at: datetime | None = None
    created: tuple[datetime, datetime] | None = None
    initiator: str | None = None
    search: str | None = None
    scope: str | None = None
    reason: str | None = None
    needs_attention: bool = False
    longest: bool = False
    cursor: Cursor | None = None
    rows: int = DEFAULT_LIMIT
    refresh: int = REFRESH_DEFAULT

    def to_params(self) -> dict[str, str]:
        """The address's parameters, without the tenant; what is open is left out."""
        parts = ((name, write, getattr(self, part), getattr(_OPEN, part)) for name, part, _, write, _ in _PARTS)
        return {name: write(value) for name, write, value, unset in parts if value != unset}

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> tuple[Self, tuple[str, ...]]:
        """The view an address asks for, and the names of parameters that could not be read and were left out.

        Never raises, whatever the values are.
        """
        ignored: list[str] = []
        found: dict[str, Any] = {}
        for name, part, read, _, _ in _PARTS:
            if text := params.get(name):
                try:
                    found[part] = read(text)
                except (BadInputError, BadCursorError, LookupError, ValueError, OverflowError):
                    ignored.append(name)

        def drop(*parts: str) -> None:
            ignored.extend(name for name, part, *_ in _PARTS if part in parts and part in found)
            for part in parts:
                found.pop(part, None)

        if "at" in found:
            drop("period", "since", "until")
        if "since" in found or "until" in found:
            drop("period")
        if "since" in found and "until" in found and found["since"] > found["until"]:
            drop("since", "until")
        return cls(**found), tuple(ignored)

    def filter(self, now: datetime) -> RunFilter:
        """The question for the reader at this moment."""
        return RunFilter(
            type=self.type,
            buckets=self.buckets,
            since=now - self.period.span if self.period else self.since,
            until=self.until,
            running_at=self.at,
            created_since=self.created[0] if self.created else None,
            created_before=self.created[1] if self.created else None,
            initiated_by=self.initiator,
            search=self.search,
            scope=self.scope,
            reason=self.reason,
            needs_attention=self.needs_attention,
        )

    def with_reason(self, codes: Container[str]) -> ListAddress:
        """The same view, a search for one of these reason codes being the filter for it."""
        if self.search is None or self.search not in codes:
            return self
        return replace(self, search=None, reason=self.reason or self.search)

    def cleared(self) -> ListAddress:
        """The view of every run, looked at in the same way."""
        return ListAddress(rows=self.rows, refresh=self.refresh)

    def changed(self, **parts: Any) -> ListAddress:
        """The same view with other parts, from its first page: a cursor belongs to the filters it was made under."""
        return replace(self, cursor=None, **parts)

    def filters(self, zone: tzinfo = UTC) -> tuple[tuple[str, str, ListAddress], ...]:
        """Each active filter as (what, value, the view without it); the buckets aside, which have tiles of their own."""
        shown = ((part, label, getattr(self, part)) for _, part, _, _, label in _PARTS if label)
        return tuple(
            (label, _said(value, zone), self.changed(**{part: getattr(_OPEN, part)}))
            for part, label, value in shown
            if value
        )


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _said(value: Any, zone: tzinfo) -> str:
    if isinstance(value, tuple):
        return " – ".join(_said(moment, zone) for moment in cast("tuple[datetime, ...]", value))
    if value is True:
        return f"longest first, of the newest {COUNT_CAP:,}"
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    return value.label if isinstance(value, OperationType | Period) else str(value)


def _time(text: str) -> datetime:
    if len(text) > 40:
        raise ValueError
    moment = datetime.fromisoformat(text)
    # At the ends of the calendar a time exists in some zones only.
    if moment.tzinfo is None or moment.year not in _YEARS:
        raise ValueError
    return moment.astimezone(UTC)


def _interval(text: str) -> tuple[datetime, datetime]:
    begin, _, end = text.partition("/")
    interval = _time(begin), _time(end)
    if interval[0] >= interval[1]:
        raise ValueError
    return interval


def _buckets(text: str) -> frozenset[StatusBucket]:
    return frozenset(StatusBucket(name) for name in text.split(","))


def _text(text: str) -> str:
    cleaned = text.strip()
    if not cleaned or len(cleaned) > MAX_TEXT or not cleaned.isprintable():
        raise ValueError
    return cleaned


def _chosen(choices: Sequence[int], text: str) -> int:
    if text not in {str(choice) for choice in choices}:
        raise ValueError
    return int(text)


def _joined(buckets: Container[StatusBucket]) -> str:
    return ",".join(bucket.value for bucket in StatusBucket if bucket in buckets)


_OPEN: Final = ListAddress()
_ORDERS: Final = {"duration": True}
_PARTS: Final[Sequence[tuple[str, str, Callable[[str], Any], Callable[[Any], str], str]]] = (
    ("type", "type", OperationType.parse, str, "type"),
    ("bucket", "buckets", _buckets, _joined, ""),
    ("range", "period", Period, str, "time"),
    ("since", "since", _time, _written, "from"),
    ("until", "until", _time, _written, "until"),
    ("at", "at", _time, _written, "running at"),
    ("created", "created", _interval, lambda both: "/".join(map(_written, both)), "created"),
    ("by", "initiator", _text, str, "started by"),
    ("q", "search", _text, str, "search"),
    ("scope", "scope", _text, str, "scope"),
    ("reason", "reason", _text, str, "reason"),
    ("attention", "needs_attention", lambda text: bool(_chosen((1,), text)), lambda _: "1", ""),
    ("sort", "longest", lambda text: bool(_ORDERS[text]), lambda _: "duration", "order"),
    ("cursor", "cursor", Cursor.decode, Cursor.encode, ""),
    ("rows", "rows", partial(_chosen, ROW_CHOICES), str, ""),
    ("refresh", "refresh", partial(_chosen, REFRESH_CHOICES), str, ""),
)
"""Of each parameter: the part of a view that it holds, how it is read and written, and what its filter is called (empty: none)."""
