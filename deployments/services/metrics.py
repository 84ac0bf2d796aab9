"""The relay's HTTP side: `/metrics` for Prometheus, `/healthz` and `/readyz` for what restarts it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from deployments.services.probes import probes
from flows._tracking.unseen import Waiting
from runstore.database import Database
from runstore.errors import TenantAtlasError
from runstore.runs.outbox import Outbox

CACHE_SECONDS = 15.0
READY_SECONDS = 2.0

_RUNS = text(
    """
    SELECT resource || '.' || action AS type, bucket, count(*) AS runs FROM operation_runs
    WHERE status IN ('pending', 'running') OR finished_at > now() - interval '1 hour' GROUP BY 1, 2
    """
)
_AGES = text(
    """
    SELECT
      coalesce(max(extract(epoch FROM now() - created_at)) FILTER (WHERE status = 'pending'), 0) AS queue,
      coalesce(max(extract(epoch FROM now() - coalesce(heartbeat_at, started_at)))
               FILTER (WHERE status = 'running'), 0) AS mirror
    FROM operation_runs WHERE status IN ('pending', 'running')
    """
)


class RunMetrics(Collector):
    """Figures of all tenants' runs, kept for some seconds; needs RELAY. `waiting`: those in Prefect without a row."""

    def __init__(self, database: Database, outbox: Outbox, waiting: Callable[[], Waiting | None]) -> None:
        self._database, self._outbox, self._waiting = database, outbox, waiting
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._known: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """The metrics; of a store or a Prefect server that is away, only that it is."""
        with self._lock:
            if time.monotonic() - self._read_at > CACHE_SECONDS or not self._known:
                self._known = list(self._read())
                self._read_at = time.monotonic()
            return [*self._known, *self._in_prefect()]

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def _read(self) -> Iterator[Metric]:
        try:
            with self._database.across_tenants() as connection:
                runs = connection.execute(_RUNS).all()
                ages = connection.execute(_AGES).one()
            lag = self._outbox.lag_seconds()
        except TenantAtlasError:
            yield _gauge("store_up", "Whether the run store answers.", 0)
            return
        yield _gauge("store_up", "Whether the run store answers.", 1)
        counted = {(row.type, row.bucket): row.runs for row in runs}
        yield _gauges("runs", "Runs that are active or ended within the last hour.", ("type", "bucket"), counted)
        yield _gauge("queue_age_seconds", "Age of the oldest run that has not begun.", ages.queue)
        yield _gauge("relay_lag_seconds", "Longest wait of a run whose turn it is to be handed to Prefect.", lag)
        yield _gauge("mirror_delay_seconds", "Longest silence of a run that is running.", ages.mirror)

    def _in_prefect(self) -> Iterator[Metric]:
        waiting = self._waiting()
        said = "Whether the relay has just compared Prefect with the rows."
        yield _gauge("prefect_compared", said, waiting is not None)
        if waiting is not None:
            said = "Flow runs that are late or under way in Prefect and have no active row, by their state there."
            states = ("scheduled", "pending", "running", "cancelling")
            counted = {(state,): waiting.runs.get(state, 0) for state in states}
            yield _gauges("prefect_waiting_runs", said, ("state",), counted)
            said = "Age of the oldest of these flow runs."
            yield _gauge("prefect_waiting_age_seconds", said, waiting.oldest_seconds)


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tenantatlas_{name}", said, value=float(value))


def _gauges(name: str, said: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    found = GaugeMetricFamily(f"tenantatlas_{name}", said, labels=labels)
    for of, value in values.items():
        found.add_metric(of, value)
    return found


@contextmanager
def metrics_served(
    host: str,
    port: int | None,
    database: Database,
    outbox: Outbox,
    is_ready: Callable[[], bool],
    waiting: Callable[[], Waiting | None],
) -> Generator[None]:
    """Serves metrics and probes while the block runs, if there is a port. One thread alone asks the store."""
    asker = ThreadPoolExecutor(1, thread_name_prefix="readyz")
    registry = CollectorRegistry()
    registry.register(RunMetrics(database, outbox, waiting))

    def answers() -> bool:
        try:
            with database.across_tenants() as connection:
                connection.execute(text("SELECT"))
        except TenantAtlasError:
            return False
        return True

    def ready() -> bool:
        try:
            return is_ready() and asker.submit(answers).result(READY_SECONDS)
        except TimeoutError:
            return False

    with probes("relay", "TENANTATLAS_METRICS_PORT", host, port, ready, lambda: generate_latest(registry)):
        yield
