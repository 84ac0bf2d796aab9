"""Rows and Prefect's flow runs: the row of one that Prefect started by itself, by a schedule or a click in its page, and
active rows of whose flow runs nothing was heard for a while: who looks after them, and when contact counts as lost."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import text

from runstore.database import Database
from runstore.runs.rows import returned_columns, run_of
from runstore.runs.run import Run, Source
from runstore.runs.starter import StartRequest, insert_statement, join, new_run
from runstore.runs.status import RunStatus
from runstore.tenancy import TenantScope, Trigger


@dataclass(frozen=True, slots=True)
class Adopted:
    """The run that stands for the flow run; `duplicate` when it is another flow run's, and this one stands back. `joined` says
    whether that run has all that the request joins to it: see `StartRequest.joins`."""

    run: Run
    duplicate: bool
    joined: bool


# After everything was down, the flow runs that a schedule had planned for that time all begin: the first does the work, and the
# others find that it was made since their own time. A failed one did no work, and one without what is to follow it not all of it.
# The bound on `created_at` keeps to the newest.
_DONE_SINCE = """
    o.tenant_id = :tenant AND o.created_at >= CAST(:planned_for AS timestamptz) AND o.idempotency_key = :key
    AND o.status NOT IN ('failed', 'aborted') AND o.context @> CAST(:joined AS jsonb)
"""

# Any unique index may refuse the row: the flow run's own (adopted before: the same run) or the active key's (a duplicate). Under
# READ COMMITTED the statement after a refusal sees the row that refused it, unless that one has ended since: then we try again.
_ADOPT = insert_statement(f"WHERE NOT EXISTS (SELECT FROM operation_runs o WHERE {_DONE_SINCE}) ON CONFLICT DO NOTHING")

_STANDING = text(
    f"""
    SELECT {returned_columns("r")} FROM operation_runs r
    WHERE r.tenant_id = :tenant AND (r.flow_run_id = :flow_run
      OR (r.idempotency_key = :key AND r.status IN ('pending', 'running'))
      OR r.id = (SELECT o.id FROM operation_runs o WHERE {_DONE_SINCE} ORDER BY o.created_at DESC LIMIT 1))
    ORDER BY (r.flow_run_id = :flow_run) DESC NULLS LAST, r.status IN ('pending', 'running') DESC LIMIT 1
    """
)


_ROWS = text(
    f"""
    SELECT {returned_columns("r")}, t.slug FROM operation_runs r JOIN tenants t ON t.id = r.tenant_id
    WHERE r.flow_run_id = ANY(:flow_runs) OR r.id = ANY(:runs)
    """
)


def rows_of(
    database: Database, flow_run_ids: Sequence[UUID], run_ids: Sequence[UUID]
) -> tuple[Mapping[UUID, Run], Mapping[UUID, Run]]:
    """The rows of all tenants, by the flow run of these that each stands for, and by its own id; needs the role RELAY."""
    with database.across_tenants() as connection:
        found = connection.execute(_ROWS, {"flow_runs": list(flow_run_ids), "runs": list(run_ids)}).all()
    rows = [run_of(row) for row in found]
    return ({row.flow_run_id: row for row in rows if row.flow_run_id}, {row.id: row for row in rows})


def adopt(
    database: Database,
    scope: TenantScope,
    request: StartRequest,
    *,
    flow_run_id: UUID,
    attempt: int,
    trigger: Trigger,
    at: datetime,
    planned_for: datetime | None = None,
) -> Adopted:
    """The running row of this flow run: made now or before, or another's that is identical and active.

    With `planned_for`, the time of a schedule, also another's that was made since then, unless it failed.
    """
    values = new_run(
        scope, request, RunStatus.RUNNING, Source.HOOK, trigger, at, attempt=attempt, flow_run_id=flow_run_id
    )
    values |= {"planned_for": planned_for, "joined": json.dumps(request.joined)}
    while True:
        with database.transaction(scope) as connection:
            connection.execute(_ADOPT, {**values, "id": uuid4()})
            row = connection.execute(_STANDING, values).one_or_none()
            duplicate = row is not None and row.flow_run_id != flow_run_id
            joined = row is None or not duplicate or join(connection, row.id, request)
        if row is not None:
            return Adopted(run_of(row, scope.slug), duplicate, joined)


_CLAIM = text(
    f"""
    WITH silent AS (
      SELECT id FROM operation_runs
      WHERE status IN ('pending', 'running') AND flow_run_id IS NOT NULL AND attend_after <= now()
        AND coalesce(heartbeat_at, created_at) <= now() - make_interval(secs => :quiet)
      ORDER BY attend_after LIMIT :size FOR UPDATE SKIP LOCKED
    ), claimed AS (
      -- A run that waits for a worker is in no hurry: there may be thousands of them.
      UPDATE operation_runs r SET attend_after = now()
        + make_interval(secs => :lease) * CASE WHEN r.status = 'pending' THEN 4 ELSE 1 END
      FROM silent WHERE r.id = silent.id RETURNING r.*
    )
    SELECT {returned_columns("c")}, t.slug FROM claimed c JOIN tenants t ON t.id = c.tenant_id
    """
)

_LOST = text(
    """
    UPDATE operation_runs SET contact_lost_at = now(), last_source = 'reconciler'
    WHERE id = :run AND attempt = :attempt AND status = 'running' AND contact_lost_at IS NULL
      AND heartbeat_at IS NOT DISTINCT FROM :heartbeat AND heartbeat_at <= now() - make_interval(secs => :after)
    """
)

_STILL_HELD = text(
    """
    UPDATE operation_runs SET heartbeat_at = now(), contact_lost_at = NULL, last_source = 'reconciler'
    WHERE id = :run AND attempt = :attempt AND status = 'running' AND heartbeat_at IS NOT DISTINCT FROM :heartbeat
    """
)

_SILENT_FOR = text(
    "SELECT extract(epoch FROM now() - coalesce(heartbeat_at, created_at)) FROM operation_runs WHERE id = :run"
)


class SilentRuns:
    """The silent runs of all tenants; needs the role RELAY. Any number of relays may look after them at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, size: int, *, quiet_seconds: float, lease_seconds: float) -> Sequence[Run]:
        """Up to `size` runs handed to Prefect and silent for that long; for the lease they are this caller's to look after."""
        with self._database.across_tenants() as connection:
            rows = connection.execute(_CLAIM, {"size": size, "quiet": quiet_seconds, "lease": lease_seconds}).all()
        return [run_of(row) for row in rows]

    def mark_contact_lost(self, run: Run, *, after_seconds: float) -> bool:
        """Notes that contact is lost, if the run is as it was read and silent for that long."""
        values = {"run": run.id, "attempt": run.attempt, "heartbeat": run.heartbeat_at, "after": after_seconds}
        with self._database.across_tenants() as connection:
            return connection.execute(_LOST, values).rowcount == 1

    def still_held(self, run: Run) -> bool:
        """Notes that Prefect holds the run on purpose, which counts as a sign of life; False when it is not as it was read."""
        values = {"run": run.id, "attempt": run.attempt, "heartbeat": run.heartbeat_at}
        with self._database.across_tenants() as connection:
            return connection.execute(_STILL_HELD, values).rowcount == 1

    def silent_for(self, run: Run) -> float:
        """Seconds since the run's last sign of life, by the database's clock."""
        with self._database.across_tenants() as connection:
            return float(connection.execute(_SILENT_FOR, {"run": run.id}).scalar_one())
