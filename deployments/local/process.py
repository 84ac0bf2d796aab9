"""One process of the local stack: in a session of its own, logged, watched, restarted, stopped with its children."""

import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployments.local.embedded_database import EmbeddedDatabase
from deployments.local.record import ProcessRecord, record_of
from runstore.errors import UnavailableError

RESTARTS = 5
LOG_BYTES = 5_000_000
READY_FILE = "TENANTATLAS_READY_FILE"


def spawned(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - commands of our own
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run and how to know that it is ready, by the file it then makes for one. `stop_seconds` is what it gets to end."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]
    ready_file: Path | None = None
    ready_seconds: float = 90
    stop_seconds: float = 10


class ManagedProcess:
    """A running `ProcessSpec`. Its output goes to `<logs>/<name>.log`, which the stack keeps small."""

    def __init__(self, spec: ProcessSpec, logs: Path) -> None:
        self.spec = spec
        self.log = logs / f"{spec.name}.log"
        self.state = "starting"
        self._started_at: deque[float] = deque(maxlen=RESTARTS + 1)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        if self.spec.ready_file:
            self.spec.ready_file.unlink(missing_ok=True)
        self._process = spawned(self.spec.command, self.log, self.spec.environment)
        self.state = "starting"
        self._started_at.append(time.monotonic())

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def record(self) -> ProcessRecord:
        return record_of(self.spec.name, self.pid, self.state, max(0, len(self._started_at) - 1))

    def check(self) -> None:
        """Looks at the process once: sets `state`, or raises UnavailableError if it ended or is overdue."""
        if self.exit_code is not None:
            raise UnavailableError(
                f"The {self.spec.name} ended while starting (exit code {self.exit_code}): {self.last_words()} "
                f"Its log is {self.log}."
            )
        if self.state == "starting" and self.spec.is_ready():
            self.state = "running"
        elif self.state == "starting" and time.monotonic() - self._started_at[-1] > self.spec.ready_seconds:
            raise UnavailableError(
                f"The {self.spec.name} was not ready within {self.spec.ready_seconds:.0f} seconds. Its log is {self.log}."
            )

    def revive(self) -> str | None:
        """Starts the process again if it has ended: one sentence then. One that keeps ending is left alone as `failed`."""
        if self.exit_code is None:
            self.state = "running" if self.state == "running" or self.spec.is_ready() else self.state
        elif self.state != "failed":
            recent = [at for at in self._started_at if time.monotonic() - at < 60]
            if len(recent) > RESTARTS:
                self.state = "failed"
                return f"The {self.spec.name} keeps ending and is left alone; its log is {self.log}"
            try:
                self.start()
            except UnavailableError as problem:
                return f"The {self.spec.name} ended: {problem}"
            return f"The {self.spec.name} ended and was started again; its log is {self.log}"
        return None

    def stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(self.spec.stop_seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.state = "stopped"

    def last_words(self) -> str:
        with suppress(OSError):
            lines = self.log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
            if last := "".join(character for character in (lines or [""])[-1] if character.isprintable()):
                return f"{last[:300].rstrip('.')}."
        return "it said nothing."


class ManagedDatabase(ManagedProcess):
    """The embedded database, which runs already and is watched and started again as a process is."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self._database, self._pid = database, 0
        spec = ProcessSpec("database", (), {}, is_ready=lambda: database.pid() is not None)
        super().__init__(spec, database.directory)
        self.log = database.log

    @property
    def pid(self) -> int:
        self._pid = self._database.pid() or self._pid
        return self._pid

    @property
    def exit_code(self) -> int | None:
        return 0 if self._database.pid() is None else None

    def start(self) -> None:
        self._started_at.append(time.monotonic())
        self.state = "stopped"
        self._database.revive()
        self.state = "running"


def rotate(log: Path) -> bool:
    """Moves more than LOG_BYTES of a log to `<log>.1`; whether it did. A line written at this moment is lost."""
    with suppress(OSError):
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
            return True
    return False


def announce_ready() -> None:
    """Says that this process is ready, if the process that started it asked for that."""
    if path := os.environ.get(READY_FILE):
        Path(path).touch()
