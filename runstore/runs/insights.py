"""What the hub shows around the list and inside one run: counts per day, choices, failures a page at a time. One tenant only.

Every method reads a bounded number of rows, or of one row's items, however large the tenant or the run is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import text

from runstore.database import TenantReader
from runstore.errors import NotFoundError
from runstore.runs import insight_queries as sql
from runstore.runs.branches import shape_of, values_of
from runstore.runs.filters import EVERYTHING, Cursor, RunFilter
from runstore.runs.operation import OperationType
from runstore.runs.queries import per_day
from runstore.runs.rows import detail_of, run_of
from runstore.runs.run import Failure, Run, RunDetail
from runstore.runs.run_sources import SEARCHED
from runstore.runs.status import StatusBucket

HISTORY_FROM = 10_000
"""Runs per day are counted over at most this many of the newest ones."""


@dataclass(frozen=True, slots=True)
class History:
    """Runs by day of creation and bucket. Not `complete`: the first day is the oldest reached, in part."""

    days: Mapping[date, Mapping[StatusBucket, int]]
    complete: bool


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The failures of a run that have one reason code, with the first and the last item, in the order of the run."""

    reason_code: str
    count: int
    first_item: str
    last_item: str
    message: str


@dataclass(frozen=True, slots=True)
class RunNote:
    """Some of a run's context, and why it, or its first item, failed; None also for too many failures."""

    about: tuple[tuple[str, str], ...]
    reason_code: str | None


@dataclass(frozen=True, slots=True)
class RunOverview:
    """A run without its lists: how many item ids and failures it has, and everything else. The lists come in pages."""

    detail: RunDetail
    items: int
    failures: int


@dataclass(frozen=True, slots=True)
class Slice:
    entries: tuple[Any, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Choices:
    """Who started the newest runs, every type of runs, every scope and reason of finished ones, each sorted, 200 at most."""

    types: tuple[OperationType, ...]
    initiators: tuple[str, ...]
    scopes: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunAt:
    id: UUID
    bucket: StatusBucket
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Kin:
    """The runs of the same operation and scope around one; `last_good` is the newest before it that succeeded."""

    previous: RunAt | None = None
    next: RunAt | None = None
    last_good: RunAt | None = None


@dataclass(frozen=True, slots=True)
class Against:
    """A run beside an earlier one: how many items fail in this one alone, in both, in the earlier one alone.

    No counts and no new reasons where one of the two has more failures than are compared for a page.
    """

    new: int | None
    same: int | None
    gone: int | None
    lasted: timedelta | None
    lasted_before: timedelta | None
    version: str | None = None
    version_before: str | None = None
    reasons: Sequence[str] = ()


class RunInsights(TenantReader):
    """Reads beside the list, as one actor."""

    def these(self, run_ids: Sequence[UUID]) -> dict[UUID, Run]:
        """The runs of these ids as they are now, by id; those that are gone, or another tenant's, are left out."""
        rows = self._rows(sql.THESE, {"ids": list(run_ids), "size": max(len(run_ids), 1)})
        return {row.id: run_of(row) for row in rows}

    def notes(self, run_ids: Sequence[UUID], keys: Sequence[str]) -> dict[UUID, RunNote]:
        """What there is to say about these runs, by id: their values of those keys of the context, cut, and why they failed."""
        rows = self._rows(sql.NOTES, {"ids": list(run_ids), "keys": list(keys), "size": max(len(run_ids), 1)})
        return {row.id: RunNote(tuple(zip(row.names or (), row.said or (), strict=True)), row.reason) for row in rows}

    def newer_than(self, place: Cursor, cap: int = 100) -> int:
        values = {"place_at": place.created_at, "place_id": place.run_id, "size": cap}
        return self._rows(sql.NEWER, values)[0].n

    def searched(self) -> int:
        return self._rows(text(SEARCHED))[0].n

    def choices(self) -> Choices:
        rows, kinds = self._rows(sql.CHOICES), ("type", "by", "scope", "reason")
        types, *others = (tuple(row.value for row in rows if row.kind == kind) for kind in kinds)
        return Choices(tuple(sorted(map(OperationType.parse, types))), *others)

    def history(self, begins: Sequence[datetime], wanted: RunFilter = EVERYTHING) -> History:
        """Runs per day and bucket. A day is told by its beginning; oldest first, the last has no end."""
        asked = replace(wanted, created_since=begins[0], created_before=None)
        values = values_of(self._scope.tenant_id, asked, HISTORY_FROM) | {"begins": list(begins)}
        rows = self._rows(per_day(shape_of(asked)), values)
        days: dict[date, dict[StatusBucket, int]] = {begin.date(): {} for begin in begins}
        for row in rows:
            days[begins[int(row.day) - 1].date()][StatusBucket(row.bucket)] = row.runs
        return History(days, sum(row.runs for row in rows) < HISTORY_FROM)

    def usual_durations(
        self, operations: Sequence[OperationType], *, besides: UUID | None = None
    ) -> dict[OperationType, timedelta]:
        """The median duration of this tenant's latest finished runs by type; none of a type with fewer than three."""
        names = {"resources": [one.resource for one in operations], "actions": [one.action for one in operations]}
        rows = self._rows(sql.USUAL, {**names, "besides": besides})
        return {OperationType(row.resource, row.action): timedelta(seconds=row.seconds) for row in rows}

    def kin(self, run_id: UUID) -> Kin:
        rows = self._rows(sql.KIN, {"run": run_id})
        return Kin(**{row.which: RunAt(row.id, StatusBucket(row.bucket), row.created_at) for row in rows})

    def against(self, run_id: UUID, other_id: UUID | None) -> Against | None:
        rows = self._rows(sql.AGAINST, {"run": run_id, "other": other_id})
        return Against(*rows[0]) if rows else None

    def overview(self, run_id: UUID) -> RunOverview:
        rows = self._rows(sql.OVERVIEW, {"run": run_id})
        if not rows:
            raise NotFoundError(f"Tenant {self._scope.slug!r} has no run {run_id}.")
        return RunOverview(detail_of(rows[0]), rows[0].items, rows[0].failed_items)

    def failure_groups(self, run_id: UUID) -> tuple[FailureGroup, ...]:
        return tuple(FailureGroup(*row) for row in self._rows(sql.GROUPS, {"run": run_id}))

    def failures(
        self,
        run_id: UUID,
        *,
        reason_code: str | None = None,
        search: str | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> Slice:
        """Some of the run's failures in their order; `search` is part of an item id, in any case."""
        rows = self._rows(sql.FAILURES, {**_slice(run_id, search, offset, limit), "code": reason_code})
        found = tuple(Failure(row.item_id, row.reason_code, row.message) for row in rows)
        return Slice(found, rows[0].total if rows else 0)

    def items(self, run_id: UUID, *, search: str | None = None, offset: int = 0, limit: int = 50) -> Slice:
        """Some of the run's item ids in their order; `search` is part of an item id, in any case."""
        rows = self._rows(sql.ITEMS, _slice(run_id, search, offset, limit))
        return Slice(tuple(row.item_id for row in rows), rows[0].total if rows else 0)


def _slice(run_id: UUID, search: str | None, offset: int, limit: int) -> dict[str, Any]:
    words = search.casefold() if search else None
    return {"run": run_id, "search": words, "offset": max(offset, 0), "limit": max(1, min(limit, 5000))}


def known_zone(name: str | None) -> str:
    """The zone's own name when it is one, UTC otherwise: a browser may say anything."""
    try:
        return ZoneInfo(name).key if name and len(name) < 64 else "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
