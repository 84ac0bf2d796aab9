"""Each index serves the query that its comment names: asked of the server, on a table worth an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from flows.retention.kept import prune_kept
from runstore.runs.filters import Cursor, RunFilter
from runstore.runs.flow_runs import SilentRuns
from runstore.runs.insights import RunInsights
from runstore.runs.operation import OperationType
from runstore.runs.outbox import Outbox
from runstore.runs.reader import RunReader
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import StatusBucket
from tests.support.stack import eventually

ROWS = """
INSERT INTO operation_runs (id, tenant_id, resource, action, status, idempotency_key, trigger, initiated_by, total, processed,
                            succeeded, failed, created_at, started_at, finished_at, flow_run_id, item_ids)
SELECT gen_random_uuid(), t.id, 'inventory', 'sync', CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'completed' END, n::text, 'schedule',
       'schedule', 1, 1, CASE WHEN n % 50 = 0 THEN 0 ELSE 1 END, CASE WHEN n % 50 = 0 THEN 1 ELSE 0 END,
       now() - n * interval '1 minute', now() - n * interval '1 minute', now() - n * interval '1 minute', gen_random_uuid(),
       jsonb_build_array('item-' || n)
FROM tenants t, generate_series(1, 20000) n
"""


@pytest.fixture
def full(store: Any) -> Any:
    for slug in ("acme", "globex"):
        store.tenant(slug)
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute(ROWS)
        connection.execute("VACUUM ANALYZE operation_runs")
    return store


def scans(url: str) -> dict[str, int]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        rows = connection.execute(
            "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE relname = 'operation_runs'"
        ).fetchall()
    return dict(rows)


def test_each_index_is_used_by_the_query_it_names(full: Any) -> None:
    scope = full.tenant("acme")
    reader = RunReader(full.hub, scope)
    sync = OperationType("inventory", "sync")
    now = datetime.now(UTC)
    place = Cursor(now - timedelta(days=3), next(iter(reader.list(RunFilter(), limit=1).runs)).id)
    queries: dict[str, Callable[[], object]] = {
        "ix_operation_runs_created": lambda: reader.list(RunFilter(), cursor=place),
        "ix_operation_runs_bucket": lambda: reader.list(RunFilter(buckets=frozenset({StatusBucket.FAILED}))),
        "ix_operation_runs_type_bucket": RunInsights(full.hub, scope).choices,
        "ix_operation_runs_initiator": lambda: reader.list(RunFilter(initiated_by="nobody")),
        "ix_operation_runs_unfinished": lambda: reader.list(RunFilter(since=now)),
        "ix_operation_runs_long": lambda: reader.list(RunFilter(running_at=now - timedelta(days=2))),
        "ix_operation_runs_items": lambda: reader.list(RunFilter(search="item-17")),
        "ix_operation_runs_scope": lambda: reader.list(RunFilter(scope="never")),
        "ix_operation_runs_reason": lambda: reader.list(RunFilter(reason="never_seen")),
        "ix_operation_runs_kin": lambda: reader.list(RunFilter(needs_attention=True)),
        "ix_operation_runs_finished": lambda: prune_kept(full.admin, scope, "runs", now - timedelta(days=400)),
        "uq_operation_runs_flow_run_id": lambda: reader.find_by_flow_run(scope.tenant_id),
        "uq_operation_runs_active_key": lambda: start(full.app, scope, StartRequest(sync, {"scope": "s"})),
        "ix_operation_runs_undispatched": lambda: Outbox(full.relay, tenant_limit=8).claim(5),
        "ix_operation_runs_handed_over": lambda: SilentRuns(full.relay).claim(5, quiet_seconds=1, lease_seconds=1),
    }
    for index, query in queries.items():
        before = scans(full.url)[index]
        query()
        for database in full.roles.values():
            database.dispose()  # a closing backend hands in its statistics
        eventually(lambda index=index, before=before: scans(full.url)[index] > before, seconds=10)
