"""`tenantatlas relay`: hands queued runs to Prefect, keeps every run true and what is scheduled known, until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from deployments.local.readiness import announce_ready
from deployments.orchestration.schedules.mirror import Mirror
from deployments.services.metrics import metrics_served
from deployments.settings import Settings
from deployments.store_access import configured_url, producer_migrations
from flows._tracking.dispatcher import Dispatcher
from flows._tracking.log_scrubbing import install
from flows._tracking.our_flow_runs import Patience
from flows._tracking.reconciler import Reconciler
from runstore.database import Database, DatabaseRole
from runstore.errors import BadInputError
from runstore.migrations import verify_schema
from runstore.runs.outbox import Outbox, RunListener

_logger = logging.getLogger("deployments.services.relay")


def relay_url(settings: Settings) -> str:
    """The address the relay logs in at: its own, or the one all processes share. BadInputError when there is none."""
    own = settings.relay_database_url
    url = own.get_secret_value() if own is not None else configured_url(settings)
    if url is None:
        raise BadInputError(
            "The relay does not know its database: set TENANTATLAS_DATABASE_URL to its address, or start everything with "
            "`tenantatlas up`."
        )
    return url


def patience(settings: Settings) -> Patience:
    """How long a run may be silent before the reconciler acts."""
    return Patience(
        look=settings.look_after_seconds,
        contact_lost=settings.contact_lost_after_seconds,
        give_up=settings.give_up_after_seconds,
    )


def serve(settings: Settings) -> None:
    """Runs its loops until SIGTERM or SIGINT; what they were doing is finished first.

    Several relays may run at once. Prefect or the database being away is waited out. Raises SchemaMismatchError at the
    start when the schema is older than this version.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    install()
    url = relay_url(settings)
    verify_schema(url, producer_migrations())
    stopped = threading.Event()
    _stop_on_signals(stopped)
    database = Database(url, DatabaseRole.RELAY, pool_size=4)
    outbox = Outbox(database, tenant_limit=settings.tenant_limit)
    reconciler = Reconciler(database, patience(settings))
    where = (settings.metrics_host, settings.metrics_port)
    serving = metrics_served(*where, database, outbox, lambda: not stopped.is_set(), reconciler.unseen.waiting)
    with RunListener(url) as listener, serving:
        threads = [
            _thread("reconciler", lambda: reconciler.run(stopped), stopped),
            _thread("dispatcher", lambda: Dispatcher(outbox).run(listener, stopped), stopped),
            _thread("mirror of schedules", lambda: Mirror(database).run(stopped), stopped),
        ]
        announce_ready()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)
    database.dispose()
    if _FAILED:
        raise _FAILED[0]


_FAILED: list[BaseException] = []


def _thread(name: str, work: Callable[[], None], stopped: threading.Event) -> threading.Thread:
    """A thread for one loop; a loop that fails stops the others too, so that the process ends and is restarted."""

    def run() -> None:
        try:
            work()
        except BaseException as problem:
            _logger.exception("The %s failed.", name)
            _FAILED.append(problem)
            stopped.set()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    return thread


def _stop_on_signals(stopped: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
