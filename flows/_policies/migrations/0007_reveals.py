"""Opaque words that may be shown again, kept only where the tenant's owner allows it. A worker of the release before keeps none."""

import sqlalchemy as sa
from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import READ, WRITE, tenant_table

revision = "0007_reveals"
down_revision = "0006_groups"


def upgrade() -> None:
    """Forward: two new tables. Who takes back the permission takes what was kept with it."""
    op.create_table(
        "policy_reveals",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("allowed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_policy_reveals_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_policy_reveals")),
    )
    # Who keeps a word holds the permission's row until it is kept, which PostgreSQL counts as changing it.
    readers = {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.WORKER: "SELECT, UPDATE"}
    tenant_table("policy_reveals", readers)
    op.create_table(
        "policy_kept_words",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["policy_reveals.tenant_id"], name=op.f("fk_policy_kept_words_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "fingerprint", name=op.f("pk_policy_kept_words")),
    )
    tenant_table("policy_kept_words", {DatabaseRole.APP: READ, DatabaseRole.WORKER: WRITE})


def downgrade() -> None:
    """Back: nothing can be revealed, and nothing is kept for it."""
    op.drop_table("policy_kept_words")
    op.drop_table("policy_reveals")
