"""The tables of backup sets: the sets, the policies kept in them, and the captures that put them there."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from runstore.schema import Base


class BackupSet(Base):
    __tablename__ = "backup_sets"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        # The target of the items' and captures' foreign keys: a set of another tenant cannot be named.
        UniqueConstraint("tenant_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    name: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BackupItem(Base):
    """One policy as it was read. The key is what makes a capture happen once: a set holds a content of a policy once.

    `body` is JSON bytes, sealed under the tenant's key where `key_id` says so. Of a release before it is compressed, and
    encrypted under the installation's key when `key_id` names that.
    """

    __tablename__ = "backup_items"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "set_id"],
            ["backup_sets.tenant_id", "backup_sets.id"],
            ondelete="CASCADE",
            name="fk_backup_items_set",
        ),
        # store.captured_by: what the captures of a selection have put into the set.
        Index("ix_backup_items_run", "tenant_id", "set_id", "run_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    set_id: Mapped[UUID] = mapped_column(primary_key=True)
    policy_id: Mapped[str] = mapped_column(primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    policy_type: Mapped[str]
    name: Mapped[str]
    platform: Mapped[str | None]
    origin: Mapped[str]
    assignments: Mapped[int]
    size: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str | None]
    run_id: Mapped[UUID]
    captured_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BackupCapture(Base):
    """One run of add-policies: what it was asked to capture, and whether it did all of it.

    `selection_key` is equal for equal requests. `selection` is the resolved list of [policy id, type], kept so that a
    later run of the same request goes on with what is missing instead of asking what there is.
    """

    __tablename__ = "backup_captures"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "set_id"],
            ["backup_sets.tenant_id", "backup_sets.id"],
            ondelete="CASCADE",
            name="fk_backup_captures_set",
        ),
        # captures.unfinished: the captures of the same request that did not get everything.
        Index(
            "ix_backup_captures_unfinished",
            "tenant_id",
            "set_id",
            "selection_key",
            postgresql_where=text("completed_at IS NULL"),
        ),
    )

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    set_id: Mapped[UUID]
    selection_key: Mapped[str]
    selection: Mapped[list[Any]]
    begun_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None]
