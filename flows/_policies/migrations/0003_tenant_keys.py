"""A key for each tenant, under which its policies and findings are encrypted.

A tenant without one is read and written as before, so that workers of the release before go on: only a tenant that has no
policies yet gets one by itself, the others by `tenantatlas db seal`, when every process is of this release.
"""

import sqlalchemy as sa
from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import READ, WRITE, tenant_table

revision = "0003_tenant_keys"
down_revision = "0002_policy_audit"


def upgrade() -> None:
    """Forward: a new table."""
    op.create_table(
        "tenant_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_tenant_keys_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant_keys")),
    )
    # Everything that reads findings needs it; without the installation's key it opens nothing.
    tenant_table("tenant_keys", {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.WORKER: WRITE})


def downgrade() -> None:
    """Back: refused where something is encrypted, which nobody could read any more."""
    op.execute(
        """
        DO $$ BEGIN
          IF EXISTS (SELECT FROM tenant_keys) THEN
            RAISE EXCEPTION 'policies are encrypted under the tenants'' keys, and would be lost with them';
          END IF;
        END $$
        """
    )
    op.drop_table("tenant_keys")
