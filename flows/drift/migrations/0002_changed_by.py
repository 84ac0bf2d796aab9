"""A run's finding says who changed the policy last; a comparison says by which canonical rules it was made."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_changed_by"
down_revision = "0001_drift"
depends_on = "0002_policy_audit"


def upgrade() -> None:
    """Forward: columns that are empty for what was found before."""
    op.add_column("drift_run_findings", sa.Column("changed_by", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("drift_comparisons", sa.Column("canonical_version", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Back: the columns are gone."""
    op.drop_column("drift_comparisons", "canonical_version")
    op.drop_column("drift_run_findings", "changed_by")
