"""Indexes for what the hub asks at size: by type and bucket, by initiator, by time, by item id."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.concurrently import create_index, drop_index
from runstore.migrations.security import view_of_all

revision = "0002_run_questions"
down_revision = "0001_run_store"
COMPATIBLE = "The right to create that is taken from the administrator's role is the one granted two statements before."

_NEW = {
    "created": "(tenant_id, created_at DESC, id DESC) INCLUDE (bucket)",
    "type_bucket": "(tenant_id, resource, action, bucket, created_at DESC, id DESC)",
    "initiator": "(tenant_id, initiated_by, bucket, created_at DESC, id DESC) INCLUDE (resource, action)",
    "unfinished": "(tenant_id, created_at DESC, id DESC) WHERE finished_at IS NULL",
    "long": "(tenant_id, finished_at DESC) WHERE finished_at - created_at > interval '1 hour'",
    "items": "USING gin (run_item_keys(item_ids)) WHERE finished_at IS NOT NULL",
}
_OLD = {
    "newest": "(tenant_id, created_at DESC, id DESC)",
    "type": "(tenant_id, resource, action, created_at DESC, id DESC)",
}


def upgrade() -> None:
    """Forward; workers go on meanwhile. Safe to repeat after a failure half-way."""
    # The cost keeps the planner from taking the items of every run apart where the index could be asked.
    op.execute(
        """
        CREATE OR REPLACE FUNCTION run_item_keys(items jsonb) RETURNS text[]
        LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
        RETURN (SELECT array_agg(left(item, 320)) FROM jsonb_array_elements_text(items) AS item)
        """
    )
    for name, rest in _NEW.items():
        create_index(f"ix_operation_runs_{name} ON operation_runs {rest}")
    for name in _OLD:
        drop_index(f"ix_operation_runs_{name}")
    # It reads as a role that sees every tenant: PostgreSQL would not use an index for `@>` behind row-level security, because that
    # operator could tell of rows it should not see. So the view names the tenant itself, and shows nothing when none is set.
    # The tenant is compared as text to leave the index of items without a rival.
    view_of_all(
        "finished_runs",
        """
        SELECT id, tenant_id, resource, action, bucket, initiated_by, created_at, started_at, finished_at,
               run_item_keys(item_ids) AS item_keys
        FROM operation_runs
        WHERE tenant_id::text = current_setting('tenantatlas.tenant_id', true) AND finished_at IS NOT NULL
        """,
        (DatabaseRole.HUB, DatabaseRole.APP, DatabaseRole.WORKER),
    )


def downgrade() -> None:
    op.execute("DROP VIEW finished_runs")
    for name, rest in _OLD.items():
        create_index(f"ix_operation_runs_{name} ON operation_runs {rest}")
    for name in _NEW:
        drop_index(f"ix_operation_runs_{name}")
    op.execute("DROP FUNCTION run_item_keys(jsonb)")
