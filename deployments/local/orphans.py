"""Finds and ends what a local stack left behind: its processes by a mark in the environment they inherit, and its database.

Run as `python -m deployments.local.orphans HOME` it does so when the supervisor is killed. It holds the reading end of a
pipe whose other end only the supervisor has. A supervisor that ends in order says so first; when the pipe closes without a
word, it was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from deployments.local.embedded_database import EmbeddedDatabase

MARK = "TENANTATLAS_STACK"
FAREWELL = b"done"

STOP_GRACE_SECONDS = 10.0


def marked_environment(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the mark of this home's stack added."""
    return {**environment, MARK: str(home)}


def marked_processes(home: Path) -> list[psutil.Process]:
    """Every live process that carries the mark of this home, children forked from a warm parent included.

    The calling process and the ones it descends from are left out, so that a stack can be stopped from inside another.
    Processes whose environment may not be read belong to another user and are not ours.
    """
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        if process.pid in ours:
            continue
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def sweep(home: Path, grace_seconds: float = STOP_GRACE_SECONDS) -> int:
    """Ends every process with this home's mark, first asked, then killed; how many there were.

    Repeats until none is left, because a process may start another while it is being looked for.
    """
    ended: set[int] = set()
    while processes := marked_processes(home):
        ended.update(process.pid for process in processes)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(processes, timeout=grace_seconds)
        for process in stubborn:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=grace_seconds)
        grace_seconds = min(grace_seconds, 1.0)
    return len(ended)


def end_orphans(home: Path) -> bool:
    """Ends every process with this home's mark, and the embedded database unless someone else uses it; whether any was."""
    swept = sweep(home)
    database = EmbeddedDatabase(home)
    left = database.pid() is not None
    if left:
        # Entering and leaving stops the server unless someone else uses it.
        with database:
            pass
    return swept > 0 or left


class Reaper:
    """The supervisor's side: start it first, dismiss it last."""

    def __init__(self, home: Path) -> None:
        reading, self._writing = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "deployments.local.orphans", str(home)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reading)

    def dismiss(self) -> None:
        """Lets the reaper end without doing anything."""
        os.write(self._writing, FAREWELL)
        os.close(self._writing)
        self._process.wait()


def main() -> None:
    """Waits for the supervisor's end, and cleans up unless it said farewell."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() != FAREWELL:
        end_orphans(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
