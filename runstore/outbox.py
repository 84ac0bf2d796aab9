"""The pending rows as an outbox: which runs still have to be handed to the orchestrator, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from runstore.database import Database
from runstore.operation import OperationType

LEASE_SECONDS = 30
"""How long a claimed row is left to its claimer. A relay that dies with a claim delays the run by this much, no more."""


@dataclass(frozen=True, slots=True)
class Undispatched:
    """A pending run to hand over. `tries` counts the claims, this one included."""

    id: UUID
    tenant_id: UUID
    tenant: str
    type: OperationType
    parameters: Mapping[str, Any]
    tries: int


_CLAIM = text(
    f"""
    UPDATE operation_runs r
    SET attend_after = now() + interval '{LEASE_SECONDS} seconds', dispatch_tries = r.dispatch_tries + 1
    FROM tenants t
    WHERE t.id = r.tenant_id AND r.id IN (
      SELECT id FROM operation_runs
      WHERE status = 'pending' AND flow_run_id IS NULL AND attend_after <= now()
      ORDER BY attend_after LIMIT :size FOR UPDATE SKIP LOCKED)
    RETURNING r.id, r.tenant_id, t.slug, r.resource, r.action, r.parameters, r.dispatch_tries
    """
)

_HANDED_OVER = text(
    "UPDATE operation_runs SET flow_run_id = :flow_run, attend_after = now(), heartbeat_at = coalesce(heartbeat_at, now())"
    " WHERE id = :run AND flow_run_id IS NULL"
)

_POSTPONE = text(
    "UPDATE operation_runs SET attend_after = now() + make_interval(secs => :seconds)"
    " WHERE id = ANY(:runs) AND status = 'pending' AND flow_run_id IS NULL"
)


class Outbox:
    """The undispatched runs of all tenants; needs the role RELAY. Any number of relays may work on it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, size: int) -> Sequence[Undispatched]:
        """Up to `size` runs, oldest first, that are this caller's for LEASE_SECONDS. Empty when there are none."""
        with self._database.across_tenants() as connection:
            rows = connection.execute(_CLAIM, {"size": size}).all()
        return [
            Undispatched(
                row.id,
                row.tenant_id,
                row.slug,
                OperationType(row.resource, row.action),
                row.parameters,
                row.dispatch_tries,
            )
            for row in rows
        ]

    def handed_over(self, run_id: UUID, flow_run_id: UUID) -> None:
        """Notes which flow run does the work; nothing when the flow itself has said so already."""
        with self._database.across_tenants() as connection:
            connection.execute(_HANDED_OVER, {"run": run_id, "flow_run": flow_run_id})

    def postpone(self, run_ids: Sequence[UUID], seconds: float) -> None:
        """Gives claimed runs back, to be claimed again after `seconds`; those handed over meanwhile stay as they are."""
        with self._database.across_tenants() as connection:
            connection.execute(_POSTPONE, {"runs": list(run_ids), "seconds": seconds})
