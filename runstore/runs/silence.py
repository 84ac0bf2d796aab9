"""Active runs that nothing was heard of for a while: who looks after them, and when contact counts as lost."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from runstore.database import Database
from runstore.runs.rows import returned_columns, run_of
from runstore.runs.run import Run

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
