"""Forgets old finished runs, in batches small enough that nobody waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import text

from runstore.database import Database
from runstore.tenancy import TenantScope

BATCH = 2_000
PAUSE_SECONDS = 0.05

# Only a finished run has an end. A run that is being reopened by a retry is locked by that statement, and left alone.
_OLD = text(
    """
    SELECT id FROM operation_runs WHERE tenant_id = :tenant AND finished_at < :before
    ORDER BY finished_at LIMIT :size FOR UPDATE SKIP LOCKED
    """
)
_COUNT = text("SELECT count(*) FROM operation_runs WHERE tenant_id = :tenant AND finished_at < :before")
_CHILDREN = text("DELETE FROM notifications WHERE tenant_id = :tenant AND run_id = ANY(:runs)")
_RUNS = text("DELETE FROM operation_runs WHERE tenant_id = :tenant AND id = ANY(:runs)")


def prune_runs(
    database: Database,
    scope: TenantScope,
    before: datetime,
    *,
    batch: int = BATCH,
    pause_seconds: float = PAUSE_SECONDS,
    report: Callable[[int], None] = lambda _: None,
    attempt: Callable[[Callable[[], int]], int] = lambda batch: batch(),
) -> int:
    """How many of the tenant's runs were forgotten: those that finished before the moment, with their notifications.

    Each batch is a transaction of its own, children first; being interrupted loses nothing but the rest, and several may
    prune at once. What runs produced (snapshots, findings, backup sets) and the audit log stay. Needs the role ADMIN, or
    WORKER once the retention producer's migration has run. `attempt` makes one batch, and may make it again: one whose answer
    was lost is only not counted.
    """
    pruned = 0
    while True:
        count = attempt(lambda: _prune_batch(database, scope, before, batch))
        pruned += count
        report(pruned)
        if count < batch:
            return pruned
        time.sleep(pause_seconds)


def count_old(database: Database, scope: TenantScope, before: datetime) -> int:
    """How many runs `prune_runs` would forget."""
    with database.transaction(scope) as connection:
        return connection.execute(_COUNT, {"tenant": scope.tenant_id, "before": before}).scalar_one()


def _prune_batch(database: Database, scope: TenantScope, before: datetime, size: int) -> int:
    with database.transaction(scope) as connection:
        runs = list(connection.execute(_OLD, {"tenant": scope.tenant_id, "before": before, "size": size}).scalars())
        if runs:
            connection.execute(_CHILDREN, {"tenant": scope.tenant_id, "runs": runs})
            connection.execute(_RUNS, {"tenant": scope.tenant_id, "runs": runs})
    return len(runs)
