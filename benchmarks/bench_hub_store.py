"""What the hub asks of the store at size: 1,000,000 runs over 1,000 tenants, one of them holding 200,000.

    python -m benchmarks.bench_hub_store [--runs 1000000] [--tenants 1000] [--rounds 100] [--home DIRECTORY]

Builds the store in a directory of its own (removed at the end, or kept in --home for another time), then prints each
question's median and p95 in milliseconds, asked through the hub's own role for the largest tenant.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, event, text

from deployments.local.embedded_database import EmbeddedDatabase
from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.errors import NotFoundError
from runstore.runs.filters import RunFilter
from runstore.runs.insights import RunInsights
from runstore.runs.operation import OperationType
from runstore.runs.reader import RunReader
from runstore.runs.status import StatusBucket
from runstore.tenancy import TenantScope

BUDGET_MS = 20.0
LARGEST_SHARE = 5

_TENANTS = text(
    """
    INSERT INTO tenants (id, slug, name)
    SELECT gen_random_uuid(), 'tenant-' || n, 'Tenant ' || n FROM generate_series(1, :tenants) n
    """
)
_RUNS = text(
    """
    INSERT INTO operation_runs (id, tenant_id, resource, action, status, idempotency_key, total, processed, succeeded,
      failed, item_ids, context, failures, trigger, initiated_by, last_source, created_at, started_at, finished_at, heartbeat_at)
    SELECT gen_random_uuid(), t.id,
      CASE n % 3 WHEN 0 THEN 'inventory' WHEN 1 THEN 'drift' ELSE 'backup_set' END,
      CASE n % 3 WHEN 0 THEN 'sync' WHEN 1 THEN 'generate' ELSE 'add_policies' END,
      CASE WHEN k = 0 THEN 'failed' WHEN k IN (1, 11) THEN 'completed_with_errors' ELSE 'completed' END,
      md5(n::text), 10, 10,
      CASE WHEN k = 0 THEN 0 WHEN k IN (1, 11) THEN 9 ELSE 10 END,
      CASE WHEN k = 0 THEN 10 WHEN k IN (1, 11) THEN 1 ELSE 0 END,
      jsonb_build_array('item-' || n, 'item-' || (n + 1), 'item-' || (n + 2))
        || CASE WHEN n % 300 = 0 THEN '["in-every-hundredth-sync"]'::jsonb ELSE '[]'::jsonb END,
      jsonb_build_object('scope', 'scope-' || n % 11),
      CASE WHEN k IN (1, 11) THEN '[{"item_id": "item", "reason_code": "timed_out", "message": "Stopped."}]'::jsonb
           ELSE '[]'::jsonb END,
      'schedule', 'person' || (n % 7) || '@example.com', 'hook', at.begun, at.begun + interval '1 s',
      at.begun + at.lasted, at.begun + at.lasted
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n
    CROSS JOIN LATERAL (
      SELECT now() - interval '90 days' * (n::float / :runs) AS begun, (n / 7) % 20 AS k,
        CASE WHEN n % 1000 = 5 THEN interval '3 h' ELSE interval '40 s' END AS lasted) at
    JOIN tenants t ON t.slug = 'tenant-' || CASE WHEN n % :share = 0 THEN 1 ELSE 1 + n % :tenants END
    """
)


def build(url: str, runs: int, tenants: int) -> TenantScope:
    """Fills a migrated store; answers the scope of the largest tenant."""
    admin = Database(url, DatabaseRole.ADMIN, statement_timeout_ms=0)
    step = 50_000
    with admin.across_tenants() as connection:
        connection.execute(_TENANTS, {"tenants": tenants})
    for first in range(1, runs + 1, step):
        with admin.across_tenants() as connection:
            values = {"first": first, "last": min(first + step - 1, runs), "runs": runs, "tenants": tenants}
            connection.execute(_RUNS, {**values, "share": LARGEST_SHARE})
        print(f"\r{min(first + step - 1, runs):,} runs", end="", flush=True)
    print()
    scope = Directory(admin).for_operator("tenant-1")
    admin.dispose()
    return scope


@contextmanager
def filled(home: Path | None, runs: int, tenants: int) -> Generator[tuple[str, TenantScope]]:
    """The URL of a filled store and the scope of its largest tenant; a store in `home` is built once and kept."""
    with tempfile.TemporaryDirectory() as fresh, EmbeddedDatabase(home or Path(fresh)) as server:
        url = server.url()
        migrations.upgrade(url, migration_folders())
        app = Database(url, DatabaseRole.APP)
        try:
            scope = Directory(app).for_operator("tenant-1")
        except NotFoundError:
            scope = build(url, runs, tenants)
            vacuum(url)
        app.dispose()
        yield url, scope


def questions(reader: RunReader, insights: RunInsights) -> dict[str, Callable[[], object]]:
    """What the pages ask."""
    now = datetime.now(UTC)
    page = reader.list(RunFilter(), limit=50)
    deep = page
    for _ in range(20):
        deep = reader.list(RunFilter(), limit=250, cursor=deep.older)
    some = page.runs[len(page.runs) // 2]
    drift = OperationType("drift", "generate")
    named = [f"policy-{number}" for number in range(500)]
    days = [now - timedelta(days=back) for back in range(13, -1, -1)]
    return {
        "list, first page of 250": lambda: reader.list(RunFilter(), limit=250),
        "list, page 22 of 250": lambda: reader.list(RunFilter(), limit=250, cursor=deep.older),
        "list, back up": lambda: reader.list(RunFilter(), limit=250, cursor=deep.newer),
        "filter: type": lambda: reader.list(RunFilter(type=drift), limit=250),
        "filter: bucket": lambda: reader.list(RunFilter(buckets=frozenset({StatusBucket.FAILED})), limit=250),
        "filter: type and bucket": lambda: reader.list(
            RunFilter(type=drift, buckets=frozenset({StatusBucket.PARTIAL})), limit=250
        ),
        "filter: last 24 hours": lambda: reader.list(RunFilter(since=now - timedelta(days=1)), limit=250),
        "filter: type, bucket, none": lambda: reader.list(
            RunFilter(type=drift, buckets=frozenset({StatusBucket.RUNNING})), limit=250
        ),
        "filter: last 30 days": lambda: reader.list(RunFilter(since=now - timedelta(days=30)), limit=250),
        "filter: type, last 30 days": lambda: reader.list(
            RunFilter(type=drift, since=now - timedelta(days=30)), limit=250
        ),
        "filter: a month ago": lambda: reader.list(
            RunFilter(since=now - timedelta(days=31), until=now - timedelta(days=30)), limit=250
        ),
        "filter: running at": lambda: reader.list(RunFilter(running_at=now - timedelta(days=45)), limit=250),
        "filter: initiator": lambda: reader.list(RunFilter(initiated_by="person3@example.com"), limit=250),
        "filter: initiator and type": lambda: reader.list(
            RunFilter(type=drift, initiated_by="person3@example.com"), limit=250
        ),
        "filter: unknown initiator": lambda: reader.list(RunFilter(initiated_by="nobody"), limit=250),
        "filter: scope": lambda: reader.list(RunFilter(scope="scope-3"), limit=250),
        "filter: scope and type": lambda: reader.list(RunFilter(scope="scope-3", type=drift), limit=250),
        "filter: scope, last 30 days": lambda: reader.list(
            RunFilter(scope="scope-3", since=now - timedelta(days=30)), limit=250
        ),
        "longest first": lambda: reader.longest(RunFilter(), limit=250),
        "longest first, type, 30 days": lambda: reader.longest(
            RunFilter(type=drift, since=now - timedelta(days=30)), limit=250
        ),
        "filter: reason": lambda: reader.list(RunFilter(reason="timed_out"), limit=250),
        "filter: reason and type": lambda: reader.list(RunFilter(reason="timed_out", type=drift), limit=250),
        "filter: needs attention": lambda: reader.list(RunFilter(needs_attention=True), limit=250),
        "search: run id": lambda: reader.list(RunFilter(search=str(some.id)), limit=50),
        "search: first digits": lambda: reader.list(RunFilter(search=str(some.id)[:8]), limit=50),
        "search: item id": lambda: reader.list(RunFilter(search="item-100000"), limit=50),
        "search: frequent item": lambda: reader.list(RunFilter(search="in-every-hundredth-sync"), limit=250),
        "search: part of an item": lambda: reader.list(RunFilter(search="ITEM-99", named=named), limit=50),
        "counts, part of an item": lambda: reader.bucket_counts(RunFilter(search="ITEM-99", named=named)),
        "history, part of an item": lambda: insights.history(days, RunFilter(search="ITEM-99", named=named)),
        "counts, frequent item": lambda: reader.bucket_counts(RunFilter(search="in-every-hundredth-sync")),
        "counts per bucket": lambda: reader.bucket_counts(RunFilter()),
        "counts, last 24 hours": lambda: reader.bucket_counts(RunFilter(since=now - timedelta(days=1))),
        "counts, type, 30 days": lambda: reader.bucket_counts(RunFilter(type=drift, since=now - timedelta(days=30))),
        "counts, running at": lambda: reader.bucket_counts(RunFilter(running_at=now - timedelta(days=45))),
        "counts, initiator": lambda: reader.bucket_counts(RunFilter(initiated_by="person3@example.com")),
        "choices": insights.choices,
        "counts, needs attention": lambda: reader.bucket_counts(RunFilter(needs_attention=True)),
        "counts, scope": lambda: reader.bucket_counts(RunFilter(scope="scope-3")),
        "history, 14 days": lambda: insights.history(days),
        "history, type": lambda: insights.history(days, RunFilter(type=drift)),
        "notes of a page": lambda: insights.notes([run.id for run in page.runs], ["scope", "source"]),
        "runs of its kind": lambda: insights.kin(some.id),
        "usual duration": lambda: insights.usual_durations([drift], besides=some.id),
        "detail": lambda: insights.overview(some.id),
    }


class Statements:
    """How long the statements of one question took from sending to the first rows, the making of values left out."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = 0.0
        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)

    def _before(self, *_: object) -> None:
        self._begun = time.perf_counter()

    def _after(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._begun


def measure(ask: Callable[[], object], rounds: int, statements: Statements) -> tuple[list[float], list[float]]:
    """Milliseconds in the database and in all, per round, after three unmeasured ones."""
    for _ in range(3):
        ask()
    inside: list[float] = []
    took: list[float] = []
    for _ in range(rounds):
        statements.seconds = 0.0
        begun = time.perf_counter()
        ask()
        took.append((time.perf_counter() - begun) * 1000)
        inside.append(statements.seconds * 1000)
    return inside, took


def figures(milliseconds: list[float]) -> tuple[float, float]:
    """Median and p95."""
    return statistics.median(milliseconds), statistics.quantiles(milliseconds, n=20)[-1]


def main() -> None:
    """Builds, asks, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--home", type=Path, help="keep the store here, and use the one that is here already")
    wanted = parser.parse_args()
    with filled(wanted.home, wanted.runs, wanted.tenants) as (url, scope):
        admin = Database(url, DatabaseRole.ADMIN)
        with admin.across_tenants() as connection:
            held = connection.execute(
                text("SELECT count(*) FROM operation_runs WHERE tenant_id = :id"), {"id": scope.tenant_id}
            ).scalar_one()
        admin.dispose()
        hub = Database(url, DatabaseRole.HUB)
        print(
            f"{wanted.runs:,} runs, {wanted.tenants:,} tenants, {held:,} of them in the largest; {wanted.rounds} rounds"
        )
        print(f"{'question':28}{'database median':>17}{'p95':>9}{'in all median':>16}{'p95':>9}   (ms)")
        statements = Statements()
        for name, ask in questions(RunReader(hub, scope), RunInsights(hub, scope)).items():
            inside, took = measure(ask, wanted.rounds, statements)
            (db, db95), (every, every95) = figures(inside), figures(took)
            over = "" if db95 <= BUDGET_MS else "   over budget"
            print(f"{name:28}{db:17.2f}{db95:9.2f}{every:16.2f}{every95:9.2f}{over}", flush=True)
        hub.dispose()


def vacuum(url: str) -> None:
    """Statistics and visibility as autovacuum leaves them."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) operation_runs")


if __name__ == "__main__":
    main()
