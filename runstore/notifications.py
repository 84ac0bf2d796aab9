"""Messages about a run's transitions, written in the transaction that makes the transition."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, func, text, update

from runstore.database import Database
from runstore.runs.operation import OperationType
from runstore.runs.run import context_sentences
from runstore.runs.status import RunStatus, StatusBucket
from runstore.schema import Notification
from runstore.tenancy import TenantScope


class NotificationKind(StrEnum):
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
        r.bucket IN ('failed', 'partial')
        OR NOT EXISTS (
          SELECT FROM memberships i WHERE i.tenant_id = r.tenant_id AND i.user_id = r.initiated_by_user))))
    ON CONFLICT DO NOTHING
    """
)


def announce(connection: Connection, tenant_id: UUID, run_id: UUID, kind: NotificationKind) -> None:
    """Writes the notifications of a transition that `connection`'s transaction has just made; a repeat writes nothing."""
    connection.execute(_ANNOUNCE, {"run": run_id, "tenant": tenant_id, "kind": kind.value})


DIGEST_WINDOW_SECONDS = 300
"""Alike notifications that follow one another this closely are one line: "… and 41 more"."""


# Gaps and islands among the newest 2,000: a new line begins where the operation, the outcome or the pace changes.
_DIGESTS = text(
    f"""
    WITH newest AS (
      SELECT n.id, n.run_id, n.kind, n.status, n.created_at, n.read_at, r.resource, r.action, r.bucket
      FROM notifications n JOIN operation_runs r ON r.id = n.run_id
      WHERE n.tenant_id = :tenant AND n.user_id = :user
      ORDER BY n.created_at DESC, n.id DESC LIMIT 2000
    ), compared AS (
      SELECT *, (resource, action, kind, status, read_at IS NULL) IS DISTINCT FROM
          lag((resource, action, kind, status, read_at IS NULL)) OVER newest_first
        OR lag(created_at) OVER newest_first - created_at > interval '{DIGEST_WINDOW_SECONDS} seconds' AS begins
      FROM newest WINDOW newest_first AS (ORDER BY created_at DESC, id DESC)
    ), numbered AS (
      SELECT *, count(*) FILTER (WHERE begins) OVER (ORDER BY created_at DESC, id DESC) AS line FROM compared
    ), lines AS (
      SELECT *, row_number() OVER of_line AS place, count(*) OVER (PARTITION BY line) - 1 AS more
      FROM numbered WINDOW of_line AS (PARTITION BY line ORDER BY created_at DESC, id DESC)
    )
    """
)
# A context may be large: only that of what is listed is looked into.
_LIST = text(
    f"""
    {_DIGESTS.text}
    SELECT l.*, left(r.context ->> 'scope', 200) AS scope,
           jsonb_build_object('then_why', r.context -> 'then_why', 'notice', r.context -> 'notice') AS context
    FROM (SELECT * FROM lines WHERE place = 1 ORDER BY line LIMIT :size) l
    JOIN operation_runs r ON r.id = l.run_id ORDER BY l.line LIMIT :size
    """
)
_MARK_LINE = text(
    f"""
    {_DIGESTS.text}
    UPDATE notifications n SET read_at = now() FROM lines l
    WHERE n.id = l.id AND n.read_at IS NULL AND l.line = (SELECT line FROM lines WHERE id = :chosen)
    """
)
_UNREAD = text(
    """
    SELECT count(*) FROM (
      SELECT FROM notifications WHERE tenant_id = :tenant AND user_id = :user AND read_at IS NULL LIMIT :most) unread
    """
)


@dataclass(frozen=True, slots=True)
class NotificationView:
    """A notification, what its run says in words now (`said`), and how many like it follow (`more`)."""

    id: UUID
    run_id: UUID
    kind: NotificationKind
    status: RunStatus
    run_type: OperationType
    run_bucket: StatusBucket
    created_at: datetime
    read_at: datetime | None
    more: int
    scope: str | None
    said: Sequence[tuple[str, str]] = ()


class NotificationReader:
    """The notifications of the scope's own user in the scope's tenant; empty for an actor who is not an user."""

    def __init__(self, database: Database, scope: TenantScope) -> None:
        self._database = database
        self._scope = scope
        self._mine = (Notification.tenant_id == scope.tenant_id, Notification.user_id == scope.actor.user_id)
        self._who = {"tenant": scope.tenant_id, "user": scope.actor.user_id}

    def list(self, *, limit: int = 50) -> Sequence[NotificationView]:
        """The newest lines, newest first: alike notifications in a row are one line that says how many more there are."""
        with self._database.transaction(self._scope) as connection:
            rows = connection.execute(_LIST, {**self._who, "size": limit}).all()
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
                more=row.more,
                scope=row.scope,
                said=context_sentences(row.context) if row.kind == NotificationKind.FINISHED else (),
            )
            for row in rows
        )

    def unread(self, *, cap: int = 99) -> int:
        with self._database.transaction(self._scope) as connection:
            return connection.execute(_UNREAD, {**self._who, "most": cap + 1}).scalar_one()

    def mark_read(self, notification_id: UUID | None = None) -> int:
        """Marks a notification's line, or all, as read; how many were unread. Nothing for another's."""
        everything = update(Notification).where(*self._mine, Notification.read_at.is_(None)).values(read_at=func.now())
        with self._database.transaction(self._scope) as connection:
            if notification_id is None:
                return connection.execute(everything).rowcount
            return connection.execute(_MARK_LINE, {**self._who, "chosen": notification_id}).rowcount
