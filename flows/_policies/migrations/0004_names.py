"""Names: of setting definitions, shared by all tenants, and of each tenant's directory objects."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, WRITE, tenant_table

revision = "0004_names"
down_revision = "0003_tenant_keys"


def upgrade() -> None:
    """Forward: new tables only."""
    op.execute(
        """
        CREATE TABLE setting_definitions (
          definition_id text CONSTRAINT pk_setting_definitions PRIMARY KEY,
          content_hash bytea NOT NULL CONSTRAINT ck_setting_definitions_hash_size CHECK (octet_length(content_hash) = 32),
          name text NOT NULL,
          description text NOT NULL,
          category text NOT NULL,
          options jsonb NOT NULL,
          read_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE directory_names (
          tenant_id uuid NOT NULL CONSTRAINT fk_directory_names_tenant_id REFERENCES tenants ON DELETE CASCADE,
          object_id text NOT NULL,
          kind text NOT NULL,
          name text NOT NULL,
          deleted boolean NOT NULL,
          seen_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT pk_directory_names PRIMARY KEY (tenant_id, object_id)
        )
        """
    )
    # Microsoft's catalogue, the same for everybody: it belongs to no tenant.
    op.execute(f"GRANT {READ} ON setting_definitions TO {DatabaseRole.HUB}, {DatabaseRole.APP}")
    op.execute(f"GRANT {WRITE} ON setting_definitions TO {DatabaseRole.WORKER}")
    op.execute(f"GRANT {DELETE} ON setting_definitions TO {DatabaseRole.ADMIN}")
    tenant_table("directory_names", {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.WORKER: WRITE})


def downgrade() -> None:
    """Back: findings show ids again until the next sync."""
    op.drop_table("directory_names")
    op.drop_table("setting_definitions")
