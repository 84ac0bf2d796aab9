"""Backup sets, the policies in them, and the captures that put them there."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, WRITE, tenant_table

revision = "0001_backup_sets"
down_revision = None
branch_labels = ("backup",)
depends_on = "0001_run_store"


_TABLES = """
CREATE TABLE backup_sets (
  id uuid CONSTRAINT pk_backup_sets PRIMARY KEY,
  tenant_id uuid NOT NULL CONSTRAINT fk_backup_sets_tenant_id REFERENCES tenants ON DELETE CASCADE,
  name text NOT NULL CONSTRAINT ck_backup_sets_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_backup_sets_tenant_id_name UNIQUE (tenant_id, name),
  CONSTRAINT uq_backup_sets_tenant_id_id UNIQUE (tenant_id, id)
);
CREATE TABLE backup_items (
  tenant_id uuid NOT NULL,
  set_id uuid NOT NULL,
  policy_id text NOT NULL,
  content_hash bytea NOT NULL CONSTRAINT ck_backup_items_hash_size CHECK (octet_length(content_hash) = 32),
  policy_type text NOT NULL,
  name text NOT NULL,
  platform text,
  origin text NOT NULL,
  assignments integer NOT NULL,
  size integer NOT NULL,
  body bytea NOT NULL,
  key_id text,
  run_id uuid NOT NULL,
  captured_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_backup_items PRIMARY KEY (tenant_id, set_id, policy_id, content_hash),
  CONSTRAINT fk_backup_items_set FOREIGN KEY (tenant_id, set_id)
    REFERENCES backup_sets (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_backup_items_run ON backup_items (tenant_id, set_id, run_id);
-- Compressed before it comes here, and often encrypted: a second compression would only cost.
ALTER TABLE backup_items ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE backup_captures (
  run_id uuid CONSTRAINT pk_backup_captures PRIMARY KEY,
  tenant_id uuid NOT NULL,
  set_id uuid NOT NULL,
  selection_key text NOT NULL,
  selection jsonb NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz,
  CONSTRAINT fk_backup_captures_set FOREIGN KEY (tenant_id, set_id)
    REFERENCES backup_sets (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_backup_captures_unfinished ON backup_captures (tenant_id, set_id, selection_key)
  WHERE completed_at IS NULL;
"""


def upgrade() -> None:
    op.execute(_TABLES)
    tenant_table("backup_sets", {DatabaseRole.HUB: READ, DatabaseRole.APP: WRITE, DatabaseRole.WORKER: READ})
    # The bodies are for exports and for the flow that wrote them; the hub never reads one.
    tenant_table("backup_items", {DatabaseRole.APP: READ, DatabaseRole.WORKER: WRITE})
    tenant_table("backup_captures", {DatabaseRole.WORKER: DELETE})


def downgrade() -> None:
    """Back: the sets and all that is in them are gone."""
    for table in ("backup_captures", "backup_items", "backup_sets"):
        op.drop_table(table)
