"""Who changed a policy, and when; and how far a sync's source let its audit logs be read."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, tenant_table

revision = "0002_policy_audit"
down_revision = "0001_policy_snapshots"


def upgrade() -> None:
    """Forward: a table, and a column that a worker of the release before leaves empty."""
    op.execute(
        """
        CREATE TABLE policy_audit_events (
          tenant_id uuid NOT NULL CONSTRAINT fk_policy_audit_events_tenant_id REFERENCES tenants ON DELETE CASCADE,
          policy_id text NOT NULL,
          at timestamptz NOT NULL,
          activity text NOT NULL,
          actor text NOT NULL,
          CONSTRAINT pk_policy_audit_events PRIMARY KEY (tenant_id, policy_id, at, activity, actor)
        )
        """
    )
    tenant_table("policy_audit_events", {DatabaseRole.APP: READ, DatabaseRole.WORKER: DELETE})
    op.execute("ALTER TABLE inventory_syncs ADD COLUMN audit jsonb")


def downgrade() -> None:
    """Back: who changed what is gone."""
    op.drop_column("inventory_syncs", "audit")
    op.drop_table("policy_audit_events")
