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
import threading
import time
from contextlib import suppress
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

from deployments.local.database_account import choose_socket_directory
from deployments.local.process import announce_ready
from deployments.orchestration.prefect_address import one_authority_file
from deployments.orchestration.warm import client as fork_client
from deployments.orchestration.work_pools import PROCESS, worker_type
from deployments.services.probes import probes
from deployments.settings import Settings
from deployments.store_access import own_url
from deployments.version import worker_name
from flows._tracking.log_scrubbing import install
from flows.registry import migration_folders
from runstore.errors import BadInputError, StoreError, UnavailableError
from runstore.migrations import verify_schema

LOOK_SECONDS, ASK_SECONDS, PAUSE_SECONDS, SILENT_SECONDS, STOP_SECONDS = 0.2, 3.0, 3.0, 15.0, 10.0
DIE_WITH_PARENT = 1  # Linux's PR_SET_PDEATHSIG

_libc = ctypes.CDLL(None)
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
            while (found := seen.ask()) is None and not stop.wait(LOOK_SECONDS):
                pass
            if found is not None:
                _keep(settings, seen, worker_type(found.type), stop)


class Seen:
    """What a worker sees of the schema and of Prefect's server. A trouble is told once, by a sentence in the log."""

    def __init__(self, client: SyncPrefectClient, url: str, name: str, pool: str) -> None:
        self._client, self._url, self.name, self.pool = client, url, name, pool
        self._has_schema, self._answered_at, self._said = False, float("-inf"), ""
        self._heartbeat: object = None
        self.is_online = False

    def is_ready(self) -> bool:
        """A server that is away makes the worker not ready, never unhealthy: a restart would end the runs under way."""
        return self.is_online and time.monotonic() - self._answered_at < SILENT_SECONDS

    def ask(self) -> WorkPool | None:
        """The work pool; None while the schema is too old, or Prefect's server or the pool is not there."""
        pool, said = None, ""
        try:
            if not self._has_schema:
                # Runs wait better in the queue than they fail on a schema that is older than this version.
                verify_schema(self._url, migration_folders())
                self._has_schema = True
            pool = self._client.read_work_pool(self.pool)
            workers = self._client.read_workers_for_work_pool(self.pool)
            self._answered_at = time.monotonic()
            beat = next((one.last_heartbeat_time for one in workers if one.name == self.name), None)
            self._heartbeat, self.is_online = beat, self.is_online or beat != self._heartbeat
        except (UnavailableError, StoreError) as problem:
            said = f"No run is taken for now: {problem}"
        except ObjectNotFound:
            said = f"Waits for the work pool {self.pool!r}: make it with `tenantatlas deploy`."
        except Exception as problem:
            said = f"Waits for Prefect's server ({type(problem).__name__}). The runs under way go on."
        if said != self._said:
            _logger.warning(said or "Prefect's server answers.")
        self._said = said
        return pool


class KeptProcess:
    """A command that is run again when it ends. With `outlives` it goes on when we are killed; its standard input closes then."""

    def __init__(self, what: str, command: list[str], environment: dict[str, str], *, outlives: bool) -> None:
        self._what, self._command, self._environment, self._outlives = what, command, environment, outlives
        self._process: subprocess.Popen[bytes] | None = None
        self._due = 0.0
        self.has_ended = False

    def look(self) -> bool:
        """Starts the process unless it runs; whether it did. One that ended is told of, and waits for PAUSE_SECONDS."""
        if self._process and (code := self._process.poll()) is not None:
            self._process, self.has_ended, self._due = None, True, time.monotonic() + PAUSE_SECONDS
            _logger.warning("%s ended (exit code %d) and is started again. The runs under way go on.", self._what, code)
        if self._process or time.monotonic() < self._due:
            return False
        self._process = subprocess.Popen(  # noqa: S603 - a command of our own
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE if self._outlives else subprocess.DEVNULL,
            # A terminal's Ctrl-C is for the worker alone, which then ends its processes in order.
            process_group=0,
            preexec_fn=None if self._outlives else lambda: _libc.prctl(DIE_WITH_PARENT, signal.SIGKILL),
        )
        return True

    def stop(self, *, after: float) -> None:
        """Closes its standard input, gives it `after` seconds to end, then asks, and kills it after another STOP_SECONDS."""
        if self._process:
            if self._process.stdin:
                self._process.stdin.close()
            for seconds, number in ((after, signal.SIGTERM), (STOP_SECONDS, signal.SIGKILL)):
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)
                self._process.send_signal(number)
            self._process.wait()


def _keep(settings: Settings, seen: Seen, kind: str, stop: threading.Event) -> None:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        path = choose_socket_directory(settings.home, owner=None) / f"w{os.getpid()}.sock"
    except (OSError, UnavailableError) as problem:
        raise BadInputError(f"The worker has no place for its socket: {problem}") from problem
    environment, python = worker_environment(kind, settings, path), sys.executable
    command = [python, "-m", "prefect", "worker", "start", "--name", seen.name, "--pool", seen.pool, "--type", kind]
    command += ["--limit", str(settings.worker_limit), "--prefetch-seconds", "0", "--install-policy", "never"]
    worker = KeptProcess("Prefect's worker", command, environment, outlives=False)
    forking = [python, "-P", "-m", "deployments.orchestration.warm.parent", str(path)]
    parent = KeptProcess("The warm parent", forking, environment, outlives=True) if kind == PROCESS else None
    asked_at, announced, seen.is_online = 0.0, False, False
    while not stop.wait(LOOK_SECONDS):
        if parent:
            parent.look()
        # The first runs would start slowly without it. A parent that cannot start is not waited for.
        if (announced or parent is None or path.exists() or parent.has_ended) and worker.look():
            seen.is_online = False
        if time.monotonic() - asked_at > (ASK_SECONDS if seen.is_online else 0):
            asked_at, _ = time.monotonic(), seen.ask()
        if seen.is_online and not announced:
            announce_ready()
            announced = True
    worker.stop(after=0)
    if parent:
        parent.stop(after=settings.worker_drain_seconds)
    path.unlink(missing_ok=True)


def worker_environment(kind: str, settings: Settings, path: Path) -> dict[str, str]:
    """The variables of Prefect's worker, all of which go on to each job: this process's, and how often it asks. Of a pool of
    processes also what `work_pools.COMMAND` reads: the interpreter, the client, the parent's socket; and the memory limit.

    A container has none of this machine's files, and a flow run told of our file of one authority would end at its first
    client. A file that somebody named on purpose is theirs, and stays.
    """
    wanted = {
        "PREFECT_WORKER_QUERY_SECONDS": str(settings.worker_poll_seconds),
        # Each flow run's clients would ask once more what this process knows already.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        # A server whose database is away may answer so, which by default ends the worker in seconds.
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500,504",
    }
    chosen = get_current_settings().to_environment_variables(exclude_unset=True)
    told = {name: value for name, value in wanted.items() if name not in chosen} | os.environ
    if kind != PROCESS:
        if chosen.get("PREFECT_API_SSL_CERT_FILE") == str(one_authority_file(settings.home)):
            told.pop("PREFECT_API_SSL_CERT_FILE", None)
        return told
    return told | {
        "TENANTATLAS_PYTHON": sys.executable,
        "TENANTATLAS_FORK_CLIENT": fork_client.__file__,
        fork_client.SOCKET: str(path),
        "TENANTATLAS_FLOW_MEMORY_MB": str(settings.flow_memory_mb),
    }
