"""Starting a run: the request, the one INSERT of it, also for a flow run that Prefect began by itself and for what follows
another run, and the start action, which makes the pending row or finds the identical active one. No orchestrator is asked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import BadInputError
from runstore.fence.opaque_words import RANDOM
from runstore.fence.redaction import marker, scrub_json
from runstore.notifications import NotificationKind, announce
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

    `identity` makes two requests identical (JSON values; sort what is a set). `parameters` are the flow's: strings and
    ids, never payloads; `context` is what a reader sees of them. `joins` names keys of the context that an identical
    active run takes over, unless it has one of them already. `paths` names parameters with a path of this machine, in
    which a folder may be called anything that is not known for a secret.
    """

    operation: OperationType
    identity: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    item_ids: Sequence[str] = ()
    related: Sequence[RelatedLink] = ()
    joins: Sequence[str] = ()
    paths: Sequence[str] = ()

    @property
    def joined(self) -> dict[str, Any]:
        return {name: self.context[name] for name in self.joins if self.context.get(name) is not None}


def idempotency_key(tenant_id: UUID, operation: OperationType, scope: Mapping[str, Any]) -> str:
    """64 hex digits, the same for equal input everywhere. Sort in `scope` whatever is a set in meaning."""
    text = json.dumps([str(tenant_id), str(operation), scope], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


INSERT_RUN = """
    INSERT INTO operation_runs AS r
      (id, tenant_id, resource, action, status, idempotency_key, context, parameters, item_ids, total, related, history,
       trigger, initiated_by, initiated_by_user, last_source, attempt, flow_run_id, started_at, heartbeat_at)
"""
"""Followed by a SELECT of these columns."""

_VALUES = """
    SELECT :id, :tenant, :resource, :action, :status, :key, :context, :parameters, :item_ids, :total, :related, :history,
      :trigger, :initiated_by, :initiated_by_user, :source, :attempt, :flow_run, :started_at,
      CASE WHEN CAST(:is_running AS boolean) THEN clock_timestamp() END
"""


def insert_statement(rest: str) -> TextClause:
    documents = ("context", "parameters", "item_ids", "related", "history")
    return text(INSERT_RUN + _VALUES + rest).bindparams(*(bindparam(name, type_=JSONB) for name in documents))


def _scrubbed(request: StartRequest) -> dict[str, Any]:
    # A folder that is made for one job may have a random name. A flow that got it with a replacement in it would look in the
    # wrong place.
    return {
        name: shown
        for given, value in request.parameters.items()
        for name, shown in scrub_json({given: value}, replace=_in_path if given in request.paths else marker).items()
    }


def _in_path(kind: str, text: str) -> str:
    return text if kind == RANDOM else marker(kind, text)


_JOIN = text(
    """
    UPDATE operation_runs r SET context = r.context || :joined
    WHERE r.id = :id AND r.status IN ('pending', 'running') AND NOT r.context ?| CAST(:names AS text[])
    RETURNING r.id
    """
).bindparams(bindparam("joined", type_=JSONB))


def join(connection: Connection, run_id: UUID, request: StartRequest) -> bool:
    """Gives an active run what the identical request has besides: whether it has it now, or had the same already."""
    if not (joined := request.joined):
        return True
    values = {"id": run_id, "joined": scrub_json(joined), "names": list(request.joins)}
    if connection.execute(_JOIN, values).first() is not None:
        return True
    has = connection.execute(text("SELECT context FROM operation_runs WHERE id = :id"), {"id": run_id}).scalar_one()
    return {name: has.get(name) for name in request.joins if has.get(name) is not None} == values["joined"]


def new_run(
    scope: TenantScope,
    request: StartRequest,
    status: RunStatus,
    source: Source,
    trigger: Trigger,
    at: datetime,
    *,
    attempt: int = 1,
    flow_run_id: UUID | None = None,
) -> dict[str, Any]:
    """The values of a run that is pending, or running since `at`; under a new id."""
    running = status is RunStatus.RUNNING
    entry = {"attempt": attempt, "status": status.value, "at": at.isoformat(), "source": source.value}
    return {
        "id": uuid4(),
        "tenant": scope.tenant_id,
        "resource": request.operation.resource,
        "action": request.operation.action,
        "status": status.value,
        "key": idempotency_key(scope.tenant_id, request.operation, request.identity),
        "context": scrub_json(dict(request.context)),
        "parameters": _scrubbed(request),
        "item_ids": scrub_json(list(request.item_ids)),
        "total": len(request.item_ids),
        "related": [scrub_json(link.as_json()) for link in request.related],
        "history": [entry],
        "trigger": trigger.value,
        "initiated_by": scope.actor.label,
        "initiated_by_user": scope.actor.user_id,
        "source": source.value,
        "attempt": attempt,
        "flow_run": flow_run_id,
        "started_at": at if running else None,
        "is_running": running,
    }


@dataclass(frozen=True, slots=True)
class Started:
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
