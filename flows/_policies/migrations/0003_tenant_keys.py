"""A key for each tenant, under which its policies and findings are encrypted.

A tenant without one is read and written as before, so that workers of the release before go on: only a tenant that has no
policies yet gets one by itself, the others by `tenantatlas db seal`, when every process is of this release.
"""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import READ, WRITE, tenant_table

revision = "0003_tenant_keys"
down_revision = "0002_policy_audit"


def upgrade() -> None:
    """Forward: a new table."""
    op.execute(
        """
        CREATE TABLE tenant_keys (
          tenant_id uuid NOT NULL CONSTRAINT pk_tenant_keys PRIMARY KEY
            CONSTRAINT fk_tenant_keys_tenant_id REFERENCES tenants ON DELETE CASCADE,
          key_id text NOT NULL,
          wrapped bytea NOT NULL,
          sealed boolean NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now()
        )
        """
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
