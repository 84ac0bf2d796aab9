"""Opaque words that may be shown again, kept only where the tenant's owner allows it. A worker of the release before keeps none."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import READ, WRITE, tenant_table

revision = "0007_reveals"
down_revision = "0006_groups"


def upgrade() -> None:
    """Forward: two new tables. Who takes back the permission takes what was kept with it."""
    op.execute(
        """
        CREATE TABLE policy_reveals (
          tenant_id uuid NOT NULL CONSTRAINT pk_policy_reveals PRIMARY KEY
            CONSTRAINT fk_policy_reveals_tenant_id REFERENCES tenants ON DELETE CASCADE,
          allowed_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE policy_kept_words (
          tenant_id uuid NOT NULL CONSTRAINT fk_policy_kept_words_tenant_id REFERENCES policy_reveals ON DELETE CASCADE,
          fingerprint text NOT NULL,
          sealed bytea,
          CONSTRAINT pk_policy_kept_words PRIMARY KEY (tenant_id, fingerprint)
        )
        """
    )
    # Who keeps a word holds the permission's row until it is kept, which PostgreSQL counts as changing it.
    readers = {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.WORKER: "SELECT, UPDATE"}
    tenant_table("policy_reveals", readers)
    tenant_table("policy_kept_words", {DatabaseRole.APP: READ, DatabaseRole.WORKER: WRITE})


def downgrade() -> None:
    """Back: nothing can be revealed, and nothing is kept for it."""
    op.drop_table("policy_kept_words")
    op.drop_table("policy_reveals")
