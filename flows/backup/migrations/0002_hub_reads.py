"""The hub lists what a set holds under its own role; the policies' bodies stay out of its reach."""

from alembic import op

from runstore.database import DatabaseRole

revision = "0002_hub_reads"
down_revision = "0001_backup_sets"

_COLUMNS = "tenant_id, set_id, policy_id, content_hash, policy_type, name, platform, assignments, size, key_id, run_id, captured_at"


def upgrade() -> None:
    op.execute(f"GRANT SELECT ({_COLUMNS}) ON backup_items TO {DatabaseRole.HUB}")


def downgrade() -> None:
    op.execute(f"REVOKE SELECT ({_COLUMNS}) ON backup_items FROM {DatabaseRole.HUB}")
