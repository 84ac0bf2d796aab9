"""The snapshot store: contents, syncs, and the policies of each sync."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, WRITE, tenant_table

revision = "0001_policy_snapshots"
down_revision = None
branch_labels = ("policy_snapshots",)
depends_on = "0001_run_store"


_TABLES = """
CREATE TABLE policy_fingerprint_keys (
  tenant_id uuid NOT NULL CONSTRAINT pk_policy_fingerprint_keys PRIMARY KEY
    CONSTRAINT fk_policy_fingerprint_keys_tenant_id REFERENCES tenants ON DELETE CASCADE,
  key bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE policy_contents (
  tenant_id uuid NOT NULL CONSTRAINT fk_policy_contents_tenant_id REFERENCES tenants ON DELETE CASCADE,
  content_hash bytea NOT NULL CONSTRAINT ck_policy_contents_hash_size CHECK (octet_length(content_hash) = 32),
  canonical_version integer NOT NULL,
  body bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_policy_contents PRIMARY KEY (tenant_id, content_hash)
);
CREATE TABLE inventory_syncs (
  id uuid CONSTRAINT pk_inventory_syncs PRIMARY KEY,
  tenant_id uuid NOT NULL CONSTRAINT fk_inventory_syncs_tenant_id REFERENCES tenants ON DELETE CASCADE,
  run_id uuid NOT NULL,
  scope text NOT NULL,
  source text NOT NULL,
  status text NOT NULL
    CONSTRAINT ck_inventory_syncs_status CHECK (status IN ('running', 'succeeded', 'partial', 'failed')),
  canonical_version integer NOT NULL,
  policies integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  complete boolean NOT NULL DEFAULT false,
  unread jsonb NOT NULL DEFAULT '{}',
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CONSTRAINT uq_inventory_syncs_tenant_id_run_id UNIQUE (tenant_id, run_id),
  CONSTRAINT ck_inventory_syncs_finished_unless_running CHECK ((status = 'running') = (finished_at IS NULL)),
  CONSTRAINT ck_inventory_syncs_counts_not_negative CHECK (least(policies, failures) >= 0)
);
CREATE INDEX ix_inventory_syncs_newest ON inventory_syncs (tenant_id, scope, started_at DESC, id DESC);
CREATE TABLE inventory_sync_policies (
  tenant_id uuid NOT NULL CONSTRAINT fk_inventory_sync_policies_tenant_id REFERENCES tenants ON DELETE CASCADE,
  sync_id uuid NOT NULL CONSTRAINT fk_inventory_sync_policies_sync_id REFERENCES inventory_syncs ON DELETE CASCADE,
  policy_id text NOT NULL,
  policy_type text NOT NULL,
  name text NOT NULL,
  platform text,
  subtype text,
  content_hash bytea NOT NULL CONSTRAINT ck_inventory_sync_policies_hash_size CHECK (octet_length(content_hash) = 32),
  origin text NOT NULL,
  mark text,
  CONSTRAINT pk_inventory_sync_policies PRIMARY KEY (tenant_id, sync_id, policy_id)
);
"""


def upgrade() -> None:
    """Forward: new tables only."""
    op.execute(_TABLES)
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
