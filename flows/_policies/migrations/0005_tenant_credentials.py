"""How a tenant of its own application, certificate or cloud is signed in to. A worker of the release before uses the shared one."""

import sqlalchemy as sa
from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import READ, tenant_table

revision = "0005_tenant_credentials"
down_revision = "0004_names"


def upgrade() -> None:
    """Forward: a new table."""
    op.create_table(
        "tenant_credentials",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("cloud", sa.Text(), nullable=True),
        sa.Column("application", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("num_nulls(application, kind, sealed) IN (0, 3)", name=op.f("ck_tenant_credentials_whole")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_tenant_credentials_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant_credentials")),
    )
    tenant_table("tenant_credentials", {DatabaseRole.WORKER: READ})


def downgrade() -> None:
    """Back: every tenant is read with the shared application."""
    op.drop_table("tenant_credentials")
