"""The pure pair address ⇄ view of the list: every view is a link, and reading a link back gives the same view."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import partial
from typing import Any, Final, Self

from runstore.errors import BadInputError
from runstore.runs.cursor import BadCursorError, Cursor
from runstore.runs.filters import DEFAULT_LIMIT, RunFilter
from runstore.runs.operation import OperationType
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
        return {
            Period.HOUR: timedelta(hours=1),
            Period.DAY: timedelta(days=1),
            Period.WEEK: timedelta(days=7),
            Period.MONTH: timedelta(days=30),
        }[self]

    @property
    def label(self) -> str:
        """The words a page shows."""
        return {
            Period.HOUR: "Last hour",
            Period.DAY: "Last 24 hours",
            Period.WEEK: "Last 7 days",
            Period.MONTH: "Last 30 days",
        }[self]


@dataclass(frozen=True, slots=True)
class ListAddress:
    """What the list shows. At most one of `period`, (`since`, `until`) and `at` is set; `at` asks what was running then.

    `created` is from when, and before when, runs were created: a day of the chart. `refresh` is every how many seconds the
    page asks again, 0 for never.
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
    cursor: Cursor | None = None
    rows: int = DEFAULT_LIMIT
    refresh: int = REFRESH_DEFAULT

    def to_params(self) -> dict[str, str]:
        """The address's parameters, without the tenant; what is open is left out."""
        found: dict[str, str | None] = {
            "type": str(self.type) if self.type else None,
            "bucket": ",".join(bucket.value for bucket in StatusBucket if bucket in self.buckets) or None,
            "range": self.period.value if self.period else None,
            "since": _written(self.since),
            "until": _written(self.until),
            "at": _written(self.at),
            "created": "/".join(str(_written(moment)) for moment in self.created) if self.created else None,
            "by": self.initiator,
            "q": self.search,
            "scope": self.scope,
            "reason": self.reason,
            "attention": "1" if self.needs_attention else None,
            "cursor": self.cursor.encode() if self.cursor else None,
            "rows": str(self.rows) if self.rows != DEFAULT_LIMIT else None,
            "refresh": str(self.refresh) if self.refresh != REFRESH_DEFAULT else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> tuple[Self, tuple[str, ...]]:
        """The view an address asks for, and the names of parameters that could not be read and were left out.

        Never raises, whatever the values are.
        """
        ignored: list[str] = []

        def read(name: str, parse: Any) -> Any:
            text = params.get(name)
            if text is None or text == "":
                return None
            try:
                return parse(text)
            except (BadInputError, BadCursorError, ValueError, OverflowError):
                ignored.append(name)
                return None

        period, since, until, at = read("range", Period), read("since", _time), read("until", _time), read("at", _time)
        if at is not None and (period or since or until):
            ignored += [name for name, value in (("range", period), ("since", since), ("until", until)) if value]
            period = since = until = None
        if period is not None and (since or until):
            ignored.append("range")
            period = None
        if since and until and since > until:
            ignored += ["since", "until"]
            since = until = None
        address = cls(
            type=read("type", OperationType.parse),
            buckets=read("bucket", _buckets) or frozenset(),
            period=period,
            since=since,
            until=until,
            at=at,
            created=read("created", _interval),
            initiator=read("by", _text),
            search=read("q", _text),
            scope=read("scope", _text),
            reason=read("reason", _text),
            needs_attention=read("attention", _flag) or False,
            cursor=read("cursor", Cursor.decode),
            rows=read("rows", partial(_chosen, ROW_CHOICES)) or DEFAULT_LIMIT,
        )
        refresh = read("refresh", partial(_chosen, REFRESH_CHOICES))
        address = address if refresh is None else replace(address, refresh=refresh)
        return address, tuple(ignored)

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

    def at_cursor(self, cursor: Cursor | None) -> ListAddress:
        """The same view on another page."""
        return replace(self, cursor=cursor)

    def filters(self, zone: tzinfo = UTC) -> tuple[tuple[str, str, ListAddress], ...]:
        """Each active filter as (what, value, the view without it); the buckets aside, which have tiles of their own."""
        found: list[tuple[str, str, ListAddress]] = []
        if self.type:
            found.append(("type", self.type.label, self.changed(type=None)))
        if self.period:
            found.append(("time", self.period.label, self.changed(period=None)))
        if self.since:
            found.append(("from", _shown(self.since, zone), self.changed(since=None)))
        if self.until:
            found.append(("until", _shown(self.until, zone), self.changed(until=None)))
        if self.at:
            found.append(("running at", _shown(self.at, zone), self.changed(at=None)))
        if self.created:
            begin, end = (_shown(moment, zone) for moment in self.created)
            found.append(("created", f"{begin} – {end}", self.changed(created=None)))
        if self.initiator:
            found.append(("started by", self.initiator, self.changed(initiator=None)))
        if self.search:
            found.append(("id", self.search, self.changed(search=None)))
        if self.scope:
            found.append(("scope", self.scope, self.changed(scope=None)))
        if self.reason:
            found.append(("reason", self.reason, self.changed(reason=None)))
        return tuple(found)


def _written(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment is not None else None


def _shown(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


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
    if not cleaned or len(cleaned) > MAX_TEXT or "\x00" in cleaned or not cleaned.isprintable():
        raise ValueError
    return cleaned


def _flag(text: str) -> bool:
    if text != "1":
        raise ValueError
    return True


def _chosen(choices: Sequence[int], text: str) -> int:
    if text not in {str(choice) for choice in choices}:
        raise ValueError
    return int(text)
