"""Names: of setting definitions, shared by all tenants, and of each tenant's directory objects."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, WRITE, tenant_table

revision = "0004_names"
down_revision = "0003_tenant_keys"


def upgrade() -> None:
    """Forward: new tables only."""
    op.create_table(
        "setting_definitions",
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("octet_length(content_hash) = 32", name=op.f("ck_setting_definitions_hash_size")),
        sa.PrimaryKeyConstraint("definition_id", name=op.f("pk_setting_definitions")),
    )
    # Microsoft's catalogue, the same for everybody: it belongs to no tenant.
    op.execute(f"GRANT {READ} ON setting_definitions TO {DatabaseRole.HUB}, {DatabaseRole.APP}")
    op.execute(f"GRANT {WRITE} ON setting_definitions TO {DatabaseRole.WORKER}")
    op.execute(f"GRANT {DELETE} ON setting_definitions TO {DatabaseRole.ADMIN}")
    op.create_table(
        "directory_names",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_directory_names_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "object_id", name=op.f("pk_directory_names")),
    )
    tenant_table("directory_names", {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.WORKER: WRITE})


def downgrade() -> None:
    """Back: findings show ids again until the next sync."""
    op.drop_table("directory_names")
    op.drop_table("setting_definitions")
