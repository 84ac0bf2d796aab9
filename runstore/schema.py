"""The tables of the run store. Each index names the query it serves.

What has to hold within a row is said by the migrations' CHECKs alone: nothing would notice a copy here that differs.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    DateTime,
    FetchedValue,
    ForeignKey,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LONG_RUN = timedelta(hours=1)
LONG_RUN_SQL = "finished_at - created_at > interval '1 hour'"
"""Runs that took long from their creation to their end; an index holds them apart."""

MAX_SCOPE = 200
"""Scopes are told apart by this many characters."""

SCOPE_SQL = f"coalesce(left(context ->> 'scope', {MAX_SCOPE}), '')"
"""The scope of a run, empty where it has none; `ended_runs` and its indexes say the same."""

ENDED_BADLY_SQL = "bucket IN ('failed', 'partial')"

MAX_ITEM_KEY = 320
"""Item ids are found by this many characters; no search in the hub may be longer."""


_NEWEST = (text("created_at DESC"), text("id DESC"))
_ENDED_LAST = text("finished_at DESC")
_SCOPE = text(f"({SCOPE_SQL})")
_ACTIVE = "status IN ('pending', 'running')"
_FINISHED = "finished_at IS NOT NULL"


def _index(name: str, *columns: Any, where: str | None = None, **options: Any) -> Index:
    return Index(name, *columns, postgresql_where=None if where is None else text(where), **options)


class Base(DeclarativeBase):
    """All tables, the producers' too: one metadata, so that autogenerate can hold models and migrations equal."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class Tenant(Base):
    """A company whose Intune is watched. `directory_id` is its Entra tenant id, `leaving_at` when its removal began,
    `without_types` the types of policies that are not asked for at Microsoft Graph."""

    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("slug"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    slug: Mapped[str]
    name: Mapped[str]
    directory_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    leaving_at: Mapped[datetime | None]
    without_types: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))


class User(Base):
    """A person. The email counts until the first sign-in binds (issuer, subject); from then on only those do."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email"), UniqueConstraint("issuer", "subject"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str]
    display_name: Mapped[str] = mapped_column(server_default="")
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EndedSession(Base):
    """A session of the hub that was signed out, kept until it would have expired: no hub accepts it meanwhile."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class Membership(Base):
    __tablename__ = "memberships"
    # The tenants of a user: read on every request of the hub.
    __table_args__ = (Index("ix_memberships_user_id", "user_id"),)

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str]
    granted_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OperationRun(Base):
    """One run: the row that everyone sees, and at once the outbox the dispatcher hands over to Prefect."""

    __tablename__ = "operation_runs"
    __table_args__ = (
        # start: at most one active run per tenant and key.
        _index("uq_operation_runs_active_key", "tenant_id", "idempotency_key", unique=True, where=_ACTIVE),
        # recorder: the row of a flow run that Prefect started by itself.
        _index("uq_operation_runs_flow_run_id", "flow_run_id", unique=True, where="flow_run_id IS NOT NULL"),
        # reader.list, no filter or by time, and the keyset cursor over it; insights.history from the index alone.
        _index("ix_operation_runs_created", "tenant_id", *_NEWEST, postgresql_include=["bucket"]),
        # reader.list by bucket; reader.bucket_counts.
        _index("ix_operation_runs_bucket", "tenant_id", "bucket", *_NEWEST),
        # reader.list and counts by type, and by type and bucket; reader.types (loose index scan).
        _index("ix_operation_runs_type_bucket", "tenant_id", "resource", "action", "bucket", *_NEWEST),
        # reader.list and counts by who started it, and by that and bucket; by type as well from the index alone.
        _index(
            "ix_operation_runs_initiator",
            "tenant_id",
            "initiated_by",
            "bucket",
            *_NEWEST,
            postgresql_include=["resource", "action"],
        ),
        # reader.list by time: unfinished runs, always shown.
        _index("ix_operation_runs_unfinished", "tenant_id", *_NEWEST, where="finished_at IS NULL"),
        # reader.list by time: runs that began long before the range and ended in it. Shorter ones are found by their creation.
        _index("ix_operation_runs_long", "tenant_id", _ENDED_LAST, where=LONG_RUN_SQL),
        # reader.list by item id. Only finished runs, whose rows stay as they are: a running one changes many times.
        _index("ix_operation_runs_items", text("run_item_keys(item_ids)"), postgresql_using="gin", where=_FINISHED),
        # reader.list and counts by scope; insights.scopes (loose index scan).
        _index("ix_operation_runs_scope", "tenant_id", _SCOPE, "bucket", *_NEWEST, where=_FINISHED),
        # reader.list of what needs attention: the newest finished run of each operation and scope (loose index scan).
        _index("ix_operation_runs_kin", "tenant_id", "resource", "action", _SCOPE, *_NEWEST, where=_FINISHED),
        # reader.list and counts by reason; insights.reason_codes (loose index scan).
        _index(
            "ix_operation_runs_reason",
            "tenant_id",
            text("run_reason(failures)"),
            "bucket",
            *_NEWEST,
            where=f"{_FINISHED} AND {ENDED_BADLY_SQL}",
        ),
        # retention: what ended first.
        _index("ix_operation_runs_finished", "tenant_id", _ENDED_LAST),
        # dispatcher: rows not yet handed to Prefect, oldest first.
        _index("ix_operation_runs_undispatched", "attend_after", where="status = 'pending' AND flow_run_id IS NULL"),
        # reconciler: active rows that Prefect has, by when one should look at them again.
        _index("ix_operation_runs_handed_over", "attend_after", where=f"{_ACTIVE} AND flow_run_id IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    resource: Mapped[str]
    action: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="pending")
    # Generated, by the rule of `status.bucket_of`.
    bucket: Mapped[str] = mapped_column(server_default=FetchedValue())
    attempt: Mapped[int] = mapped_column(server_default="1")
    idempotency_key: Mapped[str]
    context: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    item_ids: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    total: Mapped[int] = mapped_column(server_default="0")
    processed: Mapped[int] = mapped_column(server_default="0")
    succeeded: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    skipped: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    related: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    history: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    trigger: Mapped[str]
    initiated_by: Mapped[str]
    initiated_by_user: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    asked_again: Mapped[int] = mapped_column(server_default="0")
    last_source: Mapped[str] = mapped_column(server_default="start")
    flow_run_id: Mapped[UUID | None]
    attend_after: Mapped[datetime] = mapped_column(server_default=func.now())
    dispatch_tries: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    contact_lost_at: Mapped[datetime | None]


class Notification(Base):
    """One message to one user about one transition of a run; written in the transaction of that transition."""

    __tablename__ = "notifications"
    __table_args__ = (
        # Exactly once per run, transition and recipient, however often the transition is reported.
        UniqueConstraint("run_id", "attempt", "kind", "user_id"),
        # notifications of a user, newest first; unread count.
        Index("ix_notifications_recipient", "tenant_id", "user_id", *_NEWEST),
        Index("ix_notifications_unread", "tenant_id", "user_id", postgresql_where=text("read_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("operation_runs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    kind: Mapped[str]
    status: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did what to what. Append-only: no role but the owner of the schema may change or remove an entry."""

    __tablename__ = "audit_log"
    __table_args__ = (
        # audit of a tenant, newest first.
        Index("ix_audit_log_newest", "tenant_id", text("at DESC"), text("id DESC")),
        # AuditReader.verify: the chain in its order, and two entries in one place of it refused.
        Index("ix_audit_log_chain", "tenant_id", "seq", unique=True, postgresql_where=text("seq IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    actor_user: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    verb: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    # Given by the database as the entry is added: its place, and a hash over it and the entry before. NULL for older ones.
    seq: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[bytes | None]


class AuditHead(Base):
    __tablename__ = "audit_heads"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class MirroredSchedule(Base):
    """A schedule as the relay last read it at Prefect's server, which has the last word on it.

    `due_at` is when it should have fired last, `every_seconds` the longest wait between two of its times.
    """

    __tablename__ = "schedules"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    resource: Mapped[str]
    action: Mapped[str]
    scope: Mapped[str | None]
    name: Mapped[str | None]
    timing: Mapped[str]
    timezone: Mapped[str]
    stopped_by: Mapped[str | None]
    every_seconds: Mapped[int | None] = mapped_column(BigInteger)
    due_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]


class ScheduleLook(Base):
    """When the relay last tried to read a tenant's schedules, when it could, and why it could not the last time."""

    __tablename__ = "schedule_looks"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    tried_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    problem: Mapped[str | None]
