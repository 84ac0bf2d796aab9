"""Messages about a run's transitions, written in the transaction that makes the transition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, func, select, text, update

from runstore.database import Database
from runstore.operation import OperationType
from runstore.schema import Notification, OperationRun
from runstore.status import RunStatus, StatusBucket
from runstore.tenancy import TenantScope


class NotificationKind(StrEnum):
    """Which transition a notification announces."""

    QUEUED = "queued"
    FINISHED = "finished"


# Who is told: the user who started the run while they are a member. Owners and managers, when no user did (a schedule, Prefect,
# the local operator) and whenever items failed: somebody has to look. The unique key makes a repeated report write nothing.
_ANNOUNCE = text(
    """
    INSERT INTO notifications (id, tenant_id, run_id, attempt, kind, status, user_id)
    SELECT gen_random_uuid(), r.tenant_id, r.id, r.attempt, :kind, r.status, m.user_id
    FROM operation_runs r JOIN memberships m ON m.tenant_id = r.tenant_id
    WHERE r.id = :run AND r.tenant_id = :tenant AND (
      m.user_id = r.initiated_by_user
      OR (m.role IN ('owner', 'manager') AND (
        (r.bucket IN ('failed', 'partial') AND :kind = 'finished')
        OR NOT EXISTS (
          SELECT FROM memberships i WHERE i.tenant_id = r.tenant_id AND i.user_id = r.initiated_by_user))))
    ON CONFLICT DO NOTHING
    """
)


def announce(connection: Connection, tenant_id: UUID, run_id: UUID, kind: NotificationKind) -> None:
    """Writes the notifications of a transition that `connection`'s transaction has just made; a repeat writes nothing."""
    connection.execute(_ANNOUNCE, {"run": run_id, "tenant": tenant_id, "kind": kind.value})


@dataclass(frozen=True, slots=True)
class NotificationView:
    """A notification as its recipient reads it, with the run as it is now."""

    id: UUID
    run_id: UUID
    kind: NotificationKind
    status: RunStatus
    run_type: OperationType
    run_bucket: StatusBucket
    created_at: datetime
    read_at: datetime | None


class NotificationReader:
    """The notifications of the scope's own user in the scope's tenant; empty for an actor who is no user."""

    def __init__(self, database: Database, scope: TenantScope) -> None:
        self._database = database
        self._scope = scope
        self._mine = (Notification.tenant_id == scope.tenant_id, Notification.user_id == scope.actor.user_id)

    def list(self, *, limit: int = 50) -> Sequence[NotificationView]:
        """The newest notifications, newest first."""
        query = (
            select(
                Notification.id,
                Notification.run_id,
                Notification.kind,
                Notification.status,
                Notification.created_at,
                Notification.read_at,
                OperationRun.resource,
                OperationRun.action,
                OperationRun.bucket,
            )
            .join(OperationRun, OperationRun.id == Notification.run_id)
            .where(*self._mine)
            .order_by(Notification.created_at.desc(), Notification.id.desc())
            .limit(limit)
        )
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(query).all()
        return tuple(
            NotificationView(
                id=row.id,
                run_id=row.run_id,
                kind=NotificationKind(row.kind),
                status=RunStatus(row.status),
                run_type=OperationType(row.resource, row.action),
                run_bucket=StatusBucket(row.bucket),
                created_at=row.created_at,
                read_at=row.read_at,
            )
            for row in rows
        )

    def unread(self, *, cap: int = 99) -> int:
        """How many are unread, counted up to `cap` + 1."""
        some = select(Notification.id).where(*self._mine, Notification.read_at.is_(None)).limit(cap + 1).subquery()
        with self._database.transaction(self._scope) as connection:
            return connection.execute(select(func.count()).select_from(some)).scalar_one()

    def mark_read(self, notification_id: UUID | None = None) -> int:
        """Marks one notification read, or all with None; answers how many were unread. Needs a database role that writes."""
        change = update(Notification).where(*self._mine, Notification.read_at.is_(None)).values(read_at=func.now())
        if notification_id is not None:
            change = change.where(Notification.id == notification_id)
        with self._database.transaction(self._scope) as connection:
            return connection.execute(change).rowcount
