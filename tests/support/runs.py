"""Runs of any status for tests: one factory that fills whatever timestamps and counts a status demands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from runstore.database import Database
from runstore.runs.operation import OperationType
from runstore.runs.run import Failure, RelatedLink
from runstore.runs.status import ObservedState, RunStatus, outcome
from runstore.schema import Notification, OperationRun
from runstore.tenancy import TenantScope, Trigger

ORIGIN = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


def status_after(seen: ObservedState, succeeded: int, failed: int) -> RunStatus:
    """The status that an applied observation leads to: only of one that finished the counts decide."""
    return outcome(succeeded, failed) if seen is ObservedState.FINISHED else RunStatus(seen.value)


@dataclass(frozen=True)
class RunSpec:
    """What a test wants of a run; everything else follows from the status."""

    type: str = "inventory.sync"
    status: RunStatus = RunStatus.COMPLETED
    created_at: datetime | None = None
    waited: timedelta = timedelta(seconds=1)
    lasted: timedelta = timedelta(seconds=42)
    total: int = 0
    succeeded: int = 0
    failures: Sequence[Failure] = ()
    skipped: int = 0
    item_ids: Sequence[str] = ()
    related: Sequence[RelatedLink] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 1
    trigger: Trigger = Trigger.USER
    initiated_by: str = "operator@acme.example"
    initiated_by_user: UUID | None = None
    flow_run_id: UUID | None = None
    contact_lost: bool = False
    id: UUID = field(default_factory=uuid4)


def run_row(scope: TenantScope, spec: RunSpec) -> dict[str, Any]:
    """The column values of a run that satisfy every CHECK of its status."""
    operation = OperationType.parse(spec.type)
    created = spec.created_at or datetime.now(UTC) - spec.waited - spec.lasted
    started = None if spec.status is RunStatus.PENDING else created + spec.waited
    is_active = spec.status in (RunStatus.PENDING, RunStatus.RUNNING)
    finished = None if is_active else created + spec.waited + spec.lasted
    processed = spec.succeeded + len(spec.failures) + spec.skipped
    history = [{"attempt": 1, "status": "pending", "at": created.isoformat(), "source": "start"}]
    if started is not None:
        history.append({"attempt": spec.attempt, "status": "running", "at": started.isoformat(), "source": "hook"})
    if finished is not None:
        history.append(
            {"attempt": spec.attempt, "status": spec.status.value, "at": finished.isoformat(), "source": "hook"}
        )
    return {
        "id": spec.id,
        "tenant_id": scope.tenant_id,
        "resource": operation.resource,
        "action": operation.action,
        "status": spec.status.value,
        "attempt": spec.attempt,
        "idempotency_key": uuid4().hex,
        "context": json.loads(json.dumps(dict(spec.context))),
        "item_ids": list(spec.item_ids),
        "total": max(spec.total, processed),
        "processed": processed,
        "succeeded": spec.succeeded,
        "failed": len(spec.failures),
        "skipped": spec.skipped,
        "failures": [failure.as_json() for failure in spec.failures],
        "related": [link.as_json() for link in spec.related],
        "history": history,
        "trigger": spec.trigger.value,
        "initiated_by": spec.initiated_by,
        "initiated_by_user": spec.initiated_by_user,
        "last_source": "start" if spec.status is RunStatus.PENDING else "hook",
        "flow_run_id": spec.flow_run_id,
        "created_at": created,
        "started_at": started,
        "finished_at": finished,
        "heartbeat_at": None if started is None else finished or datetime.now(UTC),
        "contact_lost_at": datetime.now(UTC) - timedelta(minutes=3) if spec.contact_lost else None,
    }


def add_runs(database: Database, scope: TenantScope, specs: Sequence[RunSpec]) -> list[UUID]:
    """Inserts runs as they are; answers their ids in order. The database's role has to be one that writes."""
    if specs:
        with database.transaction(scope) as connection:
            connection.execute(insert(OperationRun), [run_row(scope, spec) for spec in specs])
    return [spec.id for spec in specs]


def add_notification(database: Database, scope: TenantScope, run_id: UUID, kind: str, status: RunStatus) -> UUID:
    """One unread notification for the scope's own user."""
    notification_id = uuid4()
    with database.transaction(scope) as connection:
        connection.execute(
            insert(Notification),
            {
                "id": notification_id,
                "tenant_id": scope.tenant_id,
                "run_id": run_id,
                "attempt": 1,
                "kind": kind,
                "status": status.value,
                "user_id": scope.actor.user_id,
            },
        )
    return notification_id
