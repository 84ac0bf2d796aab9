"""`tenantatlas relay`: hands queued runs to Prefect, keeps every run true and what is scheduled known.

Its HTTP side has `/metrics` for Prometheus, and `/healthz` and `/readyz` for what restarts it.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from deployments.local.process import announce_ready
from deployments.orchestration.schedules.mirror import Mirror
from deployments.services.probes import probes
from deployments.settings import Settings
from deployments.store_access import own_url
from flows._tracking.dispatcher import Dispatcher
from flows._tracking.log_scrubbing import install
from flows._tracking.our_flow_runs import Patience
from flows._tracking.reconciler import Reconciler
from flows._tracking.unseen import Waiting
from flows.registry import migration_folders
from runstore.database import Database, DatabaseRole
from runstore.errors import TenantAtlasError
from runstore.migrations import verify_schema
from runstore.runs.outbox import Outbox, RunListener

_logger = logging.getLogger("deployments.services.relay")


def serve(settings: Settings) -> None:
    """Runs its loops until SIGTERM or SIGINT; several relays may. SchemaMismatchError for an older schema."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    install()
    url = own_url(settings, "relay")
    verify_schema(url, migration_folders())
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopped.set())
    database = Database(url, DatabaseRole.RELAY, pool_size=4)
    outbox = Outbox(database, tenant_limit=settings.tenant_limit)
    waits = (settings.look_after_seconds, settings.contact_lost_after_seconds, settings.give_up_after_seconds)
    reconciler = Reconciler(database, Patience(*waits))
    where = (settings.metrics_host, settings.metrics_port)
    serving = metrics_served(*where, database, outbox, lambda: not stopped.is_set(), reconciler.unseen.waiting)
    failed: list[BaseException] = []

    def run(name: str, work: Callable[[], None]) -> None:
        """One loop; when it fails, the others stop too, so that the process ends and is restarted."""
        try:
            work()
        except BaseException as problem:
            _logger.exception("The %s failed.", name)
            failed.append(problem)
            stopped.set()

    with closing(RunListener(url)) as listener, serving:
        loops: dict[str, Callable[[], None]] = {
            "reconciler": lambda: reconciler.run(stopped),
            "dispatcher": lambda: Dispatcher(outbox).run(listener, stopped),
            "mirror of schedules": lambda: Mirror(database).run(stopped),
        }
        threads = [threading.Thread(target=run, args=one, name=one[0]) for one in loops.items()]
        for thread in threads:
            thread.start()
        announce_ready()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)
    database.dispose()
    if failed:
        raise failed[0]


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
            if time.monotonic() - self._read_at > 15 or not self._known:
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

    def ask() -> None:
        with database.across_tenants() as connection:
            connection.execute(text("SELECT"))

    def ready() -> bool:
        try:
            asker.submit(ask).result(2)
        except (TenantAtlasError, TimeoutError):
            return False
        return is_ready()

    with probes("relay", "TENANTATLAS_METRICS_PORT", host, port, ready, lambda: generate_latest(registry)):
        yield
