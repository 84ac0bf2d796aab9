"""The audit log is a chain: each entry holds a hash over itself and the entry before, so that a changed, removed or moved one shows.

The database makes the chain when an entry is added, also for a process of the release before. Entries from before this revision have no
place in it. One row a tenant, `audit_heads`, holds the chain's end; it is only written by the chain itself.
"""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.concurrently import create_index, drop_index
from runstore.migrations.security import READ, tenant_table

revision = "0004_audit_chain"
down_revision = "0003_ended_sessions"
COMPATIBLE = "The place that the unique index is about is given by the database, one after the other, and never by the release before."

_HASH = """
CREATE OR REPLACE FUNCTION audit_hash(entry audit_log, before bytea) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(convert_to(jsonb_build_object(
    'before', encode(before, 'hex'), 'seq', entry.seq, 'id', entry.id, 'tenant', entry.tenant_id,
    'at', to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), 'actor', entry.actor, 'verb', entry.verb,
    'subject', entry.subject, 'detail', entry.detail)::text, 'UTF8'))
$$
"""
# An entry that brings its place is one that is put back from a dump, which the owner of the schema or the administrators' role does.
_CHAIN = """
CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  before bytea;
BEGIN
  IF NEW.seq IS NULL OR current_setting('role') NOT IN ('none', '%(admin)s') THEN
    INSERT INTO audit_heads AS h (tenant_id, seq, hash) VALUES (NEW.tenant_id, 1, '')
      ON CONFLICT (tenant_id) DO UPDATE SET seq = h.seq + 1
      RETURNING h.seq, h.hash INTO NEW.seq, before;
    NEW.hash := audit_hash(NEW, before);
    UPDATE audit_heads SET hash = NEW.hash WHERE tenant_id = NEW.tenant_id;
  END IF;
  RETURN NEW;
END
$$
"""


def upgrade() -> None:
    """Forward. Safe to repeat, as the index ends the transaction."""
    op.execute("ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS seq bigint, ADD COLUMN IF NOT EXISTS hash bytea")
    create_index("ix_audit_log_chain ON audit_log (tenant_id, seq) WHERE seq IS NOT NULL", unique=True)
    op.execute(
        """
        CREATE TABLE audit_heads (
          tenant_id uuid CONSTRAINT pk_audit_heads PRIMARY KEY
            CONSTRAINT fk_audit_heads_tenant_id REFERENCES tenants ON DELETE CASCADE,
          seq bigint NOT NULL,
          hash bytea NOT NULL)
        """
    )
    tenant_table("audit_heads", {DatabaseRole.HUB: READ, DatabaseRole.APP: READ})
    # The chain is written as the owner of the schema, for whichever tenant the entry is of.
    op.execute("CREATE POLICY of_chain ON audit_heads TO CURRENT_USER USING (true) WITH CHECK (true)")
    op.execute(_HASH)
    op.execute(_CHAIN % {"admin": DatabaseRole.ADMIN})
    op.execute(
        "CREATE OR REPLACE TRIGGER audit_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_chain()"
    )


def downgrade() -> None:
    """Back: the entries stay, without a chain."""
    op.execute("DROP TRIGGER IF EXISTS audit_chain ON audit_log")
    op.execute("DROP FUNCTION IF EXISTS audit_chain()")
    op.execute("DROP FUNCTION IF EXISTS audit_hash(audit_log, bytea)")
    op.execute("DROP TABLE IF EXISTS audit_heads")
    drop_index("ix_audit_log_chain")
    op.execute("ALTER TABLE audit_log DROP COLUMN IF EXISTS hash, DROP COLUMN IF EXISTS seq")
