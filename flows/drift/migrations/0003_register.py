"""The register can be asked for what is open: what ignore rules hide of a finding stands beside it, and a policy leads to
its findings.

Columns without a value for what was found before; a worker that does not know them leaves them so.
"""

from alembic import op

from runstore.migrations.concurrently import create_index, drop_index

revision = "0003_register"
down_revision = "0002_changed_by"

_COLUMNS = {
    "hidden_run_id": "uuid",
    "hidden_changes": "integer NOT NULL DEFAULT 0",
    "shown_severity": "text",
    "rank": "smallint GENERATED ALWAYS AS (CASE"
    " CASE WHEN hidden_run_id = last_run_id THEN coalesce(shown_severity, '') ELSE severity END"
    " WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 WHEN 'info' THEN 4 ELSE 9 END) STORED",
    # Names may be of any length, and only of any use by their beginning.
    "searched": "text GENERATED ALWAYS AS (lower(left(coalesce(policy_name, ''), 300) || ' ' || coalesce(policy_id, '')"
    " || ' ' || coalesce(owner, '') || ' ' || coalesce(reason, ''))) STORED",
}


def upgrade() -> None:
    """Forward: columns and two indexes. Safe to repeat, as an index ends the transaction.

    The table is written once more for the columns that follow from others: a second for 100,000 findings, in which workers wait.
    """
    added = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in _COLUMNS.items())
    op.execute(f"ALTER TABLE drift_findings {added}")
    create_index("ix_drift_findings_policy ON drift_findings (tenant_id, policy_id)")
    create_index(
        'ix_drift_findings_listed ON drift_findings (tenant_id, rank, policy_type, "left"(policy_name, 100), id)'
        " INCLUDE (status, accepted_until, hidden_changes) WHERE status <> 'resolved'"
    )


def downgrade() -> None:
    """Back: the columns are gone; what rules hide is worked out at every reading."""
    for index in ("ix_drift_findings_listed", "ix_drift_findings_policy"):
        drop_index(index)
    for name in reversed(_COLUMNS):
        op.execute(f"ALTER TABLE drift_findings DROP COLUMN IF EXISTS {name}")
