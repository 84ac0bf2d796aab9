"""The snapshot store: contents, syncs, and the policies of each sync."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, WRITE, tenant_table

revision = "0001_policy_snapshots"
down_revision = None
branch_labels = ("policy_snapshots",)
depends_on = "0001_run_store"


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"
    )


def upgrade() -> None:
    """Forward: new tables only."""
    op.create_table(
        "policy_fingerprint_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _tenant("policy_fingerprint_keys"),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_policy_fingerprint_keys")),
    )
    op.create_table(
        "policy_contents",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("canonical_version", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("octet_length(content_hash) = 32", name=op.f("ck_policy_contents_hash_size")),
        _tenant("policy_contents"),
        sa.PrimaryKeyConstraint("tenant_id", "content_hash", name=op.f("pk_policy_contents")),
    )
    op.create_table(
        "inventory_syncs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("canonical_version", sa.Integer(), nullable=False),
        sa.Column("policies", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("complete", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "unread", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'succeeded', 'partial', 'failed')", name=op.f("ck_inventory_syncs_status")
        ),
        sa.CheckConstraint(
            "(status = 'running') = (finished_at IS NULL)", name=op.f("ck_inventory_syncs_finished_unless_running")
        ),
        sa.CheckConstraint("least(policies, failures) >= 0", name=op.f("ck_inventory_syncs_counts_not_negative")),
        _tenant("inventory_syncs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_syncs")),
        sa.UniqueConstraint("tenant_id", "run_id", name=op.f("uq_inventory_syncs_tenant_id_run_id")),
    )
    op.create_index(
        "ix_inventory_syncs_newest",
        "inventory_syncs",
        ["tenant_id", "scope", sa.literal_column("started_at DESC"), sa.literal_column("id DESC")],
    )
    op.create_table(
        "inventory_sync_policies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("sync_id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("policy_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("subtype", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=True),
        sa.CheckConstraint("octet_length(content_hash) = 32", name=op.f("ck_inventory_sync_policies_hash_size")),
        _tenant("inventory_sync_policies"),
        sa.ForeignKeyConstraint(
            ["sync_id"],
            ["inventory_syncs.id"],
            name=op.f("fk_inventory_sync_policies_sync_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "sync_id", "policy_id", name=op.f("pk_inventory_sync_policies")),
    )
    reading = {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.WORKER: DELETE}
    # The key never leaves the worker: whoever has it can test guesses against fingerprints.
    tenant_table("policy_fingerprint_keys", {DatabaseRole.WORKER: WRITE})
    tenant_table("policy_contents", {DatabaseRole.APP: READ, DatabaseRole.WORKER: DELETE})
    tenant_table("inventory_syncs", reading)
    tenant_table("inventory_sync_policies", reading)


def downgrade() -> None:
    """Back: the snapshots are gone."""
    for table in ("inventory_sync_policies", "inventory_syncs", "policy_contents", "policy_fingerprint_keys"):
        op.drop_table(table)
