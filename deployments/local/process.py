"""One process of the local stack: in a session of its own, logged, watched, restarted, stopped with its children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployments.local.record import ProcessRecord, record_of
from runstore.errors import UnavailableError

RESTARTS = 5
RESTART_WINDOW_SECONDS = 60.0


class ProcessFailedError(UnavailableError):
    """A process of the stack did not come up."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run and how to know that it is ready. `stop_seconds` is what it gets to end in order."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]
    before_start: Callable[[], None] = lambda: None
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
        """The process id of the process last started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts the process, again if it ended before."""
        self.spec.before_start()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - commands of our own
                list(self.spec.command),
                env=dict(self.spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.state = "starting"
        self._started_at.append(time.monotonic())

    @property
    def exit_code(self) -> int | None:
        """How the process ended, or None while it runs."""
        return None if self._process is None else self._process.poll()

    def record(self) -> ProcessRecord:
        """What `status` shows of it."""
        return record_of(self.spec.name, self.pid, self.state, max(0, len(self._started_at) - 1))

    def check(self) -> None:
        """Looks at the process once: sets `state`, or raises `ProcessFailedError` if it ended or is overdue."""
        if self.exit_code is not None:
            raise ProcessFailedError(
                f"The {self.spec.name} ended while starting (exit code {self.exit_code}): {self.last_words()} "
                f"Its log is {self.log}."
            )
        if self.state == "starting" and self.spec.is_ready():
            self.state = "running"
        elif self.state == "starting" and time.monotonic() - self._started_at[-1] > self.spec.ready_seconds:
            raise ProcessFailedError(
                f"The {self.spec.name} was not ready within {self.spec.ready_seconds:.0f} seconds. "
                f"Its log is {self.log}."
            )

    def revive(self) -> bool:
        """Starts the process again if it has ended; whether it did. One that keeps ending is left alone as `failed`."""
        if self.exit_code is None or self.state == "failed":
            return False
        recent = [at for at in self._started_at if time.monotonic() - at < RESTART_WINDOW_SECONDS]
        if len(recent) > RESTARTS:
            self.state = "failed"
            return False
        self.start()
        return True

    def stop(self) -> None:
        """Asks the process to end, kills its whole group if it does not, and returns when it has ended."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(self.spec.stop_seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.state = "stopped"

    def last_words(self) -> str:
        """The last line of the log, as text that is safe to show."""
        try:
            lines = self.log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        last = "".join(character for character in (lines[-1] if lines else "") if character.isprintable())
        return f"{last[:300].rstrip('.')}." if last else "it said nothing."
