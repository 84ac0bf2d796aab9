"""Starting a run: one statement makes the pending row or finds the identical active one. No orchestrator is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import BadInputError
from runstore.notifications import NotificationKind, announce
from runstore.runs.insertion import StartRequest as StartRequest
from runstore.runs.insertion import insert_statement, join, new_run
from runstore.runs.rows import returned_columns, run_of
from runstore.runs.run import Run, Source
from runstore.runs.status import RunStatus
from runstore.tenancy import Permission, TenantScope, Trigger

CHANNEL = "tenantatlas_runs"
"""The NOTIFY channel on which a new pending run is announced to the dispatchers."""


@dataclass(frozen=True, slots=True)
class Started:
    """The run that answers a request, and whether it was there already."""

    run: Run
    reused: bool


_START = insert_statement(
    f"""
    ON CONFLICT (tenant_id, idempotency_key) WHERE status IN ('pending', 'running')
      DO UPDATE SET asked_again = r.asked_again + 1
    RETURNING {returned_columns("r")}, r.id = :id AS inserted
    """
)


def start(database: Database, scope: TenantScope, request: StartRequest) -> Started:
    """The new pending run, or the identical active one. One transaction: run, notification, audit entry, NOTIFY.

    ForbiddenError when the actor may not start runs. BadInputError when the identical active run has joined something
    else, or a parameter would not be kept as it is.
    """
    scope.require(Permission.OPERATE)
    values = new_run(scope, request, RunStatus.PENDING, Source.START, Trigger.USER, datetime.now(UTC))
    run_id: UUID = values["id"]
    changed = [name for name, value in request.parameters.items() if values["parameters"].get(name) != value]
    if changed:
        raise BadInputError(
            f"{request.operation} cannot keep its parameter {changed[0]!r} as it is: it holds what looks like a secret, or a "
            "character that no text holds. Leave that out."
        )
    with database.transaction(scope) as connection:
        row = connection.execute(_START, values).one()
        if row.inserted:
            announce(connection, scope.tenant_id, run_id, NotificationKind.QUEUED)
            record_audit(connection, scope, "run.start", str(run_id), {"type": str(request.operation)})
            connection.execute(text("SELECT pg_notify(:channel, :run)"), {"channel": CHANNEL, "run": str(run_id)})
        elif not join(connection, row.id, request):
            raise BadInputError(
                f"The same work is under way as run {row.id}, and something else is to follow it: start this again once "
                "it has ended."
            )
    return Started(run_of(row, scope.slug), reused=not row.inserted)
