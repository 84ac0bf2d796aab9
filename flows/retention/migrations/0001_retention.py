"""Lets workers forget finished runs and their notifications."""

from alembic import op

from runstore.database import DatabaseRole

revision = "0001_retention"
down_revision = None
branch_labels = ("retention",)
depends_on = "0001_run_store"


def upgrade() -> None:
    op.execute(f"GRANT DELETE ON operation_runs, notifications TO {DatabaseRole.WORKER}")


def downgrade() -> None:
    op.execute(f"REVOKE DELETE ON operation_runs, notifications FROM {DatabaseRole.WORKER}")
