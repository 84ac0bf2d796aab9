"""Types of policies that a tenant leaves out: a feature it does not have is not asked for, and so is not unread either."""

from alembic import op

revision = "0008_without_types"
down_revision = "0007_run_scopes"


def upgrade() -> None:
    op.execute("ALTER TABLE tenants ADD COLUMN IF NOT EXISTS without_types text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    """Back: every type is asked for again."""
    op.execute("ALTER TABLE tenants DROP COLUMN IF EXISTS without_types")
