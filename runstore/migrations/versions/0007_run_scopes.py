"""Finished runs by scope and by reason: a view that says both, and the indexes of what the list asks."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.concurrently import create_index, drop_index
from runstore.migrations.security import TENANT

revision = "0007_run_scopes"
down_revision = "0006_schedules"
COMPATIBLE = "The right to create that is taken from the administrator's role is the one granted two statements before."

# As in `runstore.schema`: an index is used where a question says the same. Cut, as no entry of an index may be long.
_SCOPE = "coalesce(left(context ->> 'scope', 200), '')"
_NEWEST: Sequence[Any] = [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")]
_ENDED_BADLY = "finished_at IS NOT NULL AND bucket IN ('failed', 'partial')"
_NEW: dict[str, tuple[Sequence[Any], str]] = {
    "ix_operation_runs_scope": (
        ["tenant_id", sa.literal_column(f"({_SCOPE})"), "bucket", *_NEWEST],
        "finished_at IS NOT NULL",
    ),
    "ix_operation_runs_kin": (
        ["tenant_id", "resource", "action", sa.literal_column(f"({_SCOPE})"), *_NEWEST],
        "finished_at IS NOT NULL",
    ),
    "ix_operation_runs_reason": (
        ["tenant_id", sa.literal_column("run_reason(failures)"), "bucket", *_NEWEST],
        _ENDED_BADLY,
    ),
}


def upgrade() -> None:
    """Forward; workers go on meanwhile. Safe to repeat after a failure half-way."""
    op.execute(
        """
        CREATE OR REPLACE FUNCTION run_reason(failures jsonb) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
        RETURN (SELECT left(coalesce(
          jsonb_path_query_first(failures, '$[*] ? (@.item_id == "run").reason_code') #>> '{}',
          failures -> 0 ->> 'reason_code'), 200))
        """
    )
    for name, (columns, where) in _NEW.items():
        create_index(name, "operation_runs", columns, postgresql_where=sa.text(where))
    # As `finished_runs` it names the tenant itself and reads as a role that sees every one. It compares ids, so that the planner knows
    # how many runs a tenant has, and walks an index in order instead of sorting what is in it.
    op.execute(
        f"""
        CREATE OR REPLACE VIEW ended_runs AS
        SELECT id, tenant_id, resource, action, bucket, initiated_by, created_at, started_at, finished_at,
               {_SCOPE} AS scope, run_reason(failures) AS reason
        FROM operation_runs WHERE tenant_id = {TENANT} AND finished_at IS NOT NULL
        """
    )
    op.execute(f"GRANT CREATE ON SCHEMA public TO {DatabaseRole.ADMIN}")
    op.execute(f"ALTER VIEW ended_runs OWNER TO {DatabaseRole.ADMIN}")
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {DatabaseRole.ADMIN}")
    for role in (DatabaseRole.HUB, DatabaseRole.APP, DatabaseRole.WORKER):
        op.execute(f"GRANT SELECT ON ended_runs TO {role}")


def downgrade() -> None:
    op.execute("DROP VIEW ended_runs")
    for name in _NEW:
        drop_index(name, "operation_runs")
    op.execute("DROP FUNCTION run_reason(jsonb)")
