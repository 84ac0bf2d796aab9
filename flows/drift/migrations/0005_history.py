"""A policy's history in the hub: its pages may read contents and audit events, and what happened to findings is found by time."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.concurrently import create_index, drop_index

revision = "0005_history"
down_revision = "0004_standing"
depends_on = "0002_policy_audit"

_READ = ("policy_contents", "policy_audit_events")


def upgrade() -> None:
    """Forward: two grants and an index. Safe to repeat, as an index ends the transaction."""
    for table in _READ:
        op.execute(f"GRANT SELECT ON {table} TO {DatabaseRole.HUB}")
    create_index("ix_drift_finding_events_at ON drift_finding_events (tenant_id, at)")


def downgrade() -> None:
    """Back: the pages read neither."""
    drop_index("ix_drift_finding_events_at")
    for table in _READ:
        op.execute(f"REVOKE SELECT ON {table} FROM {DatabaseRole.HUB}")
