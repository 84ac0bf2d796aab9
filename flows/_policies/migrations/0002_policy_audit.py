"""Who changed a policy, and when; and how far a sync's source let its audit logs be read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, tenant_table

revision = "0002_policy_audit"
down_revision = "0001_policy_snapshots"


def upgrade() -> None:
    """Forward: a table, and a column that a worker of the release before leaves empty."""
    op.create_table(
        "policy_audit_events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activity", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_policy_audit_events_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "policy_id", "at", "activity", "actor", name=op.f("pk_policy_audit_events")
        ),
    )
    tenant_table("policy_audit_events", {DatabaseRole.APP: READ, DatabaseRole.WORKER: DELETE})
    op.add_column("inventory_syncs", sa.Column("audit", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def downgrade() -> None:
    """Back: who changed what is gone."""
    op.drop_column("inventory_syncs", "audit")
    op.drop_table("policy_audit_events")
