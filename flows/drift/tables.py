"""The tables of drift: findings that live from sync to sync, what each run found, decisions, rules and pinned baselines."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    ColumnElement,
    Computed,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    cast,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from flows._policies.sealing import SealedRows
from flows._policies.tables import InventorySync
from runstore.schema import Base


class DriftComparison(Base):
    """What one run compared, and how many differences it withheld because a side was not read completely."""

    __tablename__ = "drift_comparisons"
    __table_args__ = (
        # reading.newest_comparisons: the newest comparison of each scope.
        Index("ix_drift_comparisons_newest", "tenant_id", "scope", text("created_at DESC")),
    )

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[str]
    against: Mapped[str]
    baseline_sync_id: Mapped[UUID]
    current_sync_id: Mapped[UUID]
    withheld: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    # By which rules contents were hashed then; NULL for a comparison of before this was kept.
    canonical_version: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


# As PostgreSQL writes them back, so that the models can be held to the migrations.
_RANK = (
    "CASE CASE WHEN hidden_run_id = last_run_id THEN coalesce(shown_severity, ''::text) ELSE severity END"
    " WHEN 'critical'::text THEN 0 WHEN 'high'::text THEN 1 WHEN 'medium'::text THEN 2 WHEN 'low'::text THEN 3"
    " WHEN 'info'::text THEN 4 ELSE 9 END"
)
_SEARCHED = (
    "lower(\"left\"(coalesce(policy_name, ''::text), 300) || ' '::text || coalesce(policy_id, ''::text)"
    " || ' '::text || coalesce(owner, ''::text) || ' '::text || coalesce(reason, ''::text))"
)


_UNRESOLVED = text("status <> 'resolved'")
_ORDER = ("tenant_id", "rank", "policy_type", text('"left"(policy_name, 100)'), "id")
_WITH_THEM = ["status", "accepted_until", "hidden_changes"]


class DriftFinding(Base):
    """One subject that drifted, once per tenant, scope and subject, with where it stands and who decided what."""

    __tablename__ = "drift_findings"
    __table_args__ = (
        # record.save: a subject has one finding, however often and by however many it is found.
        UniqueConstraint("tenant_id", "fingerprint"),
        # record.settle: the unresolved findings of a scope; overview.open_by_scope: how many, without the rows themselves.
        Index(
            "ix_drift_findings_unresolved",
            *("tenant_id", "scope", "rank"),
            postgresql_include=["status", "accepted_until"],
            postgresql_where=_UNRESOLVED,
        ),
        # overview.trend: the acceptances that end.
        Index(
            "ix_drift_findings_accepted",
            *("tenant_id", "accepted_until"),
            postgresql_include=["rank"],
            postgresql_where=text("status = 'accepted'"),
        ),
        # filters.FindingFilter: the findings of one policy.
        Index("ix_drift_findings_policy", "tenant_id", "policy_id"),
        # rows.of_register: counts by severity and type, and a page in that order, without the rows themselves.
        Index("ix_drift_findings_listed", *_ORDER, postgresql_include=_WITH_THEM, postgresql_where=_UNRESOLVED),
        # rows.of_register: the same of every state.
        Index("ix_drift_findings_every", *_ORDER, postgresql_include=_WITH_THEM),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    scope: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    subject: Mapped[str]
    kind: Mapped[str]
    policy_id: Mapped[str | None]
    policy_name: Mapped[str | None]
    policy_type: Mapped[str]
    severity: Mapped[str]
    status: Mapped[str]
    value_digest: Mapped[bytes] = mapped_column(LargeBinary)
    before_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    after_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    first_run_id: Mapped[UUID]
    last_run_id: Mapped[UUID]
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    owner: Mapped[str | None]
    reason: Mapped[str | None]
    accepted_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    accepted_until: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    # ignore_rules.keep_hidden: what ignore rules hide of what that run found; NULL severity when they leave nothing.
    hidden_run_id: Mapped[UUID | None]
    hidden_changes: Mapped[int] = mapped_column(server_default="0")
    shown_severity: Mapped[str | None]
    # lifecycle.since_it_began: all that differs from `before_hash`, where that is more than the run `changes_run_id` found.
    changes: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    changes_run_id: Mapped[UUID | None]
    # The content before the finding began. Its return resolves one that was accepted and has moved since, too.
    origin_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    # How severe what is left of it is, 0 for critical; 9 when nothing is left.
    rank: Mapped[int | None] = mapped_column(SmallInteger, Computed(_RANK, persisted=True))
    searched: Mapped[str | None] = mapped_column(Computed(_SEARCHED, persisted=True))


class DriftRunFinding(Base):
    """What one run found about one subject, kept as it was found.

    `changes` is a text where it is sealed (`flows._policies.sealing`), and the list itself where it is not.
    """

    __tablename__ = "drift_run_findings"
    __table_args__ = (
        # A finding's history across runs.
        Index("ix_drift_run_findings_finding_id", "finding_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    finding_id: Mapped[UUID] = mapped_column(ForeignKey("drift_findings.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int]
    kind: Mapped[str]
    policy_id: Mapped[str | None]
    previous_policy_id: Mapped[str | None]
    policy_name: Mapped[str | None]
    policy_type: Mapped[str]
    severity: Mapped[str]
    changes: Mapped[Any] = mapped_column(JSON)
    policies: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    notes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    changed_by: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class DriftEvent(Base):
    """One step in the life of a finding: found, moved, decided about, resolved, reopened."""

    __tablename__ = "drift_finding_events"
    __table_args__ = (
        Index("ix_drift_finding_events_finding", "tenant_id", "finding_id", "at"),
        # overview.trend: what moved of late, without the rows themselves, and what was decided of it.
        Index(
            "ix_drift_finding_events_at",
            *("tenant_id", "at"),
            postgresql_include=["rank", "from_status", "to_status", "event", "run_id"],
        ),
        Index(
            "ix_drift_finding_events_decided",
            *("tenant_id", "at"),
            postgresql_include=["finding_id"],
            postgresql_where=text("from_status = 'open' AND to_status IN ('acknowledged', 'accepted')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    finding_id: Mapped[UUID] = mapped_column(ForeignKey("drift_findings.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    run_id: Mapped[UUID | None]
    event: Mapped[str]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    # Its finding's as that is now: the database keeps the two the same.
    rank: Mapped[int | None] = mapped_column(SmallInteger)


class DriftIgnoreRule(Base):
    """Changes that match every given pattern (`*` for anything) are hidden. A rule without a pattern is refused."""

    __tablename__ = "drift_ignore_rules"
    __table_args__ = (Index("ix_drift_ignore_rules_tenant_id", "tenant_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(server_default="")
    policy_type: Mapped[str] = mapped_column(server_default="")
    policy_name: Mapped[str] = mapped_column(server_default="")
    facet: Mapped[str] = mapped_column(server_default="")
    setting: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DriftSeverityRule(Base):
    """A tenant's own severity rule; they come before the built-in ones, oldest first."""

    __tablename__ = "drift_severity_rules"
    __table_args__ = (Index("ix_drift_severity_rules_tenant_id", "tenant_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    severity: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{}'::text[]"))
    policy_type: Mapped[str] = mapped_column(server_default="")
    facet: Mapped[str] = mapped_column(server_default="")
    setting: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DriftBaseline(Base):
    """The sync a scope is held against until another is pinned: the golden snapshot."""

    __tablename__ = "drift_baselines"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    sync_id: Mapped[UUID] = mapped_column(ForeignKey(InventorySync.id, ondelete="RESTRICT"))
    reason: Mapped[str] = mapped_column(server_default="")
    pinned_by: Mapped[str]
    pinned_at: Mapped[datetime] = mapped_column(server_default=func.now())


def _unsealed(column: Any) -> ColumnElement[bool]:
    return (func.json_typeof(column) == "array") & (cast(column, Text) != "[]")


SEALED: Final = (
    SealedRows(
        DriftFinding,
        ("id",),
        ("changes",),
        _unsealed(DriftFinding.changes),
        lambda seals, row: {"changes": seals.kept_json(row.changes, row.id.bytes)},
    ),
    SealedRows(
        DriftRunFinding,
        ("run_id", "finding_id"),
        ("changes",),
        _unsealed(DriftRunFinding.changes),
        lambda seals, row: {"changes": seals.kept_json(row.changes, row.finding_id.bytes)},
    ),
)
"""What of the register is sealed: the changes, with what was there before and after."""
