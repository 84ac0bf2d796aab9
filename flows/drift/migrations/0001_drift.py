"""Findings, what each run found, the life of findings, rules, and pinned baselines."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, WRITE, tenant_table

revision = "0001_drift"
down_revision = None
branch_labels = ("drift",)
depends_on = "0001_policy_snapshots"

_KINDS = "'platform_change', 'policy_added', 'policy_modified', 'policy_recreated', 'policy_removed'"
_SEVERITIES = "'critical', 'high', 'info', 'low', 'medium'"
_STATUSES = "'accepted', 'acknowledged', 'open', 'resolved'"


def _column(
    name: str, kind: sa.types.TypeEngine[Any], *, null: bool = False, default: str | None = None
) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null, server_default=sa.text(default) if default else None)


def _text(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[Any]:
    return _column(name, sa.Text(), null=null, default=default)


def _time(name: str, *, null: bool = False) -> sa.Column[Any]:
    return _column(name, sa.DateTime(timezone=True), null=null, default=None if null else "now()")


def _json(name: str, empty: str) -> sa.Column[Any]:
    return _column(name, postgresql.JSONB(astext_type=sa.Text()), default=f"'{empty}'::jsonb")


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"
    )


def _finding(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["finding_id"], ["drift_findings.id"], name=op.f(f"fk_{table}_finding_id"), ondelete="CASCADE"
    )


def upgrade() -> None:
    """Forward: new tables only."""
    op.create_table(
        "drift_comparisons",
        _column("tenant_id", sa.Uuid()),
        _column("run_id", sa.Uuid()),
        _text("scope"),
        _text("against"),
        _column("baseline_sync_id", sa.Uuid()),
        _column("current_sync_id", sa.Uuid()),
        _json("withheld", "[]"),
        _time("created_at"),
        sa.CheckConstraint("against IN ('previous', 'pinned', 'chosen')", name=op.f("ck_drift_comparisons_against")),
        _tenant("drift_comparisons"),
        sa.PrimaryKeyConstraint("tenant_id", "run_id", name=op.f("pk_drift_comparisons")),
    )
    op.create_index(
        "ix_drift_comparisons_newest",
        "drift_comparisons",
        ["tenant_id", "scope", sa.literal_column("created_at DESC")],
    )
    op.create_table(
        "drift_findings",
        _column("id", sa.Uuid()),
        _column("tenant_id", sa.Uuid()),
        _text("scope"),
        _column("fingerprint", sa.LargeBinary()),
        _text("subject"),
        _text("kind"),
        _text("policy_id", null=True),
        _text("policy_name", null=True),
        _text("policy_type"),
        _text("severity"),
        _text("status"),
        _column("value_digest", sa.LargeBinary()),
        _column("before_hash", sa.LargeBinary(), null=True),
        _column("after_hash", sa.LargeBinary(), null=True),
        _column("first_run_id", sa.Uuid()),
        _column("last_run_id", sa.Uuid()),
        _time("first_seen_at"),
        _time("last_seen_at"),
        _text("owner", null=True),
        _text("reason", null=True),
        _column("accepted_digest", sa.LargeBinary(), null=True),
        _time("accepted_until", null=True),
        _time("resolved_at", null=True),
        sa.CheckConstraint(f"status IN ({_STATUSES})", name=op.f("ck_drift_findings_status")),
        sa.CheckConstraint(f"severity IN ({_SEVERITIES})", name=op.f("ck_drift_findings_severity")),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_drift_findings_kind")),
        sa.CheckConstraint(
            "octet_length(fingerprint) = 32 AND octet_length(value_digest) = 32",
            name=op.f("ck_drift_findings_digest_sizes"),
        ),
        sa.CheckConstraint(
            "(status = 'resolved') = (resolved_at IS NOT NULL)", name=op.f("ck_drift_findings_resolved_at")
        ),
        sa.CheckConstraint(
            "(status = 'accepted') = (accepted_digest IS NOT NULL)", name=op.f("ck_drift_findings_accepted_value")
        ),
        sa.CheckConstraint(
            "status <> 'accepted' OR (owner IS NOT NULL AND reason IS NOT NULL)",
            name=op.f("ck_drift_findings_accepted_by_whom"),
        ),
        _tenant("drift_findings"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_findings")),
        sa.UniqueConstraint("tenant_id", "fingerprint", name=op.f("uq_drift_findings_tenant_id_fingerprint")),
    )
    op.create_index(
        "ix_drift_findings_unresolved",
        "drift_findings",
        ["tenant_id", "scope"],
        postgresql_where=sa.text("status <> 'resolved'"),
    )
    op.create_table(
        "drift_run_findings",
        _column("tenant_id", sa.Uuid()),
        _column("run_id", sa.Uuid()),
        _column("finding_id", sa.Uuid()),
        _column("position", sa.Integer()),
        _text("kind"),
        _text("policy_id", null=True),
        _text("previous_policy_id", null=True),
        _text("policy_name", null=True),
        _text("policy_type"),
        _text("severity"),
        _column("changes", sa.JSON()),
        _json("policies", "[]"),
        _json("notes", "[]"),
        _tenant("drift_run_findings"),
        _finding("drift_run_findings"),
        sa.PrimaryKeyConstraint("tenant_id", "run_id", "finding_id", name=op.f("pk_drift_run_findings")),
    )
    op.create_index("ix_drift_run_findings_finding_id", "drift_run_findings", ["finding_id"])
    op.create_table(
        "drift_finding_events",
        _column("id", sa.Uuid()),
        _column("tenant_id", sa.Uuid()),
        _column("finding_id", sa.Uuid()),
        _time("at"),
        _text("actor"),
        _column("run_id", sa.Uuid(), null=True),
        _text("event"),
        _text("from_status", null=True),
        _text("to_status"),
        _json("detail", "{}"),
        _tenant("drift_finding_events"),
        _finding("drift_finding_events"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_finding_events")),
    )
    op.create_index("ix_drift_finding_events_finding", "drift_finding_events", ["tenant_id", "finding_id", "at"])
    _create_rules()
    _protect()


def _create_rules() -> None:
    op.create_table(
        "drift_ignore_rules",
        _column("id", sa.Uuid()),
        _column("tenant_id", sa.Uuid()),
        *(_text(name, default="''") for name in ("kind", "policy_type", "policy_name", "facet", "setting")),
        _text("reason"),
        _text("created_by"),
        _time("created_at"),
        sa.CheckConstraint(
            "concat(kind, policy_type, policy_name, facet, setting) <> ''",
            name=op.f("ck_drift_ignore_rules_says_something"),
        ),
        _tenant("drift_ignore_rules"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_ignore_rules")),
    )
    op.create_index("ix_drift_ignore_rules_tenant_id", "drift_ignore_rules", ["tenant_id"])
    op.create_table(
        "drift_severity_rules",
        _column("id", sa.Uuid()),
        _column("tenant_id", sa.Uuid()),
        _text("severity"),
        _column("kinds", postgresql.ARRAY(sa.Text()), default="'{}'::text[]"),
        *(_text(name, default="''") for name in ("policy_type", "facet", "setting")),
        _text("created_by"),
        _time("created_at"),
        sa.CheckConstraint(f"severity IN ({_SEVERITIES})", name=op.f("ck_drift_severity_rules_severity")),
        _tenant("drift_severity_rules"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_severity_rules")),
    )
    op.create_index("ix_drift_severity_rules_tenant_id", "drift_severity_rules", ["tenant_id"])
    op.create_table(
        "drift_baselines",
        _column("tenant_id", sa.Uuid()),
        _text("scope"),
        _column("sync_id", sa.Uuid()),
        _text("reason", default="''"),
        _text("pinned_by"),
        _time("pinned_at"),
        _tenant("drift_baselines"),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["inventory_syncs.id"], name=op.f("fk_drift_baselines_sync_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "scope", name=op.f("pk_drift_baselines")),
    )


def _protect() -> None:
    found = {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.WORKER: DELETE}
    for table in ("drift_comparisons", "drift_run_findings"):
        tenant_table(table, found)
    # Decisions are made by people; the worker moves findings on.
    for table in ("drift_findings", "drift_finding_events"):
        tenant_table(table, {**found, DatabaseRole.APP: WRITE})
    for table in ("drift_ignore_rules", "drift_severity_rules", "drift_baselines"):
        tenant_table(table, {DatabaseRole.HUB: READ, DatabaseRole.APP: DELETE, DatabaseRole.WORKER: READ})


def downgrade() -> None:
    """Back: findings and decisions are gone."""
    for table in (
        "drift_baselines",
        "drift_severity_rules",
        "drift_ignore_rules",
        "drift_finding_events",
        "drift_run_findings",
        "drift_findings",
        "drift_comparisons",
    ):
        op.drop_table(table)
