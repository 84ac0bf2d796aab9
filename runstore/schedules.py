"""What is scheduled for a tenant, when it should have run and when it did: the relay's copy beside the runs themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from runstore.database import Database
from runstore.runs.insights import RunAt
from runstore.runs.operation import OperationType
from runstore.runs.status import StatusBucket
from runstore.schema import LookProblem, StoppedBy
from runstore.tenancy import Permission, TenantScope

MOST: Final = 500
"""So many schedules of a tenant are read, the first by operation, scope and id."""

RECENT: Final = 100
"""Runs of a schedule's operation and scope are looked for among this many of the newest in each bucket."""

GRACE: Final = timedelta(minutes=5)
"""How long after its time a run may begin before it counts as missing. Prefect plans ahead, and a worker may be busy."""

STALE: Final = timedelta(minutes=5)
"""A look at Prefect's server older than this says nothing of now: the relay takes one every minute."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """One schedule to be kept, of the tenant of this slug; `resource` and `action` are its operation."""

    tenant: str
    id: str
    resource: str
    action: str
    scope: str | None
    name: str | None
    timing: str
    timezone: str
    stopped_by: StoppedBy | None
    every_seconds: int | None
    due_at: str | None
    next_at: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """When a relay last tried to read the schedules and when it could. None stands for never; `now` is the database's."""

    now: datetime = field(repr=False)
    tried_at: datetime | None
    looked_at: datetime | None
    problem: LookProblem | None

    @property
    def is_stale(self) -> bool:
        """Whether what is known of the schedules is too old to speak of now."""
        return self.looked_at is None or self.now - self.looked_at > STALE


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule and the runs of its operation and scope, whatever started them.

    `last` is the newest run, `good` the newest that succeeded, each None where there is none among the RECENT newest;
    `complete` says that there were no others to look at. `missing_since` is the time at which it should have run and did not.
    """

    id: UUID
    type: OperationType
    scope: str | None
    name: str | None
    timing: str
    timezone: str
    stopped_by: StoppedBy | None
    next_at: datetime | None
    missing_since: datetime | None
    at_most: timedelta | None
    last: RunAt | None
    good: RunAt | None
    complete: bool

    def is_too_old(self, now: datetime) -> bool:
        """Whether its last success is further back than its times allow. Unknown, and so False, without a time to judge by."""
        if self.at_most is None or (self.good is None and not (self.complete and self.last)):
            return False
        return self.good is None or now - self.good.created_at > self.at_most


@dataclass(frozen=True, slots=True)
class Schedules:
    """A tenant's schedules, those that miss a run first, and what the knowledge of them is worth."""

    look: Look
    entries: tuple[Scheduled, ...]

    @property
    def missing(self) -> Sequence[Scheduled]:
        """Those that should have run and did not."""
        return [one for one in self.entries if one.missing_since is not None]

    @property
    def too_old(self) -> Sequence[Scheduled]:
        """Those that ran, and whose last success is too long ago all the same."""
        return [one for one in self.entries if one.missing_since is None and one.is_too_old(self.look.now)]


class ScheduleReader:
    """Reads one tenant's schedules, as one actor. ForbiddenError at once when the actor may not view runs."""

    def __init__(self, database: Database, scope: TenantScope) -> None:
        scope.require(Permission.VIEW)
        self._database = database
        self._scope = scope

    def schedules(self) -> Schedules:
        """Up to MOST of them. One walk of an index for each scheduled operation and bucket."""
        asked = {"tenant": self._scope.tenant_id}
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(_SCHEDULES, asked).all()
        look = rows[0]
        known = Look(look.now, look.tried_at, look.looked_at, LookProblem(look.problem) if look.problem else None)
        found = [_scheduled(row, look.now) for row in rows if row.id is not None]
        order = sorted(found, key=lambda one: (one.missing_since is None, not one.is_too_old(look.now)))
        return Schedules(known, tuple(order))


class ScheduleMirror:
    """Keeps the copy of all tenants' schedules; needs the role RELAY. Several relays may do so, one after the other."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, found: Sequence[Mirrored]) -> None:
        """These are all the schedules there are now. Those of tenants that the store does not know are left out."""
        with self._database.across_tenants() as connection:
            connection.execute(_ONE_AT_A_TIME)
            connection.execute(_REPLACE, {"rows": json.dumps([asdict(one) for one in found])})
            connection.execute(_TRIED, {"problem": None})

    def could_not_look(self, problem: LookProblem) -> None:
        """The schedules could not be read; what was known of them stays, with the time it is from."""
        with self._database.across_tenants() as connection:
            connection.execute(_ONE_AT_A_TIME)
            connection.execute(_TRIED, {"problem": problem.value})


def at_most(every_seconds: int) -> timedelta:
    """How old the last success of a schedule may be: its longest wait and a twelfth more, ten minutes at least.

    A daily one may be 26 hours old: its run takes a while, and may begin late.
    """
    return timedelta(seconds=every_seconds + max(every_seconds // 12, 600))


def _scheduled(row: Row[Any], now: datetime) -> Scheduled:
    last, good = (
        None if found is None else RunAt(UUID(found["id"]), StatusBucket(found["bucket"]), _moment(found["at"]))
        for found in (row.last, row.good)
    )
    # Nobody may have looked since the time that was still to come then.
    due = row.next_at if row.next_at is not None and row.next_at + GRACE <= now else row.due_at
    is_met = row.active or (row.newest is not None and due is not None and row.newest >= due - timedelta(minutes=1))
    return Scheduled(
        row.id,
        OperationType(row.resource, row.action),
        row.scope,
        row.name,
        row.timing,
        row.timezone,
        StoppedBy(row.stopped_by) if row.stopped_by else None,
        row.next_at,
        None if due is None or is_met else due,
        at_most(row.every_seconds) if row.every_seconds else None,
        last,
        good,
        row.reached < RECENT,
    )


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('schedules'))")

_REPLACE = text(
    """
    WITH given AS (
      SELECT t.id AS tenant_id, g.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS g(
        tenant text, id uuid, resource text, action text, scope text, name text, timing text, timezone text,
        stopped_by text, every_seconds bigint, due_at timestamptz, next_at timestamptz)
      JOIN tenants t ON t.slug = g.tenant AND t.leaving_at IS NULL
    ), gone AS (
      DELETE FROM schedules s WHERE NOT EXISTS (SELECT FROM given g WHERE g.tenant_id = s.tenant_id AND g.id = s.id)
    )
    INSERT INTO schedules AS s (tenant_id, id, resource, action, scope, name, timing, timezone, stopped_by,
                                every_seconds, due_at, next_at)
    SELECT tenant_id, id, resource, action, scope, name, timing, timezone, stopped_by, every_seconds, due_at, next_at
    FROM given
    ON CONFLICT (tenant_id, id) DO UPDATE SET (resource, action, scope, name, timing, timezone, stopped_by,
                                               every_seconds, due_at, next_at)
      = (excluded.resource, excluded.action, excluded.scope, excluded.name, excluded.timing, excluded.timezone,
         excluded.stopped_by, excluded.every_seconds, excluded.due_at, excluded.next_at)
      WHERE s IS DISTINCT FROM excluded
    """
)

_TRIED = text(
    """
    INSERT INTO schedule_looks AS l (tenant_id, tried_at, looked_at, problem)
    SELECT id, now(), CASE WHEN CAST(:problem AS text) IS NULL THEN now() END, :problem FROM tenants WHERE leaving_at IS NULL
    ON CONFLICT (tenant_id) DO UPDATE SET tried_at = excluded.tried_at, problem = excluded.problem,
      looked_at = coalesce(excluded.looked_at, l.looked_at)
    """
)

# One row with the look alone where nothing is scheduled. The newest runs of each operation are read once, however many scopes of it
# are scheduled.
_SCHEDULES = text(
    f"""
    WITH mine AS MATERIALIZED (
      SELECT * FROM schedules WHERE tenant_id = :tenant ORDER BY resource, action, scope, id LIMIT {MOST}
    ), recent AS MATERIALIZED (
      SELECT t.resource, t.action, r.*
      FROM (SELECT DISTINCT resource, action FROM mine) t
      CROSS JOIN (VALUES ('queued'), ('running'), ('succeeded'), ('partial'), ('failed')) AS b(bucket)
      CROSS JOIN LATERAL (
        SELECT id, bucket, created_at, finished_at, context ->> 'scope' AS scope FROM operation_runs
        WHERE tenant_id = :tenant AND resource = t.resource AND action = t.action AND bucket = b.bucket
        ORDER BY created_at DESC, id DESC LIMIT {RECENT}) r
    ), told AS (
      SELECT resource, action, scope,
        (array_agg(jsonb_build_object('id', id, 'bucket', bucket, 'at', created_at) ORDER BY created_at DESC))[1] AS last,
        (array_agg(jsonb_build_object('id', id, 'bucket', bucket, 'at', created_at) ORDER BY created_at DESC)
          FILTER (WHERE bucket = 'succeeded'))[1] AS good,
        bool_or(bucket = 'running') AS active, greatest(max(created_at), max(finished_at)) AS newest
      FROM recent GROUP BY resource, action, scope
    ), reached AS (
      SELECT resource, action, max(n) AS reached
      FROM (SELECT resource, action, bucket, count(*) AS n FROM recent GROUP BY resource, action, bucket) counted
      GROUP BY resource, action
    )
    SELECT now() AS now, l.tried_at, l.looked_at, l.problem, m.*, told.last, told.good,
           coalesce(told.active, false) AS active, told.newest, coalesce(reached.reached, 0) AS reached
    FROM (SELECT) one LEFT JOIN schedule_looks l ON l.tenant_id = :tenant LEFT JOIN mine m ON true
    LEFT JOIN told ON told.resource = m.resource AND told.action = m.action AND told.scope IS NOT DISTINCT FROM m.scope
    LEFT JOIN reached ON reached.resource = m.resource AND reached.action = m.action
    ORDER BY m.resource, m.action, m.scope, m.id LIMIT {MOST}
    """
)
