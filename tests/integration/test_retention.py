"""Pruning forgets what finished long ago, of one tenant, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from flows.retention import kept
from flows.retention.kept import prune_kept
from runstore.database import DatabaseRole
from runstore.tenancy import Role, TenantScope
from tests.conftest import Store

NOW = datetime.now(UTC)
BEFORE = NOW - timedelta(days=180)

_ADD = text(
    """
    INSERT INTO operation_runs (id, tenant_id, resource, action, status, idempotency_key, trigger, initiated_by,
                                last_source, created_at, started_at, finished_at)
    VALUES (:id, :tenant, 'echo', 'speak', :status, :key, 'user', 'x', 'hook', :at, :at, :finished)
    """
)


def add_runs(store: Store, scope: TenantScope, count: int, *, days_ago: int, finished: bool = True) -> None:
    at = NOW - timedelta(days=days_ago)
    rows = [
        {
            "id": uuid4(),
            "tenant": scope.tenant_id,
            "status": "completed" if finished else "running",
            "key": str(uuid4()),
            "at": at,
            "finished": at if finished else None,
        }
        for _ in range(count)
    ]
    with store.admin.transaction(scope) as connection:
        connection.execute(_ADD, rows)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kept.KEPT, "runs", replace(kept.KEPT["runs"], batch=10))  # type: ignore[arg-type]
    monkeypatch.setattr(kept, "PAUSE_SECONDS", 0)


def count(store: Store, scope: TenantScope) -> int:
    with store.admin.transaction(scope) as connection:
        query = text("SELECT count(*) FROM operation_runs WHERE tenant_id = :tenant")
        return connection.execute(query, {"tenant": scope.tenant_id}).scalar_one()


@pytest.mark.parametrize("role", [DatabaseRole.ADMIN, DatabaseRole.WORKER])
def test_only_old_finished_runs_of_the_tenant_are_forgotten(store: Store, role: DatabaseRole) -> None:
    scope, other = store.tenant("acme"), store.tenant("globex")
    add_runs(store, scope, 25, days_ago=200)
    add_runs(store, scope, 3, days_ago=200, finished=False)
    add_runs(store, scope, 4, days_ago=10)
    add_runs(store, other, 7, days_ago=200)
    seen: list[int] = []
    assert prune_kept(store.roles[role], scope, "runs", BEFORE, report=seen.append) == 25
    assert seen == [10, 20, 25]
    assert (count(store, scope), count(store, other)) == (7, 7)
    assert prune_kept(store.roles[role], scope, "runs", BEFORE) == 0


def test_notifications_go_with_their_run(store: Store) -> None:
    scope = store.tenant("acme")
    member = store.directory.grant(scope, "a@example.com", Role.OWNER)
    add_runs(store, scope, 5, days_ago=200)
    with store.admin.transaction(scope) as connection:
        connection.execute(
            text(
                "INSERT INTO notifications (id, tenant_id, run_id, attempt, kind, status, user_id)"
                " SELECT gen_random_uuid(), r.tenant_id, r.id, 1, 'finished', 'completed', u.id"
                " FROM operation_runs r, users u WHERE r.tenant_id = :tenant AND u.email = :email"
            ),
            {"tenant": scope.tenant_id, "email": member},
        )
    assert prune_kept(store.admin, scope, "runs", BEFORE) == 5
    with store.admin.transaction(scope) as connection:
        assert connection.execute(text("SELECT count(*) FROM notifications")).scalar_one() == 0


def test_a_batch_that_has_to_be_made_again_loses_nothing(store: Store) -> None:
    scope = store.tenant("acme")
    add_runs(store, scope, 25, days_ago=200)
    failures = iter([True, False] * 10)

    def stubborn(batch: Callable[[], int]) -> int:
        while next(failures):
            batch()
        return batch()

    prune_kept(store.worker, scope, "runs", BEFORE, attempt=stubborn)
    assert count(store, scope) == 0
