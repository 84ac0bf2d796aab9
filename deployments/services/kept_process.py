"""A process that the worker starts again whenever it ends by itself."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

LONGEST_PAUSE_SECONDS = 30.0
LONG_LIFE_SECONDS = 60.0
DIE_WITH_PARENT = 1  # Linux's PR_SET_PDEATHSIG

_libc = ctypes.CDLL(None)
_logger = logging.getLogger("deployments.worker")


class KeptProcess:
    """Runs a command. With `outlives`, the process goes on when ours is killed; its standard input closes then."""

    def __init__(self, what: str, command: Sequence[str], environment: Mapping[str, str], *, outlives: bool) -> None:
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
            env=dict(self._environment),
            stdin=subprocess.PIPE if self._outlives else subprocess.DEVNULL,
            # A terminal's Ctrl-C is for the worker alone, which then ends its processes in order.
            process_group=0,
            preexec_fn=None if self._outlives else _die_with_parent,
        )
        return True

    def stop(self, *, after: float, grace: float) -> None:
        """Closes its standard input, gives it `after` seconds to end, then asks twice, with a grace, before it is killed."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        for seconds, number in ((after, signal.SIGTERM), (grace, signal.SIGTERM), (grace, signal.SIGKILL)):
            try:
                self._process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                os.kill(self._process.pid, number)
        self._process.wait()


def _die_with_parent() -> None:
    _libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)
