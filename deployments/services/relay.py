"""`tenantatlas relay`: hands queued runs to Prefect, keeps every run true and what is scheduled known, until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable

from deployments.local.process import announce_ready
from deployments.orchestration.schedules.mirror import Mirror
from deployments.services.metrics import metrics_served
from deployments.settings import Settings
from deployments.store_access import own_url
from flows._tracking.dispatcher import Dispatcher
from flows._tracking.log_scrubbing import install
from flows._tracking.our_flow_runs import Patience
from flows._tracking.reconciler import Reconciler
from flows.registry import migration_folders
from runstore.database import Database, DatabaseRole
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

    with RunListener(url) as listener, serving:
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
