"""Starting a run: one statement makes the pending row or finds the identical active one. No orchestrator is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from runstore.audit import record_audit
from runstore.database import Database
from runstore.fence.redaction import scrub_json
from runstore.notifications import NotificationKind, announce
from runstore.runs.idempotency import idempotency_key
from runstore.runs.operation import OperationType
from runstore.runs.rows import returned_columns, run_of
from runstore.runs.run import RelatedLink, Run, Source
from runstore.runs.status import RunStatus
from runstore.tenancy import Permission, TenantScope, Trigger

CHANNEL = "tenantatlas_runs"
"""The NOTIFY channel on which a new pending run is announced to the dispatchers."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What to start.

    `identity` makes two requests identical (JSON values; sort what is a set). `parameters` are the flow's: strings and ids,
    never payloads. `context` is what a reader of the run sees of them.
    """

    operation: OperationType
    identity: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    item_ids: Sequence[str] = ()
    related: Sequence[RelatedLink] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """The run that answers a request, and whether it was there already."""

    run: Run
    reused: bool


_START = text(
    f"""
    INSERT INTO operation_runs AS r
      (id, tenant_id, resource, action, status, idempotency_key, context, parameters, item_ids, total, related, history,
       trigger, initiated_by, initiated_by_user, last_source)
    VALUES
      (:id, :tenant, :resource, :action, 'pending', :key, :context, :parameters, :item_ids, :total, :related, :history,
       :trigger, :initiated_by, :initiated_by_user, 'start')
    ON CONFLICT (tenant_id, idempotency_key) WHERE status IN ('pending', 'running')
      DO UPDATE SET asked_again = r.asked_again + 1
    RETURNING {returned_columns("r")}, r.id = :id AS inserted
    """
).bindparams(*(bindparam(name, type_=JSONB) for name in ("context", "parameters", "item_ids", "related", "history")))


def start(database: Database, scope: TenantScope, request: StartRequest) -> Started:
    """The new pending run, or the identical active one. One transaction: run, "queued" notification, audit entry, NOTIFY.

    Raises ForbiddenError when the actor may not start runs; nothing is written then. Of any number of identical requests at
    once exactly one makes the row. A request that comes after the run ended makes a new one.
    """
    scope.require(Permission.OPERATE)
    run_id = uuid4()
    with database.transaction(scope) as connection:
        row = connection.execute(_START, _values(scope, request, run_id)).one()
        if row.inserted:
            announce(connection, scope.tenant_id, run_id, NotificationKind.QUEUED)
            record_audit(connection, scope, "run.start", str(run_id), {"type": str(request.operation)})
            connection.execute(text("SELECT pg_notify(:channel, :run)"), {"channel": CHANNEL, "run": str(run_id)})
    return Started(run_of(row, scope.slug), reused=not row.inserted)


def _values(scope: TenantScope, request: StartRequest, run_id: UUID) -> dict[str, Any]:
    queued = {
        "attempt": 1,
        "status": RunStatus.PENDING.value,
        "at": datetime.now(UTC).isoformat(),
        "source": Source.START.value,
    }
    return {
        "id": run_id,
        "tenant": scope.tenant_id,
        "resource": request.operation.resource,
        "action": request.operation.action,
        "key": idempotency_key(scope.tenant_id, request.operation, request.identity),
        "context": scrub_json(dict(request.context)),
        "parameters": scrub_json(dict(request.parameters)),
        "item_ids": scrub_json(list(request.item_ids)),
        "total": len(request.item_ids),
        "related": [scrub_json(link.as_json()) for link in request.related],
        "history": [queued],
        "trigger": Trigger.USER.value,
        "initiated_by": scope.actor.label,
        "initiated_by_user": scope.actor.user_id,
    }
