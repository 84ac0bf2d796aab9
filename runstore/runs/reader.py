"""The only reader of runs. It has a tenant or it does not exist; no method looks across tenants."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from runstore.database import TenantReader
from runstore.errors import NotFoundError
from runstore.runs.branches import shape_of, values_of
from runstore.runs.filters import DEFAULT_LIMIT, Cursor, RunFilter, checked_limit
from runstore.runs.queries import bucket_counts, longest, newest
from runstore.runs.rows import DETAIL_COLUMNS, detail_of, list_of_runs, run_of
from runstore.runs.run import Run, RunDetail
from runstore.runs.status import StatusBucket

COUNT_CAP = 1000
"""Counts stop here: the hub shows `1,000+`, and a tenant with millions of runs costs no more than one with a thousand."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of runs, newest created first, with the cursors of its neighbours (None where there is none)."""

    runs: tuple[Run, ...]
    older: Cursor | None
    newer: Cursor | None


class RunReader(TenantReader):
    """Reads one tenant's runs, as one actor."""

    def list(self, wanted: RunFilter, *, limit: int = DEFAULT_LIMIT, cursor: Cursor | None = None) -> RunPage:
        """A page of the runs that the filter asks for, newest first. The cursor's row need not exist any more."""
        size = checked_limit(limit)
        newer = cursor is not None and cursor.newer
        values = values_of(self._scope.tenant_id, wanted, size + 1)
        if cursor is not None:
            values |= {"place_at": cursor.created_at, "place_id": cursor.run_id}
        rows = self._rows(newest(shape_of(wanted), None if cursor is None else cursor.newer), values)
        runs = [run_of(row) for row in rows[:size]]
        more = len(rows) > size
        if newer:
            runs.reverse()
        first, last = (runs[0], runs[-1]) if runs else (None, None)
        has_older, has_newer = (True, more) if newer else (more, cursor is not None)
        return RunPage(
            runs=tuple(runs),
            older=Cursor(last.created_at, last.id) if last and has_older else None,
            newer=Cursor(first.created_at, first.id, newer=True) if first and has_newer else None,
        )

    def longest(self, wanted: RunFilter, *, limit: int = DEFAULT_LIMIT) -> RunPage:
        """Of the newest COUNT_CAP runs that the filter asks for those that took longest, or have been going on for longest."""
        values = values_of(self._scope.tenant_id, wanted, COUNT_CAP) | {"shown": limit}
        return RunPage(tuple(map(run_of, self._rows(longest(shape_of(wanted)), values))), None, None)

    def get(self, run_id: UUID) -> RunDetail:
        """One run with everything. NotFoundError when this tenant has no such run, even if another tenant does."""
        row = self._one("id", run_id, DETAIL_COLUMNS)
        if row is None:
            raise NotFoundError(
                f"Tenant {self._scope.slug!r} has no run {run_id}; `tenantatlas runs list` shows its runs."
            )
        return detail_of(row)

    def find(self, run_id: UUID) -> Run | None:
        row = self._one("id", run_id)
        return run_of(row) if row is not None else None

    def find_by_flow_run(self, flow_run_id: UUID) -> Run | None:
        row = self._one("flow_run_id", flow_run_id)
        return run_of(row) if row is not None else None

    def bucket_counts(self, wanted: RunFilter) -> dict[StatusBucket, int]:
        """How many runs each bucket holds under the filter (its own bucket aside), counted up to COUNT_CAP."""
        shape = replace(shape_of(wanted), buckets=frozenset())
        rows = self._rows(bucket_counts(shape), values_of(self._scope.tenant_id, wanted, COUNT_CAP + 1))
        counted = {StatusBucket(name): n for name, n in rows}
        return {bucket: counted.get(bucket, 0) for bucket in StatusBucket}

    def _one(self, column: str, value: UUID, more: str = "") -> Row[Any] | None:
        # Row-level security says the tenant too; said here, the planner can use the tenant's indexes.
        query = f"{list_of_runs(more)} WHERE r.tenant_id = :tenant AND r.{column} = :value LIMIT 1"
        return next(iter(self._rows(text(query), {"value": value})), None)
