"""What the hub shows around the list and inside one run: counts per day, choices, failures a page at a time. One tenant only.

Every method reads a bounded number of rows, or of one row's items, however large the tenant or the run is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import bindparam, func, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from runstore.database import Database
from runstore.errors import NotFoundError
from runstore.runs.cursor import Cursor
from runstore.runs.filters import EVERYTHING, RunFilter
from runstore.runs.kin import AGAINST, KIN
from runstore.runs.operation import OperationType
from runstore.runs.queries import per_day
from runstore.runs.rows import detail_of, list_of_runs, run_of
from runstore.runs.run import Failure, Run, RunDetail
from runstore.runs.status import StatusBucket
from runstore.schema import ENDED_BADLY_SQL, OperationRun
from runstore.tenancy import Permission, TenantScope

CHOICES_FROM = 1000
"""Who started runs is offered from this many of the newest ones."""

HISTORY_FROM = 10_000
"""Runs per day are counted over at most this many of the newest ones."""

MOST_ITEMS = 5000
"""A slice of a run's items or failures holds at most this many."""

USUAL_FROM = 30
"""A run is compared with at most this many earlier ones of its type."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """Runs created on one day (in the viewer's zone) that are in one bucket now."""

    day: date
    bucket: StatusBucket
    runs: int


@dataclass(frozen=True, slots=True)
class History:
    """Runs per day and bucket. When `complete` is False the first day is the oldest that was reached, in part."""

    days: tuple[DayCount, ...]
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
    """What a list says about one run: some of its context, and the reason of its failure or of its first failed item.

    `reason_code` is None where nothing failed, and where the failures are too many to be read for a list.
    """

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
    """Some entries of a run's list, and how many match in all."""

    entries: tuple[Any, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Choices:
    """Who started the newest runs, and every scope and reason that finished runs have, each sorted, 200 at most."""

    initiators: tuple[str, ...]
    scopes: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kin:
    """The runs of the same operation and scope around one, None where there is none.

    `last_good` is the newest one before it that succeeded.
    """

    previous: RunAt | None
    next: RunAt | None
    last_good: RunAt | None


@dataclass(frozen=True, slots=True)
class Against:
    """A run beside an earlier one: how many items fail in this one alone, in both, in the earlier one alone, and both durations.

    The counts are None where one of the two has more failures than are compared for a page.
    """

    new: int | None
    same: int | None
    gone: int | None
    lasted: timedelta | None
    lasted_before: timedelta | None


@dataclass(frozen=True, slots=True)
class RunAt:
    """Which run, how it stands, and when it was created."""

    id: UUID
    bucket: StatusBucket
    created_at: datetime


class RunInsights:
    """Reads beside the list, as one actor. ForbiddenError at once when the actor may not view runs."""

    def __init__(self, database: Database, scope: TenantScope) -> None:
        scope.require(Permission.VIEW)
        self._database = database
        self._scope = scope

    def these(self, run_ids: Sequence[UUID]) -> dict[UUID, Run]:
        """The runs of these ids as they are now, by id; those that are gone, or another tenant's, are left out."""
        wanted = bindparam("ids", list(run_ids), type_=ARRAY(Uuid(as_uuid=True)))
        query = list_of_runs().where(self._mine(), OperationRun.id == func.any(wanted)).limit(max(len(run_ids), 1))
        with self._database.transaction(self._scope) as connection:
            return {row.id: run_of(row) for row in connection.execute(query)}

    def notes(self, run_ids: Sequence[UUID], keys: Sequence[str]) -> dict[UUID, RunNote]:
        """What there is to say about these runs, by id: their values of those keys of the context, cut, and why they failed."""
        asked = {
            "tenant": self._scope.tenant_id,
            "ids": list(run_ids),
            "keys": list(keys),
            "size": max(len(run_ids), 1),
        }
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(_NOTES, asked).all()
        return {row.id: RunNote(tuple(zip(row.names or (), row.said or (), strict=True)), row.reason) for row in rows}

    def newer_than(self, place: Cursor, cap: int = 100) -> int:
        """How many runs were created after that place in the list, counted up to `cap`."""
        key = tuple_(OperationRun.created_at, OperationRun.id)
        some = (
            select(OperationRun.id)
            .where(self._mine(), key > tuple_(literal(place.created_at), literal(place.run_id)))
            .limit(cap)
            .subquery()
        )
        with self._database.transaction(self._scope) as connection:
            return connection.execute(select(func.count()).select_from(some)).scalar_one()

    def choices(self) -> Choices:
        """What the list can be filtered by."""
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(_CHOICES, {"tenant": self._scope.tenant_id}).all()
        found = {kind: tuple(row.value for row in rows if row.kind == kind) for kind in ("by", "scope", "reason")}
        return Choices(found["by"], found["scope"], found["reason"])

    def history(self, begins: Sequence[datetime], wanted: RunFilter = EVERYTHING) -> History:
        """Runs that the filter means per day and bucket, its own bounds of creation aside.

        A day is told by its beginning in the viewer's zone; oldest first, the last has no end.
        """
        query, values = per_day(self._scope.tenant_id, wanted, begins, HISTORY_FROM)
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(query, values).all()
        counted = sum(row.runs for row in rows)
        days = tuple(DayCount(begins[int(row.day) - 1].date(), StatusBucket(row.bucket), row.runs) for row in rows)
        return History(days, counted < HISTORY_FROM)

    def usual_durations(
        self, operations: Sequence[OperationType], *, besides: UUID | None = None
    ) -> dict[OperationType, timedelta]:
        """The median duration of this tenant's latest finished runs by type; none of a type with fewer than three."""
        asked = {
            "tenant": self._scope.tenant_id,
            "resources": [one.resource for one in operations],
            "actions": [one.action for one in operations],
            "besides": besides,
        }
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(_USUAL, asked).all()
        return {OperationType(row.resource, row.action): timedelta(seconds=row.seconds) for row in rows}

    def kin(self, run_id: UUID) -> Kin:
        """The runs of the same operation and scope around this one; nothing for a run that is not this tenant's."""
        asked = {"tenant": self._scope.tenant_id, "run": run_id}
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(KIN, asked).all()
        found = {row.which: RunAt(row.id, StatusBucket(row.bucket), row.created_at) for row in rows}
        return Kin(found.get("previous"), found.get("next"), found.get("last_good"))

    def against(self, run_id: UUID, other_id: UUID | None) -> Against | None:
        """This run beside another one of the tenant; None when one of them is not there."""
        asked = {"tenant": self._scope.tenant_id, "run": run_id, "other": other_id}
        with self._database.transaction(self._scope) as connection:
            row = connection.execute(AGAINST, asked).one_or_none()
        return None if row is None else Against(*row)

    def overview(self, run_id: UUID) -> RunOverview:
        """One run without its lists. NotFoundError when this tenant has no such run."""
        columns = (
            OperationRun.context,
            OperationRun.related,
            OperationRun.history,
            func.jsonb_array_length(OperationRun.item_ids).label("items"),
            func.jsonb_array_length(OperationRun.failures).label("failed_items"),
        )
        query = list_of_runs().add_columns(*columns).where(self._mine(), OperationRun.id == run_id).limit(1)
        with self._database.transaction(self._scope) as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"Tenant {self._scope.slug!r} has no run {run_id}.")
        values: Any = SimpleNamespace(**row, item_ids=(), failures=())
        return RunOverview(detail_of(values), row["items"], row["failed_items"])

    def failure_groups(self, run_id: UUID) -> tuple[FailureGroup, ...]:
        """The run's failures by reason code, the most frequent first; none for a run that is not this tenant's."""
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(_GROUPS, {"tenant": self._scope.tenant_id, "run": run_id}).all()
        return tuple(FailureGroup(*row) for row in rows)

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
        values = self._slice(run_id, search, offset, limit) | {"code": reason_code}
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(_FAILURES, values).all()
        found = tuple(Failure(row.item_id, row.reason_code, row.message) for row in rows)
        return Slice(found, rows[0].total if rows else 0)

    def items(self, run_id: UUID, *, search: str | None = None, offset: int = 0, limit: int = 50) -> Slice:
        """Some of the run's item ids in their order; `search` is part of an item id, in any case."""
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(_ITEMS, self._slice(run_id, search, offset, limit)).all()
        return Slice(tuple(row.item_id for row in rows), rows[0].total if rows else 0)

    def _slice(self, run_id: UUID, search: str | None, offset: int, limit: int) -> dict[str, Any]:
        return {
            "tenant": self._scope.tenant_id,
            "run": run_id,
            "search": search.casefold() if search else None,
            "offset": max(offset, 0),
            "limit": max(1, min(limit, MOST_ITEMS)),
        }

    def _mine(self) -> Any:
        return OperationRun.tenant_id == self._scope.tenant_id


def known_zone(name: str | None) -> str:
    """The zone's own name when it is one, UTC otherwise: a browser may say anything."""
    try:
        return ZoneInfo(name).key if name and len(name) < 64 else "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


# Scopes and reasons are walked from one to the next in their index, however many runs have each.
_CHOICES = text(
    f"""
    WITH RECURSIVE scopes (value, n) AS (
      (SELECT scope, 1 FROM ended_runs WHERE tenant_id = :tenant ORDER BY scope LIMIT 1)
      UNION ALL
      SELECT f.scope, s.n + 1 FROM scopes s CROSS JOIN LATERAL (
        SELECT scope FROM ended_runs WHERE tenant_id = :tenant AND scope > s.value ORDER BY scope LIMIT 1) f WHERE s.n < 201
    ), reasons (value, n) AS (
      (SELECT reason, 1 FROM ended_runs WHERE tenant_id = :tenant AND {ENDED_BADLY_SQL} AND reason IS NOT NULL
       ORDER BY reason LIMIT 1)
      UNION ALL
      SELECT f.reason, r.n + 1 FROM reasons r CROSS JOIN LATERAL (
        SELECT reason FROM ended_runs WHERE tenant_id = :tenant AND {ENDED_BADLY_SQL} AND reason > r.value
        ORDER BY reason LIMIT 1) f WHERE r.n < 200
    ), people AS (
      SELECT DISTINCT initiated_by AS value FROM (
        SELECT initiated_by FROM operation_runs WHERE tenant_id = :tenant
        ORDER BY created_at DESC, id DESC LIMIT {CHOICES_FROM}) newest
      ORDER BY value LIMIT 200
    )
    SELECT * FROM (
      SELECT 'by' AS kind, value FROM people UNION ALL
      SELECT 'scope', value FROM scopes WHERE value <> '' UNION ALL
      SELECT 'reason', value FROM reasons) every
    ORDER BY kind, value LIMIT 600
    """
)

# A list reads no failures that take more than this many bytes where they are stored.
_NOTES = text(
    """
    SELECT r.id, told.names, told.said,
           CASE WHEN r.bucket IN ('failed', 'partial') AND pg_column_size(r.failures) < 65536 THEN coalesce(
             jsonb_path_query_first(r.failures, '$[*] ? (@.item_id == "run").reason_code') #>> '{}',
             r.failures -> 0 ->> 'reason_code') END AS reason
    FROM operation_runs r LEFT JOIN LATERAL (
      SELECT array_agg(k) AS names, array_agg(left(r.context ->> k, 200)) AS said
      FROM unnest(CAST(:keys AS text[])) AS k
      WHERE pg_column_size(r.context) < 65536 AND r.context ->> k IS NOT NULL) told ON true
    WHERE r.tenant_id = :tenant AND r.id = ANY(CAST(:ids AS uuid[])) LIMIT :size
    """
)

# One walk of the index for each type and bucket.
_USUAL = text(
    f"""
    SELECT t.resource, t.action,
           CAST(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY latest.lasted)) AS double precision) AS seconds
    FROM (SELECT DISTINCT * FROM unnest(CAST(:resources AS text[]), CAST(:actions AS text[])) AS n(resource, action)) t
    CROSS JOIN LATERAL (
      SELECT one.lasted FROM (VALUES ('succeeded'), ('partial')) AS b(bucket) CROSS JOIN LATERAL (
        SELECT created_at, finished_at - started_at AS lasted FROM operation_runs
        WHERE tenant_id = :tenant AND resource = t.resource AND action = t.action AND bucket = b.bucket
          AND started_at IS NOT NULL AND id IS DISTINCT FROM CAST(:besides AS uuid)
        ORDER BY created_at DESC, id DESC LIMIT {USUAL_FROM}) one
      ORDER BY one.created_at DESC LIMIT {USUAL_FROM}) latest
    GROUP BY t.resource, t.action HAVING count(*) >= 3 LIMIT 200
    """
)

_GROUPS = text(
    """
    WITH listed AS (
      SELECT f.n, f.entry->>'reason_code' AS code, f.entry->>'item_id' AS item, f.entry->>'message' AS message
      FROM operation_runs r, jsonb_array_elements(r.failures) WITH ORDINALITY AS f(entry, n)
      WHERE r.tenant_id = :tenant AND r.id = :run),
    grouped AS (SELECT code, count(*) AS n, min(n) AS first, max(n) AS last FROM listed GROUP BY code)
    SELECT g.code, g.n, a.item, z.item, a.message
    FROM grouped g JOIN listed a ON a.n = g.first JOIN listed z ON z.n = g.last
    ORDER BY g.n DESC, g.code LIMIT 200
    """
)

_FAILURES = text(
    """
    SELECT f.entry->>'item_id' AS item_id, f.entry->>'reason_code' AS reason_code, f.entry->>'message' AS message,
           count(*) OVER () AS total
    FROM operation_runs r, jsonb_array_elements(r.failures) WITH ORDINALITY AS f(entry, n)
    WHERE r.tenant_id = :tenant AND r.id = :run
      AND (CAST(:code AS text) IS NULL OR f.entry->>'reason_code' = :code)
      AND (CAST(:search AS text) IS NULL OR strpos(lower(f.entry->>'item_id'), :search) > 0)
    ORDER BY f.n LIMIT :limit OFFSET :offset
    """
)

_ITEMS = text(
    """
    SELECT i.item AS item_id, count(*) OVER () AS total
    FROM operation_runs r, jsonb_array_elements_text(r.item_ids) WITH ORDINALITY AS i(item, n)
    WHERE r.tenant_id = :tenant AND r.id = :run
      AND (CAST(:search AS text) IS NULL OR strpos(lower(i.item), :search) > 0)
    ORDER BY i.n LIMIT :limit OFFSET :offset
    """
)
