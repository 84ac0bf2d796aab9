"""The pending rows as an outbox: which runs still have to be handed to the orchestrator, what came of it, and news of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import text

from runstore.database import Database, driver_connection
from runstore.runs.operation import OperationType
from runstore.runs.starter import CHANNEL

LEASE_SECONDS = 30
"""How long a claimed row is left to its claimer. A relay that dies with a claim delays the run by this much, no more."""


@dataclass(frozen=True, slots=True)
class Undispatched:
    """A pending run to hand over. `tries` counts the claims, this one included."""

    id: UUID
    tenant: str
    type: OperationType
    parameters: Mapping[str, Any]
    tries: int


_WITH_PREFECT = """
      SELECT tenant_id FROM operation_runs
      WHERE status IN ('pending', 'running') AND flow_run_id IS NOT NULL AND contact_lost_at IS NULL
"""


def _turns(under_way: str, due: str = "") -> str:
    """Whose turn it is: each tenant's waiting runs by age, `place` counting from what it has under way."""
    return f"""
    WITH busy AS (
      SELECT tenant_id, count(*) AS runs FROM ({under_way}) u GROUP BY tenant_id
    ), next AS (
      SELECT w.id, w.tenant_id, w.created_at, coalesce(b.runs, 0) + row_number() OVER (
          PARTITION BY w.tenant_id ORDER BY w.created_at, w.id) AS place
      FROM operation_runs w LEFT JOIN busy b ON b.tenant_id = w.tenant_id
      WHERE w.status = 'pending' AND w.flow_run_id IS NULL {due}
    )
    """


# Who is next: of each tenant its oldest runs, as many as it may have under way, and of all those the ones whose tenant has
# least under way. A claimed run counts as under way, and so does one that Prefect did not take; one whose contact is lost does
# not, or a machine that died would hold its tenant's place until the runs on it are given up.
_CLAIMED = (
    "SELECT tenant_id FROM operation_runs WHERE status = 'pending' AND flow_run_id IS NULL AND attend_after > now()"
)
_NEXT = _turns(f"{_WITH_PREFECT} UNION ALL {_CLAIMED}", "AND w.attend_after <= now()")

# The row is locked by its own conditions, so that of two relays at once the later one finds it claimed and passes on.
_CLAIM = text(
    f"""
    {_NEXT}, claimed AS (
      SELECT r.id, n.place, n.created_at FROM operation_runs r JOIN next n ON n.id = r.id
      WHERE n.place <= :tenant_limit AND r.status = 'pending' AND r.flow_run_id IS NULL AND r.attend_after <= now()
      ORDER BY n.place, n.created_at LIMIT :size FOR UPDATE OF r SKIP LOCKED
    ), taken AS (
      UPDATE operation_runs r
      SET attend_after = now() + interval '{LEASE_SECONDS} seconds', dispatch_tries = r.dispatch_tries + 1
      FROM claimed c WHERE r.id = c.id
      RETURNING r.id, r.tenant_id, r.resource, r.action, r.parameters, r.dispatch_tries, c.place, c.created_at
    )
    SELECT k.*, t.slug FROM taken k JOIN tenants t ON t.id = k.tenant_id ORDER BY k.place, k.created_at
    """
)

# A run's turn came when it was made or when a run of its tenant ended, whichever was later. One that is claimed, or that Prefect
# did not take, goes on waiting: while Prefect is away every waiting run is one or the other.
_LAG = text(
    f"""
    {_turns(_WITH_PREFECT)}
    SELECT coalesce(extract(epoch FROM now() - min(greatest(w.created_at, (
      SELECT max(e.finished_at) FROM operation_runs e WHERE e.tenant_id = w.tenant_id)))), 0)
    FROM next w WHERE w.place <= :tenant_limit
    """
)

_NOTE = text(
    "UPDATE operation_runs SET flow_run_id = :flow_run, attend_after = now(), heartbeat_at = coalesce(heartbeat_at, now())"
    " WHERE id = :run AND flow_run_id IS NULL"
)

_POSTPONE = text(
    "UPDATE operation_runs SET attend_after = now() + make_interval(secs => :seconds)"
    " WHERE id = ANY(:runs) AND status = 'pending' AND flow_run_id IS NULL"
)


class Outbox:
    """The undispatched runs of all tenants, each with `tenant_limit` under way at most. Needs RELAY; any number may."""

    def __init__(self, database: Database, *, tenant_limit: int) -> None:
        self._database = database
        self._tenant_limit = tenant_limit

    def claim(self, size: int) -> Sequence[Undispatched]:
        """Up to `size` runs, this caller's for LEASE_SECONDS; the tenant with least under way is first."""
        with self._database.across_tenants() as connection:
            rows = connection.execute(_CLAIM, {"size": size, "tenant_limit": self._tenant_limit}).all()
        return [
            Undispatched(row.id, row.slug, OperationType(row.resource, row.action), row.parameters, row.dispatch_tries)
            for row in rows
        ]

    def lag_seconds(self) -> float:
        """How long the run that has been waiting longest has had its turn; 0 when no run has its turn."""
        with self._database.across_tenants() as connection:
            return float(connection.execute(_LAG, {"tenant_limit": self._tenant_limit}).scalar_one())

    def handed_over(self, run_id: UUID, flow_run_id: UUID) -> None:
        """Notes which flow run does the work; no note when the flow itself has made it already."""
        with self._database.across_tenants() as connection:
            connection.execute(_NOTE, {"run": run_id, "flow_run": flow_run_id})

    def postpone(self, run_ids: Sequence[UUID], seconds: float) -> None:
        """Gives claimed runs back, to be claimed again after `seconds`; those handed over meanwhile stay as they are."""
        with self._database.across_tenants() as connection:
            connection.execute(_POSTPONE, {"runs": list(run_ids), "seconds": seconds})


class RunListener:
    """Waits for news of runs. One that comes while the connection is away is lost, so sweep as well."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    def wait(self, seconds: float) -> bool:
        """True as soon as there may be news; False after `seconds`, also from a server that is away."""
        deadline = time.monotonic() + seconds
        try:
            if self._connection is None:
                self._connection = driver_connection(self._url, autocommit=True)
                self._connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                return True
            for _ in self._connection.notifies(timeout=max(0.0, deadline - time.monotonic())):
                return True
        except psycopg.Error:
            self.close()
            time.sleep(max(0.0, min(deadline - time.monotonic(), 1.0)))
        return False

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
