"""The tables of the snapshot store: contents once per hash, syncs, and which policy had which content in which sync."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from runstore.schema import Base


class FingerprintKey(Base):
    """The random key that turns a tenant's secrets into fingerprints. Losing it makes every secret look changed once."""

    __tablename__ = "policy_fingerprint_keys"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TenantKey(Base):
    """The key that a tenant's policies and findings are encrypted under, itself encrypted under the installation's key.

    `key_id` names that one. `sealed` says that everything is written encrypted: all that is new since then.
    """

    __tablename__ = "tenant_keys"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    key_id: Mapped[str]
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TenantCredential(Base):
    """What a tenant has of its own to be signed in to with. `sealed` is a secret or a certificate (`kind`), encrypted."""

    __tablename__ = "tenant_credentials"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    cloud: Mapped[str | None]
    application: Mapped[str | None]
    kind: Mapped[str | None]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Reveal(Base):
    """A tenant whose owner allows that opaque words are kept and revealed."""

    __tablename__ = "policy_reveals"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    allowed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class KeptWord(Base):
    """The opaque word that a fingerprint stands for, encrypted; NULL for one that is never to be revealed."""

    __tablename__ = "policy_kept_words"

    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey("policy_reveals.tenant_id", ondelete="CASCADE"), primary_key=True
    )
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class PolicyContent(Base):
    """The body of a policy, secrets fingerprinted, stored once per canonical content.

    JSON bytes, sealed (`flows._policies.sealing`); those of a tenant that is not sealed yet are JSON as it is.
    """

    __tablename__ = "policy_contents"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    canonical_version: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class InventorySync(Base):
    """One reading of a tenant's policies under a scope. `unread` says what it does not know (types, policy ids), `audit` how
    the source's audit logs stand (`audit.Standing` by log); NULL for a source that has none."""

    __tablename__ = "inventory_syncs"
    __table_args__ = (
        # A run makes one sync; a later attempt replaces what the one before began.
        UniqueConstraint("tenant_id", "run_id"),
        # snapshots.newest_usable: the newest usable syncs of a scope; snapshots.list_syncs.
        Index("ix_inventory_syncs_newest", "tenant_id", "scope", text("started_at DESC"), text("id DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    run_id: Mapped[UUID]
    scope: Mapped[str]
    source: Mapped[str]
    status: Mapped[str]
    canonical_version: Mapped[int]
    policies: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    complete: Mapped[bool] = mapped_column(server_default=text("false"))
    unread: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    audit: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class SyncPolicy(Base):
    """A policy as one sync found it. `mark` is the source's own sign of an unmoved policy."""

    __tablename__ = "inventory_sync_policies"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    sync_id: Mapped[UUID] = mapped_column(ForeignKey("inventory_syncs.id", ondelete="CASCADE"), primary_key=True)
    policy_id: Mapped[str] = mapped_column(primary_key=True)
    policy_type: Mapped[str]
    name: Mapped[str]
    platform: Mapped[str | None]
    subtype: Mapped[str | None]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    origin: Mapped[str]
    mark: Mapped[str | None]


class PolicyAuditEvent(Base):
    """One change of one policy as the source's audit log says it. The key serves `audit.last_changes`."""

    __tablename__ = "policy_audit_events"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    policy_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    activity: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(primary_key=True)


class SettingDefinition(Base):
    """What Microsoft calls a setting and its options (id → name), read once for all tenants; nothing of a tenant is in it.

    `content_hash` is the SHA-256 of all else, so that a text that Microsoft changed is told from one that it did not.
    """

    __tablename__ = "setting_definitions"

    definition_id: Mapped[str] = mapped_column(primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str]
    description: Mapped[str]
    category: Mapped[str]
    options: Mapped[dict[str, Any]]
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DirectoryName(Base):
    """A group, user, role or app that policies refer to, by its id in small letters; `name` is empty where it is not known.

    From `group_kind` on it is what `group.sync` read of a group, NULL before. The rule is sealed, and empty where members are
    assigned; `members` is NULL where Graph did not count them.
    """

    __tablename__ = "directory_names"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    object_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    deleted: Mapped[bool]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    group_kind: Mapped[str | None]
    membership_rule: Mapped[bytes | None] = mapped_column(LargeBinary)
    members: Mapped[int | None]
    read_at: Mapped[datetime | None]
