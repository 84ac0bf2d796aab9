"""How a tenant of its own application, certificate or cloud is signed in to. A worker of the release before uses the shared one."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import READ, tenant_table

revision = "0005_tenant_credentials"
down_revision = "0004_names"


def upgrade() -> None:
    """Forward: a new table."""
    op.execute(
        """
        CREATE TABLE tenant_credentials (
          tenant_id uuid NOT NULL CONSTRAINT pk_tenant_credentials PRIMARY KEY
            CONSTRAINT fk_tenant_credentials_tenant_id REFERENCES tenants ON DELETE CASCADE,
          cloud text,
          application text,
          kind text,
          sealed bytea,
          expires_at timestamptz,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT ck_tenant_credentials_whole CHECK (num_nulls(application, kind, sealed) IN (0, 3))
        )
        """
    )
    tenant_table("tenant_credentials", {DatabaseRole.WORKER: READ})


def downgrade() -> None:
    """Back: every tenant is read with the shared application."""
    op.drop_table("tenant_credentials")
