"""The list while old runs are forgotten: 900,000 of 1,000,000 runs go, batch by batch, and the list's p95 stays under 3x its idle.

    python -m benchmarks.bench_prune [--runs 1000000] [--tenants 100]

Pruning is a process of its own, as the command and the scheduled operation are. The floor beside it is the same list on an idle
store, and again after everything is pruned.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.bench_hub_store import build, figures, vacuum
from deployments.local.embedded_database import EmbeddedDatabase
from flows.registry import migration_folders
from flows.retention.kept import prune_kept
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.filters import RunFilter
from runstore.runs.reader import RunReader

KEPT_DAYS = 9
"""The filler spreads the runs evenly over 90 days: nine in ten are older than this."""

IDLE_ROUNDS = 300
LIMIT = 3.0


def prune(url: str) -> None:
    """Every tenant, one after another, as `tenantatlas runs prune --all-tenants` does."""
    admin = Database(url, DatabaseRole.ADMIN)
    directory = Directory(admin)
    before = datetime.now(UTC) - timedelta(days=KEPT_DAYS)
    for tenant in directory.tenants():
        prune_kept(admin, directory.for_operator(tenant.slug), "runs", before)
    admin.dispose()


def listing(reader: RunReader, until: Callable[[int], bool]) -> list[float]:
    """Milliseconds of the list's first page, asked again and again; a person looks about ten times a second at most."""
    took: list[float] = []
    while not until(len(took)):
        begun = time.perf_counter()
        reader.list(RunFilter(), limit=250)
        took.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.02)
    return took


def main() -> None:
    """Builds, prunes, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--tenants", type=int, default=100)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, EmbeddedDatabase(Path(home)) as server:
        url = server.url()
        migrations.upgrade(url, migration_folders())
        scope = build(url, wanted.runs, wanted.tenants)
        vacuum(url)
        hub = Database(url, DatabaseRole.HUB)
        reader = RunReader(hub, scope)
        listing(reader, lambda count: count == 20)
        rows = [("idle", listing(reader, lambda count: count == IDLE_ROUNDS))]
        pruning = multiprocessing.get_context("spawn").Process(target=prune, args=(url,))
        begun = time.monotonic()
        pruning.start()
        rows.append(("while pruning", listing(reader, lambda _: not pruning.is_alive())))
        seconds = time.monotonic() - begun
        pruning.join()
        rows.append(("afterwards", listing(reader, lambda count: count == IDLE_ROUNDS)))
        admin = Database(url, DatabaseRole.ADMIN)
        with admin.across_tenants() as connection:
            left = connection.exec_driver_sql("SELECT count(*) FROM operation_runs").scalar_one()
        admin.dispose()
        hub.dispose()
    print(f"{wanted.runs - left:,} of {wanted.runs:,} runs forgotten in {seconds:.0f} s")
    print(f"{'list, first page of 250':28}{'asked':>8}{'median':>10}{'p95':>9}{'of idle':>9}   (ms)")
    floor = figures(rows[0][1])[1]
    for name, took in rows:
        median, high = figures(took)
        over = "" if high <= LIMIT * floor else "   over the limit"
        print(f"{name:28}{len(took):8,}{median:10.2f}{high:9.2f}{high / floor:8.1f}x{over}")


if __name__ == "__main__":
    main()
