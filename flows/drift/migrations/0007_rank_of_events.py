"""A finding's events have its rank, so that the trend counts them by an index and joins nothing.

The database writes it, also for a worker of the release before.
"""

from typing import Final

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.concurrently import create_index, drop_index

revision = "0007_rank_of_events"
down_revision = "0006_every_state"

_EVENTS, _FINDINGS = "drift_finding_events", "drift_findings"
_RANK: Final = f"""
CREATE OR REPLACE FUNCTION drift_rank() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.rank := (SELECT rank FROM {_FINDINGS} WHERE id = NEW.finding_id);
  ELSE
    UPDATE {_EVENTS} SET rank = NEW.rank WHERE tenant_id = NEW.tenant_id AND finding_id = NEW.id;
  END IF;
  RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER drift_rank BEFORE INSERT ON {_EVENTS} FOR EACH ROW EXECUTE FUNCTION drift_rank();
CREATE OR REPLACE TRIGGER drift_rank AFTER UPDATE ON {_FINDINGS} FOR EACH ROW
  WHEN (OLD.rank IS DISTINCT FROM NEW.rank) EXECUTE FUNCTION drift_rank();
SET LOCAL ROLE {DatabaseRole.ADMIN};
UPDATE {_EVENTS} e SET rank = f.rank FROM {_FINDINGS} f WHERE f.id = e.finding_id AND e.rank IS DISTINCT FROM f.rank;
RESET ROLE
"""


def upgrade() -> None:
    """Forward: a column, filled in (two seconds for 100,000 events, in which workers wait), and indexes. Safe to repeat."""
    op.execute(f"ALTER TABLE {_EVENTS} ADD COLUMN IF NOT EXISTS rank smallint")
    op.execute(_RANK)
    for definition in (
        f"ix_drift_findings_unresolved ON {_FINDINGS} (tenant_id, scope, rank) INCLUDE (status, accepted_until)"
        " WHERE status <> 'resolved'",
        f"ix_drift_findings_accepted ON {_FINDINGS} (tenant_id, accepted_until) INCLUDE (rank) WHERE status = 'accepted'",
        f"ix_drift_finding_events_at ON {_EVENTS} (tenant_id, at) INCLUDE (rank, from_status, to_status, event, run_id)",
        f"ix_drift_finding_events_decided ON {_EVENTS} (tenant_id, at) INCLUDE (finding_id)"
        " WHERE from_status = 'open' AND to_status IN ('acknowledged', 'accepted')",
    ):
        create_index(definition)


def downgrade() -> None:
    """Back: the trend joins every event with its finding."""
    for name in ("ix_drift_finding_events_decided", "ix_drift_findings_accepted"):
        drop_index(name)
    create_index(f"ix_drift_finding_events_at ON {_EVENTS} (tenant_id, at)")
    create_index(f"ix_drift_findings_unresolved ON {_FINDINGS} (tenant_id, scope) WHERE status <> 'resolved'")
    for table in (_EVENTS, _FINDINGS):
        op.execute(f"DROP TRIGGER IF EXISTS drift_rank ON {table}")
    op.execute("DROP FUNCTION IF EXISTS drift_rank()")
    op.execute(f"ALTER TABLE {_EVENTS} DROP COLUMN IF EXISTS rank")
