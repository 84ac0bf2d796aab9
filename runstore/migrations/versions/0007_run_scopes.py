"""Finished runs by scope and by reason: a view that says both, and the indexes of what the list asks."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.concurrently import create_index, drop_index
from runstore.migrations.security import TENANT, view_of_all

revision = "0007_run_scopes"
down_revision = "0006_schedules"
COMPATIBLE = "The right to create that is taken from the administrator's role is the one granted two statements before."

# As in `runstore.schema`: an index is used where a question says the same. Cut, as no entry of an index may be long.
_SCOPE = "coalesce(left(context ->> 'scope', 200), '')"
_NEW = {
    "scope": f"(tenant_id, ({_SCOPE}), bucket, created_at DESC, id DESC) WHERE finished_at IS NOT NULL",
    "kin": f"(tenant_id, resource, action, ({_SCOPE}), created_at DESC, id DESC) WHERE finished_at IS NOT NULL",
    "reason": "(tenant_id, run_reason(failures), bucket, created_at DESC, id DESC)"
    " WHERE finished_at IS NOT NULL AND bucket IN ('failed', 'partial')",
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
    for name, rest in _NEW.items():
        create_index(f"ix_operation_runs_{name} ON operation_runs {rest}")
    # As `finished_runs`, but it compares ids, so that the planner knows how many runs a tenant has, and walks an index in order
    # instead of sorting what is in it.
    view_of_all(
        "ended_runs",
        f"""
        SELECT id, tenant_id, resource, action, bucket, initiated_by, created_at, started_at, finished_at,
               {_SCOPE} AS scope, run_reason(failures) AS reason
        FROM operation_runs WHERE tenant_id = {TENANT} AND finished_at IS NOT NULL
        """,
        (DatabaseRole.HUB, DatabaseRole.APP, DatabaseRole.WORKER),
    )


def downgrade() -> None:
    op.execute("DROP VIEW ended_runs")
    for name in _NEW:
        drop_index(f"ix_operation_runs_{name}")
    op.execute("DROP FUNCTION run_reason(jsonb)")
