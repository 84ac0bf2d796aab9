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
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

from deployments.local.database_account import choose_socket_directory
from deployments.local.process import announce_ready
from deployments.orchestration.prefect_address import one_authority_file
from deployments.orchestration.warm import client as fork_client
from deployments.orchestration.warm import flow_process
from deployments.orchestration.work_pools import PROCESS, worker_type
from deployments.services.probes import probes
from deployments.settings import Settings
from deployments.store_access import own_url
from deployments.version import worker_name
from flows._tracking.log_scrubbing import install
from flows.registry import migration_folders
from runstore.errors import BadInputError, StoreError, UnavailableError
from runstore.migrations import verify_schema

LOOK_SECONDS, ASK_SECONDS, SILENT_SECONDS, STOP_SECONDS = 0.2, 3.0, 15.0, 5.0
LONGEST_PAUSE_SECONDS, LONG_LIFE_SECONDS = 30.0, 60.0
DIE_WITH_PARENT = 1  # Linux's PR_SET_PDEATHSIG

_libc = ctypes.CDLL(None)
_logger = logging.getLogger("deployments.worker")


def serve(settings: Settings, *, name: str | None, pool: str | None) -> None:
    """Returns after a stop was asked for (SIGTERM, SIGINT) and the runs in flight have ended.

    Waits for the schema, for Prefect's server and for the work pool to exist, however long that takes, and says so. Raises
    BadInputError for a pool type this installation has no worker for, and where the database is not known.
    """
    install()
    # Each request is tried once: the client's own tries are up to half a minute apart.
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
        Service(settings, client, worker_name(name), pool or settings.work_pool).serve()


class KeptProcess:
    """A command that is run again when it ends. With `outlives` it goes on when we are killed; its standard input closes then."""

    def __init__(self, what: str, command: list[str], environment: dict[str, str], *, outlives: bool) -> None:
        self._what, self._command, self._environment, self._outlives = what, command, environment, outlives
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at, self._due, self._pause = 0.0, 0.0, 1.0
        self.has_ended = False
        """Whether it ended by itself at least once."""

    def look(self) -> bool:
        """Starts the process unless it runs; whether it did. One that ended is told of, and waits longer each time."""
        now = time.monotonic()
        if self._process and (code := self._process.poll()) is not None:
            self._process, self.has_ended = None, True
            self._pause = 1.0 if now - self._started_at > LONG_LIFE_SECONDS else self._pause * 2
            self._due = now + min(self._pause, LONGEST_PAUSE_SECONDS)
            _logger.warning("%s ended (exit code %d) and is started again. The runs under way go on.", self._what, code)
        if self._process or now < self._due:
            return False
        self._started_at = now
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
        """Closes its standard input, gives it `after` seconds to end, then asks twice, with a grace, before it is killed."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        ends = ((after, signal.SIGTERM), (STOP_SECONDS, signal.SIGTERM), (STOP_SECONDS, signal.SIGKILL))
        for seconds, number in ends:
            try:
                self._process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                self._process.send_signal(number)
        self._process.wait()


class Service:
    """One worker: what it waits for, the processes it keeps, and whether it is ready."""

    def __init__(self, settings: Settings, client: SyncPrefectClient, name: str, pool: str) -> None:
        self._settings, self._client, self._name, self._pool = settings, client, name, pool
        self._stop = threading.Event()
        self._said: str | None = None
        self._answered_at = float("-inf")
        self._heartbeat: object = None
        self._is_online = False

    def serve(self) -> None:
        """Serves until SIGTERM or SIGINT, then lets the runs under way finish for as long as the settings say."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: self._stop.set())
        # A Prefect server that is away makes the worker not ready, never unhealthy: a restart would end the runs under way.
        where = (self._settings.metrics_host, self._settings.worker_health_port)

        def is_ready() -> bool:
            return self._is_online and time.monotonic() - self._answered_at < SILENT_SECONDS

        with probes("worker", "TENANTATLAS_WORKER_HEALTH_PORT", *where, is_ready):
            url, is_as_new, pool = own_url(self._settings, "worker"), False, None
            # Runs wait better in the queue than they fail on a schema that is older than this version.
            while not is_as_new and not self._stop.is_set():
                try:
                    verify_schema(url, migration_folders())
                    is_as_new = True
                except (UnavailableError, StoreError) as problem:
                    self._say(f"No run is taken for now: {problem}")
                    self._stop.wait(1)
            while pool is None and not self._stop.wait(LOOK_SECONDS):
                pool = self._ask()
            if pool is not None:
                self._keep(worker_type(pool.type))

    def _say(self, problem: str | None) -> None:
        if problem != self._said:
            _logger.warning(problem or "Prefect's server answers.")
        self._said = problem

    def _ask(self) -> WorkPool | None:
        """The work pool. None, after one sentence in the log, while Prefect's server or the pool is not there."""
        try:
            pool = self._client.read_work_pool(self._pool)
            found = self._client.read_workers_for_work_pool(self._pool)
        except ObjectNotFound:
            return self._say(f"Waits for the work pool {self._pool!r}: make it with `tenantatlas deploy`.")
        except Exception as problem:
            return self._say(f"Waits for Prefect's server ({type(problem).__name__}). The runs under way go on.")
        self._say(None)
        self._answered_at = time.monotonic()
        beat = next((worker.last_heartbeat_time for worker in found if worker.name == self._name), None)
        if beat != self._heartbeat:
            self._heartbeat, self._is_online = beat, True
        return pool

    def _keep(self, kind: str) -> None:
        settings, environment = self._settings, stock_environment(kind, self._settings)
        try:
            settings.home.mkdir(parents=True, exist_ok=True)
            path = choose_socket_directory(settings.home, owner=None) / f"w{os.getpid()}.sock"
        except (OSError, UnavailableError) as problem:
            raise BadInputError(f"The worker has no place for its socket: {problem}") from problem
        parent = None
        if kind == PROCESS:
            forking = [sys.executable, "-P", "-m", "deployments.orchestration.warm.parent", str(path)]
            parent = KeptProcess("The warm parent", forking, environment, outlives=True)
            environment = environment | fork_environment(path, settings)
        command = [sys.executable, "-m", "prefect", "worker", "start", "--name", self._name, "--pool", self._pool]
        command += ["--type", kind, "--limit", str(settings.worker_limit), "--prefetch-seconds", "0"]
        command += ["--install-policy", "never"]
        worker = KeptProcess("Prefect's worker", command, environment, outlives=False)
        asked_at, announced, self._is_online = 0.0, False, False
        while not self._stop.wait(LOOK_SECONDS):
            if parent:
                parent.look()
            # The first runs would start slowly without it. A parent that cannot start is not waited for.
            if (announced or parent is None or path.exists() or parent.has_ended) and worker.look():
                self._is_online = False
            if time.monotonic() - asked_at > (ASK_SECONDS if self._is_online else 0):
                asked_at, _ = time.monotonic(), self._ask()
            if self._is_online and not announced:
                announce_ready()
                announced = True
        worker.stop(after=0)
        if parent:
            parent.stop(after=settings.worker_drain_seconds)
        path.unlink(missing_ok=True)


def stock_environment(kind: str, settings: Settings) -> dict[str, str]:
    """The variables of Prefect's worker: this process's, and how often it asks. All of them go on to each job.

    A container has none of this machine's files, and a flow run told of our file of one authority would end at its first
    client. A file that somebody named on purpose is theirs, and stays.
    """
    present, told = get_current_settings(), dict(os.environ)
    if "query_seconds" not in present.worker.model_fields_set:
        told["PREFECT_WORKER_QUERY_SECONDS"] = str(settings.worker_poll_seconds)
    if "server_version_check_enabled" not in present.client.model_fields_set:
        # Each flow run's clients would ask once more what this process knows already.
        told["PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED"] = "false"
    if "retry_extra_codes" not in present.client.model_fields_set:
        # A server whose database is away may answer so, which by default ends the worker in seconds.
        told["PREFECT_CLIENT_RETRY_EXTRA_CODES"] = "500,504"
    if kind != PROCESS and present.api.ssl_cert_file == str(one_authority_file(settings.home)):
        told.pop("PREFECT_API_SSL_CERT_FILE", None)
    return told


def fork_environment(path: Path, settings: Settings) -> dict[str, str]:
    """What `work_pools.COMMAND` reads: the interpreter, the client and the socket of the parent; and the memory limit."""
    return {
        "TENANTATLAS_PYTHON": sys.executable,
        "TENANTATLAS_FORK_CLIENT": fork_client.__file__,
        fork_client.SOCKET: str(path),
        flow_process.MEMORY: str(settings.flow_memory_mb),
    }
