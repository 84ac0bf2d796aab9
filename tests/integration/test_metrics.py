"""The relay's metrics, health and readiness, asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
from prometheus_client.parser import text_string_to_metric_families

from deployments.services.relay import metrics_served
from flows._tracking.unseen import Waiting
from runstore.database import Database, DatabaseRole
from runstore.runs.outbox import Outbox
from runstore.runs.status import RunStatus
from tests.conftest import Store
from tests.support.ports import free_port
from tests.support.runs import RunSpec, add_runs


@contextmanager
def served(database: Database, *, ready: bool = True, waiting: Waiting | None = None) -> Iterator[httpx.Client]:
    port, outbox = free_port(), Outbox(database, tenant_limit=8)
    with (
        metrics_served("127.0.0.1", port, database, outbox, lambda: ready, lambda: waiting),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client,
    ):
        yield client


def figures(client: httpx.Client) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_runs_of_all_tenants_are_counted_by_type_and_bucket_with_their_ages(store: Store) -> None:
    now = datetime.now(UTC)
    acme, globex = store.tenant("acme"), store.tenant("globex")
    lasted = timedelta(minutes=5)
    add_runs(store.admin, acme, [RunSpec(type="drift.generate", status=RunStatus.COMPLETED, lasted=lasted)])
    add_runs(store.admin, acme, [RunSpec(status=RunStatus.PENDING, created_at=now - timedelta(seconds=100))])
    add_runs(store.admin, globex, [RunSpec(status=RunStatus.RUNNING), RunSpec(status=RunStatus.FAILED)])
    long_ago = now - timedelta(hours=5)
    add_runs(store.admin, globex, [RunSpec(status=RunStatus.COMPLETED, created_at=long_ago)])
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute("UPDATE operation_runs SET heartbeat_at = now() - interval '50 s' WHERE status = 'running'")
    with served(store.relay) as client:
        found = figures(client)
    assert {labels[1:]: count for labels, count in found.items() if labels[0] == "tenantatlas_runs"} == {
        ("succeeded", "drift.generate"): 1,
        ("queued", "inventory.sync"): 1,
        ("running", "inventory.sync"): 1,
        ("failed", "inventory.sync"): 1,
    }
    assert found[("tenantatlas_store_up",)] == 1
    assert 99 < found[("tenantatlas_queue_age_seconds",)] < 160
    assert 0 <= found[("tenantatlas_relay_lag_seconds",)] < 160
    assert 49 < found[("tenantatlas_mirror_delay_seconds",)] < 110


def test_a_quiet_store_has_no_ages(store: Store) -> None:
    with served(store.relay) as client:
        found = figures(client)
    assert {name: value for (name, *_), value in found.items()} == {
        "tenantatlas_store_up": 1,
        "tenantatlas_queue_age_seconds": 0,
        "tenantatlas_relay_lag_seconds": 0,
        "tenantatlas_mirror_delay_seconds": 0,
        "tenantatlas_prefect_compared": 0,
    }


def test_what_waits_in_prefect_without_a_row_is_counted(store: Store) -> None:
    with served(store.relay, waiting=Waiting({"pending": 2, "scheduled": 1}, 90.5)) as client:
        found = figures(client)
    assert {labels[1]: count for labels, count in found.items() if labels[0] == "tenantatlas_prefect_waiting_runs"} == {
        "scheduled": 1,
        "pending": 2,
        "running": 0,
        "cancelling": 0,
    }
    assert found[("tenantatlas_prefect_compared",)] == 1
    assert found[("tenantatlas_prefect_waiting_age_seconds",)] == 90.5


def test_health_and_readiness(store: Store) -> None:
    with served(store.relay) as client:
        assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/else")] == [200, 200, 404]
    with served(store.relay, ready=False) as client:
        assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 503]


def test_a_store_that_is_away_is_told_and_does_not_kill_the_process() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none", DatabaseRole.RELAY)
    with served(away) as client:
        assert figures(client) == {("tenantatlas_store_up",): 0, ("tenantatlas_prefect_compared",): 0}
        assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 503]
    away.dispose()
