"""A finding's events have its rank, so that the trend counts them by an index and joins nothing.

The database writes it, also for a worker of the release before.
"""

from typing import Final

import sqlalchemy as sa
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
_UNRESOLVED: Final = {"postgresql_where": sa.text("status <> 'resolved'")}
_DECIDED: Final = sa.text("from_status = 'open' AND to_status IN ('acknowledged', 'accepted')")
_AT: Final = ["tenant_id", "at"]


def upgrade() -> None:
    """Forward: a column, filled in (two seconds for 100,000 events, in which workers wait), and indexes. Safe to repeat."""
    op.execute(f"ALTER TABLE {_EVENTS} ADD COLUMN IF NOT EXISTS rank smallint")
    op.execute(_RANK)
    kept = {**_UNRESOLVED, "postgresql_include": ["status", "accepted_until"]}
    create_index("ix_drift_findings_unresolved", _FINDINGS, ["tenant_id", "scope", "rank"], **kept)
    kept = {"postgresql_where": sa.text("status = 'accepted'"), "postgresql_include": ["rank"]}
    create_index("ix_drift_findings_accepted", _FINDINGS, ["tenant_id", "accepted_until"], **kept)
    told = ["rank", "from_status", "to_status", "event", "run_id"]
    create_index("ix_drift_finding_events_at", _EVENTS, _AT, postgresql_include=told)
    kept = {"postgresql_where": _DECIDED, "postgresql_include": ["finding_id"]}
    create_index("ix_drift_finding_events_decided", _EVENTS, _AT, **kept)


def downgrade() -> None:
    """Back: the trend joins every event with its finding."""
    drop_index("ix_drift_finding_events_decided", _EVENTS)
    drop_index("ix_drift_findings_accepted", _FINDINGS)
    create_index("ix_drift_finding_events_at", _EVENTS, _AT)
    create_index("ix_drift_findings_unresolved", _FINDINGS, ["tenant_id", "scope"], **_UNRESOLVED)
    for table in (_EVENTS, _FINDINGS):
        op.execute(f"DROP TRIGGER IF EXISTS drift_rank ON {table}")
    op.execute("DROP FUNCTION IF EXISTS drift_rank()")
    op.execute(f"ALTER TABLE {_EVENTS} DROP COLUMN IF EXISTS rank")
