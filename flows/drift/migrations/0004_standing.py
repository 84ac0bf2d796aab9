"""What stands open is more than the last comparison found: the changes since a finding began, and the content before it did.

Columns without a value for what was found before; a worker that does not know them leaves them so, and what it has moved is
shown as its comparison found it (`changes_run_id` is then no longer `last_run_id`).
"""

from alembic import op

revision = "0004_standing"
down_revision = "0003_register"


def upgrade() -> None:
    """Forward: three columns that are empty."""
    op.execute("ALTER TABLE drift_findings ADD changes json, ADD changes_run_id uuid, ADD origin_hash bytea")


def downgrade() -> None:
    """Back: the columns are gone; a finding is shown as its last comparison found it."""
    for name in ("origin_hash", "changes_run_id", "changes"):
        op.drop_column("drift_findings", name)
