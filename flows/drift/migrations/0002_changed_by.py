"""A run's finding says who changed the policy last; a comparison says by which canonical rules it was made."""

from alembic import op

revision = "0002_changed_by"
down_revision = "0001_drift"
depends_on = "0002_policy_audit"


def upgrade() -> None:
    """Forward: columns that are empty for what was found before."""
    op.execute("ALTER TABLE drift_run_findings ADD COLUMN changed_by jsonb")
    op.execute("ALTER TABLE drift_comparisons ADD COLUMN canonical_version integer")


def downgrade() -> None:
    """Back: the columns are gone."""
    op.drop_column("drift_comparisons", "canonical_version")
    op.drop_column("drift_run_findings", "changed_by")
