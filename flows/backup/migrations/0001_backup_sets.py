"""Backup sets, the policies in them, and the captures that put them there."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, WRITE, tenant_table

revision = "0001_backup_sets"
down_revision = None
branch_labels = ("backup",)
depends_on = "0001_run_store"


def upgrade() -> None:
    op.create_table(
        "backup_sets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_backup_sets_name_length")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_backup_sets_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_sets")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_backup_sets_tenant_id_name")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_backup_sets_tenant_id_id")),
    )
    op.create_table(
        "backup_items",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("policy_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("assignments", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("octet_length(content_hash) = 32", name=op.f("ck_backup_items_hash_size")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "set_id"],
            ["backup_sets.tenant_id", "backup_sets.id"],
            name=op.f("fk_backup_items_set"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "set_id", "policy_id", "content_hash", name=op.f("pk_backup_items")),
    )
    op.create_index("ix_backup_items_run", "backup_items", ["tenant_id", "set_id", "run_id"])
    # Compressed before it comes here, and often encrypted: a second compression would only cost.
    op.execute("ALTER TABLE backup_items ALTER COLUMN body SET STORAGE EXTERNAL")
    op.create_table(
        "backup_captures",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("selection_key", sa.Text(), nullable=False),
        sa.Column("selection", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "set_id"],
            ["backup_sets.tenant_id", "backup_sets.id"],
            name=op.f("fk_backup_captures_set"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_backup_captures")),
    )
    op.create_index(
        "ix_backup_captures_unfinished",
        "backup_captures",
        ["tenant_id", "set_id", "selection_key"],
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    tenant_table("backup_sets", {DatabaseRole.HUB: READ, DatabaseRole.APP: WRITE, DatabaseRole.WORKER: READ})
    # The bodies are for exports and for the flow that wrote them; the hub never reads one.
    tenant_table("backup_items", {DatabaseRole.APP: READ, DatabaseRole.WORKER: WRITE})
    tenant_table("backup_captures", {DatabaseRole.WORKER: DELETE})


def downgrade() -> None:
    """Back: the sets and all that is in them are gone."""
    for table in ("backup_captures", "backup_items", "backup_sets"):
        op.drop_table(table)
