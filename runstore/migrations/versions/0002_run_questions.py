"""Indexes for what the hub asks at size: by type and bucket, by initiator, by time, by item id."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.concurrently import create_index, drop_index

revision = "0002_run_questions"
down_revision = "0001_run_store"
COMPATIBLE = "The right to create that is taken from the administrator's role is the one granted two statements before."

_NEWEST: Sequence[Any] = [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")]
_NEW: dict[str, tuple[Sequence[Any], dict[str, Any]]] = {
    "ix_operation_runs_created": (["tenant_id", *_NEWEST], {"postgresql_include": ["bucket"]}),
    "ix_operation_runs_type_bucket": (["tenant_id", "resource", "action", "bucket", *_NEWEST], {}),
    "ix_operation_runs_initiator": (
        ["tenant_id", "initiated_by", "bucket", *_NEWEST],
        {"postgresql_include": ["resource", "action"]},
    ),
    "ix_operation_runs_unfinished": (
        ["tenant_id", *_NEWEST],
        {"postgresql_where": sa.text("finished_at IS NULL")},
    ),
    "ix_operation_runs_long": (
        ["tenant_id", sa.literal_column("finished_at DESC")],
        {"postgresql_where": sa.text("finished_at - created_at > interval '1 hour'")},
    ),
    "ix_operation_runs_items": (
        [sa.literal_column("run_item_keys(item_ids)")],
        {"postgresql_using": "gin", "postgresql_where": sa.text("finished_at IS NOT NULL")},
    ),
}
_OLD: dict[str, Sequence[Any]] = {
    "ix_operation_runs_newest": ["tenant_id", *_NEWEST],
    "ix_operation_runs_type": ["tenant_id", "resource", "action", *_NEWEST],
}
_READERS = (DatabaseRole.HUB, DatabaseRole.APP, DatabaseRole.WORKER)


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
    for name, (columns, options) in _NEW.items():
        create_index(name, "operation_runs", columns, **options)
    for name in _OLD:
        drop_index(name, "operation_runs")
    _create_view()


def _create_view() -> None:
    # It reads as its owner, who sees every tenant: PostgreSQL would not use an index for `@>` behind row-level security, because
    # that operator could tell of rows it should not see. So the view names the tenant itself, and shows nothing when none is set.
    # The tenant is compared as text to leave the index of items without a rival.
    op.execute(
        """
        CREATE OR REPLACE VIEW finished_runs AS
        SELECT id, tenant_id, resource, action, bucket, initiated_by, created_at, started_at, finished_at,
               run_item_keys(item_ids) AS item_keys
        FROM operation_runs
        WHERE tenant_id::text = current_setting('tenantatlas.tenant_id', true) AND finished_at IS NOT NULL
        """
    )
    # To own something in a schema a role must be allowed to create there; it is for this moment only.
    op.execute(f"GRANT CREATE ON SCHEMA public TO {DatabaseRole.ADMIN}")
    op.execute(f"ALTER VIEW finished_runs OWNER TO {DatabaseRole.ADMIN}")
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {DatabaseRole.ADMIN}")
    for role in _READERS:
        op.execute(f"GRANT SELECT ON finished_runs TO {role}")


def downgrade() -> None:
    op.execute("DROP VIEW finished_runs")
    for name, columns in _OLD.items():
        create_index(name, "operation_runs", columns)
    for name in _NEW:
        drop_index(name, "operation_runs")
    op.execute("DROP FUNCTION run_item_keys(jsonb)")
