"""A list of findings of every state is read by an index, as the list of what stands open is."""

from runstore.migrations.concurrently import create_index, drop_index

revision = "0006_every_state"
down_revision = "0005_history"


def upgrade() -> None:
    """Forward: an index."""
    create_index(
        'ix_drift_findings_every ON drift_findings (tenant_id, rank, policy_type, "left"(policy_name, 100), id)'
        " INCLUDE (status, accepted_until, hidden_changes)"
    )


def downgrade() -> None:
    """Back: such a list is slower."""
    drop_index("ix_drift_findings_every")
