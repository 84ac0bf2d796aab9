"""`tenantatlas worker`: keeps Prefect's stock worker at work on a pool until told to stop, beside a warm parent.

A stock worker may end by itself, after a long outage of Prefect for one. It is started again, and its flow runs go on: the
clients that stand for them are killed without having been told to stop. So they do when this process is killed.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

from deployments.local.process import announce_ready
from deployments.local.record import worker_name
from deployments.orchestration.prefect_address import one_authority_file
from deployments.orchestration.warm import client as fork_client
from deployments.orchestration.work_pools import PROCESS, worker_type
from deployments.services.probes import probes
from deployments.settings import Settings
from deployments.store_access import own_url
from flows._tracking.log_scrubbing import install
from flows.registry import migration_folders
from runstore.errors import StoreError, UnavailableError
from runstore.migrations import verify_schema

LOOK_SECONDS, ASK_SECONDS, PAUSE_SECONDS, SILENT_SECONDS, STOP_SECONDS, WARM_SECONDS = 0.2, 3.0, 3.0, 15.0, 10.0, 60.0

_logger = logging.getLogger("deployments.worker")


def serve(settings: Settings, *, name: str | None, pool: str | None) -> None:
    """Returns after a stop was asked for (SIGTERM, SIGINT) and the runs under way have ended, or were given time to.

    Waits for the schema, for Prefect's server and for the work pool to exist, however long that takes, and says so. Raises
    BadInputError for a pool type this installation has no worker for, and where the database is not known.
    """
    install()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stop.set())
    # Each request is tried once: the client's own tries are up to half a minute apart.
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
        seen = Seen(client, own_url(settings, "worker"), worker_name(name), pool or settings.work_pool)
        where = (settings.metrics_host, settings.worker_health_port)
        with probes("worker", "TENANTATLAS_WORKER_HEALTH_PORT", *where, seen.is_ready):
            while (kind := seen.ask()) is None and not stop.wait(LOOK_SECONDS):
                pass
            if kind:
                # Short enough for a socket, and nobody else's.
                with tempfile.TemporaryDirectory(prefix="tenantatlas-") as folder:
                    _keep(settings, seen, worker_type(kind), Path(folder) / "w.sock", stop)


class Seen:
    """What a worker sees of the schema and of Prefect's server. A trouble is told once, by a sentence in the log."""

    def __init__(self, client: SyncPrefectClient, url: str, name: str, pool: str) -> None:
        self._client, self._url, self.name, self.pool = client, url, name, pool
        self._has_schema, self._answered_at, self._said, self.is_online = False, float("-inf"), "", False
        self._beats: Sequence[object] | None = None

    def is_ready(self) -> bool:
        """A server that is away makes the worker not ready, never unhealthy: a restart would end the runs under way."""
        return self.is_online and time.monotonic() - self._answered_at < SILENT_SECONDS

    def ask(self) -> str | None:
        """The work pool's type; None while the schema is too old, or Prefect's server or the pool is not there."""
        kind, said = None, ""
        try:
            if not self._has_schema:
                # Runs wait better in the queue than they fail on a schema that is older than this version.
                verify_schema(self._url, migration_folders())
                self._has_schema = True
            kind = self._client.read_work_pool(self.pool).type
            workers = self._client.read_workers_for_work_pool(self.pool)
            beats = [one.last_heartbeat_time for one in workers if one.name == self.name]
            self.is_online = self.is_online or self._beats not in (None, beats)
            self._beats, self._answered_at = beats, time.monotonic()
        except (UnavailableError, StoreError) as problem:
            said = f"No run is taken for now: {problem}"
        except ObjectNotFound:
            said = f"Waits for the work pool {self.pool!r}: make it with `tenantatlas deploy`."
        except Exception as problem:
            said = f"Waits for Prefect's server ({type(problem).__name__}). The runs under way go on."
        if said != self._said:
            _logger.warning(said or "Prefect's server answers.")
        self._said = said
        return kind


class KeptProcess:
    """A command at work, started again when it ends; `how` is what `subprocess.Popen` takes."""

    def __init__(self, what: str, command: list[str], **how: Any) -> None:
        # A terminal's Ctrl-C is for the worker alone, which then ends its processes in order.
        self._what, self._start = what, partial(subprocess.Popen[bytes], command, process_group=0, **how)
        self._process = self._start()

    def revived(self, stop: threading.Event) -> bool:
        """Whether it had ended. That is told, and it is started again after PAUSE_SECONDS."""
        if (code := self._process.poll()) is None:
            return False
        _logger.warning("%s ended (exit code %d) and is started again. The runs under way go on.", self._what, code)
        stop.wait(PAUSE_SECONDS)
        self._process = self._start()
        return True

    def stop(self, tell: Callable[[int, int], None], *, after: float) -> None:
        """Closes its standard input, gives it `after` seconds to end, then asks, and kills it after another STOP_SECONDS."""
        if self._process.stdin:
            self._process.stdin.close()
        for seconds, number in ((after, signal.SIGTERM), (STOP_SECONDS, signal.SIGKILL)):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                return
            tell(self._process.pid, number)
        self._process.wait()


def _keep(settings: Settings, seen: Seen, kind: str, path: Path, stop: threading.Event) -> None:
    told, python, parent = worker_environment(kind, settings, path), sys.executable, None
    if kind == PROCESS:
        forking = [python, "-P", "-m", fork_client.ENGINE, str(path)]
        parent = KeptProcess("The warm parent", forking, env=told, stdin=subprocess.PIPE)
        # The first runs would start slowly without it. One that cannot start, or takes too long, is not waited for.
        for _ in range(int(WARM_SECONDS / LOOK_SECONDS)):
            if path.exists() or parent.revived(stop) or stop.wait(LOOK_SECONDS):
                break
        else:
            _logger.warning("The warm parent is not ready after %d s. Until it is, runs start slowly.", WARM_SECONDS)
    command = [python, "-m", "prefect", "worker", "start", "--name", seen.name, "--pool", seen.pool, "--type", kind]
    command += ["--limit", str(settings.worker_limit), "--prefetch-seconds", "0", "--install-policy", "never"]
    # PR_SET_PDEATHSIG: killed, we would leave it at work. The parent's standard input closes then.
    bound = partial(ctypes.CDLL(None).prctl, 1, signal.SIGKILL)
    worker = KeptProcess("Prefect's worker", command, env=told, stdin=subprocess.DEVNULL, preexec_fn=bound)
    seen.is_online = False
    while not stop.wait(ASK_SECONDS if seen.is_online else LOOK_SECONDS):
        if parent:
            parent.revived(stop)
        seen.is_online &= not worker.revived(stop)
        seen.ask()
        if seen.is_online:
            announce_ready()
    worker.stop(os.kill, after=0)
    if parent:
        # With its group: the watchers, which end their runs then.
        parent.stop(os.killpg, after=settings.worker_drain_seconds)


def worker_environment(kind: str, settings: Settings, path: Path) -> dict[str, str]:
    """The variables of Prefect's worker, which go on to each job; of a process pool also what `work_pools.COMMAND` reads."""
    wanted = {
        "PREFECT_WORKER_QUERY_SECONDS": str(settings.worker_poll_seconds),
        # Each flow run's clients would ask once more what this process knows already.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        # A server whose database is away may answer so, which by default ends the worker in seconds.
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500,504",
    }
    chosen = get_current_settings().to_environment_variables(exclude_unset=True)
    told = {name: value for name, value in wanted.items() if name not in chosen} | os.environ
    if kind == PROCESS:
        return told | {
            "TENANTATLAS_PYTHON": sys.executable,
            "TENANTATLAS_FORK_CLIENT": fork_client.__file__,
            fork_client.SOCKET: str(path),
            "TENANTATLAS_FLOW_MEMORY_MB": str(settings.flow_memory_mb),
        }
    # A container has no file of ours, so a flow run would end at its first client. One that somebody named on purpose stays.
    if chosen.get("PREFECT_API_SSL_CERT_FILE") == str(one_authority_file(settings.home)):
        told.pop("PREFECT_API_SSL_CERT_FILE", None)
    return told
