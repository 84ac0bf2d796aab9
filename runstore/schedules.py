"""What is scheduled for a tenant, when it should have run and when it did: the relay's copy beside the runs themselves."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from runstore.database import Database
from runstore.runs.insights import RunAt
from runstore.runs.operation import OperationType
from runstore.runs.status import StatusBucket
from runstore.schema import SCOPE_SQL
from runstore.tenancy import Permission, TenantScope

MOST: Final = 500
"""So many schedules of a tenant are read, the first by operation, scope and id."""

GRACE: Final = timedelta(minutes=5)
"""How long after its time a run may begin before it counts as missing. Prefect plans ahead, and a worker may be busy."""

STALE: Final = timedelta(minutes=5)
"""A look at Prefect's server older than this says nothing of now: the relay takes one every minute."""


class StoppedBy(StrEnum):
    """What keeps a schedule from starting runs: someone paused it, its deployment or its work pool; or no worker is online."""

    SCHEDULE = "schedule"
    DEPLOYMENT = "deployment"
    POOL = "pool"
    WORKER = "worker"


class LookProblem(StrEnum):
    """Why the schedules could not be read: Prefect's server does not answer, or what it answers is of no use."""

    AWAY = "away"
    REFUSED = "refused"


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
        return self.looked_at is None or self.now - self.looked_at > STALE


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule, the newest run of its operation and scope, and the newest that succeeded (`good`)."""

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

    def is_too_old(self, now: datetime) -> bool:
        """Whether its last success is further back than its times allow. Unknown, and so False, without a time to judge by."""
        if self.at_most is None or self.last is None:
            return False
        return self.good is None or now - self.good.created_at > self.at_most


@dataclass(frozen=True, slots=True)
class Schedules:
    """A tenant's schedules, those that miss a run first, and what the knowledge of them is worth."""

    look: Look
    entries: tuple[Scheduled, ...]

    @property
    def missing(self) -> Sequence[Scheduled]:
        return [one for one in self.entries if one.missing_since is not None]

    @property
    def too_old(self) -> Sequence[Scheduled]:
        """Those that ran, and whose last success is too long ago all the same."""
        return [one for one in self.entries if one.missing_since is None and one.is_too_old(self.look.now)]


def read_schedules(database: Database, scope: TenantScope) -> Schedules:
    """Up to MOST of the tenant's schedules, with three looks into an index for each. ForbiddenError."""
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        rows = connection.execute(_SCHEDULES, {"tenant": scope.tenant_id}).all()
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
    """How old the last success may be: runs take a while, so a daily one 26 hours."""
    return timedelta(seconds=every_seconds + max(every_seconds // 12, 600))


def _scheduled(row: Row[Any], now: datetime) -> Scheduled:
    last, good = (
        None if found is None else RunAt(found, StatusBucket(bucket), at)
        for found, bucket, at in ((row.last_id, row.last_bucket, row.last_at), (row.good_id, "succeeded", row.good_at))
    )
    # Nobody may have looked since the time that was still to come then.
    due = row.next_at if row.next_at is not None and row.next_at + GRACE <= now else row.due_at
    heard = max((moment for moment in (row.last_at, row.last_end) if moment), default=None)
    is_running = last is not None and last.bucket is StatusBucket.RUNNING
    is_met = is_running or (heard is not None and due is not None and heard >= due - timedelta(minutes=1))
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
    )


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

_KIND = "tenant_id = :tenant AND resource = m.resource AND action = m.action"

# One row with the look alone where nothing is scheduled. Of runs under way one that is running says most.
_SCHEDULES = text(
    f"""
    SELECT now() AS now, l.tried_at, l.looked_at, l.problem, m.*, last.id AS last_id, last.bucket AS last_bucket,
           last.created_at AS last_at, last.finished_at AS last_end, good.id AS good_id, good.created_at AS good_at
    FROM (SELECT) one LEFT JOIN schedule_looks l ON l.tenant_id = :tenant
    LEFT JOIN (
      SELECT * FROM schedules WHERE tenant_id = :tenant ORDER BY resource, action, scope, id LIMIT {MOST}) m ON true
    LEFT JOIN LATERAL (
      SELECT * FROM (
        (SELECT id, bucket, created_at, finished_at FROM ended_runs WHERE {_KIND} AND scope = coalesce(m.scope, '')
         ORDER BY scope, created_at DESC, id DESC LIMIT 1)
        UNION ALL
        (SELECT id, bucket, created_at, finished_at FROM operation_runs
         WHERE {_KIND} AND finished_at IS NULL AND {SCOPE_SQL} = coalesce(m.scope, '')
         ORDER BY bucket = 'running' DESC, created_at DESC, id DESC LIMIT 1)) newest
      ORDER BY bucket = 'running' DESC, created_at DESC LIMIT 1) last ON true
    LEFT JOIN LATERAL (
      SELECT id, created_at FROM ended_runs WHERE {_KIND} AND scope = coalesce(m.scope, '') AND bucket = 'succeeded'
      ORDER BY scope, created_at DESC, id DESC LIMIT 1) good ON true
    ORDER BY m.resource, m.action, m.scope, m.id LIMIT {MOST}
    """
)
