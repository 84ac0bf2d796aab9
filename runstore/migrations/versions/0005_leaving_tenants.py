"""A tenant that is being removed is marked, so that nothing starts for it while its rows are deleted."""

from alembic import op

revision = "0005_leaving_tenants"
down_revision = "0004_audit_chain"


def upgrade() -> None:
    """Forward. A process of the release before does not know the mark: remove tenants once all are of this one."""
    op.execute("ALTER TABLE tenants ADD COLUMN IF NOT EXISTS leaving_at timestamptz")


def downgrade() -> None:
    """Back: a tenant whose removal has begun is a tenant again, with what is left of it."""
    op.execute("ALTER TABLE tenants DROP COLUMN IF EXISTS leaving_at")
