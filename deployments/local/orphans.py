"""Finds and ends what a local stack left behind: its processes by a mark in the environment they inherit, and its database.

As `python -m deployments.local.orphans HOME` it does so when a pipe, whose other end only the supervisor has, closes
without a word: then that was killed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from deployments.local.embedded_database import EmbeddedDatabase

MARK = "TENANTATLAS_STACK"
"""The variable in which every process of a stack, and what it starts, has the stack's home."""
FAREWELL = b"done"


def marked_processes(home: Path) -> list[psutil.Process]:
    """Every live process with the mark of this home but this one and those it descends from."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            is_marked = process.pid not in ours and process.environ().get(MARK) == str(home)
            found += [process] if is_marked and process.status() != psutil.STATUS_ZOMBIE else []
    return found


def sweep(home: Path) -> int:
    """Ends every process with this home's mark, first asked, then killed; how many there were."""
    ended: set[int] = set()
    grace = 10.0
    while processes := marked_processes(home):
        ended.update(process.pid for process in processes)
        for end in (psutil.Process.terminate, psutil.Process.kill):
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    end(process)
            _, processes = psutil.wait_procs(processes, timeout=grace)
        grace = 1.0
    return len(ended)


def end_orphans(home: Path) -> bool:
    """Ends every process with this home's mark, and the embedded database unless someone else uses it; whether any was."""
    swept = sweep(home)
    database = EmbeddedDatabase(home)
    if database.pid() is None:
        return swept > 0
    # Entering and leaving stops the server unless someone else uses it.
    with database:
        return True


@contextmanager
def reaper(home: Path) -> Generator[None]:
    """The supervisor's side: enter it first, leave it last."""
    reading, writing = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "deployments.local.orphans", str(home)],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(reading)
    try:
        yield
    finally:
        os.write(writing, FAREWELL)
        os.close(writing)
        process.wait()


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    if sys.stdin.buffer.read() != FAREWELL:
        end_orphans(Path(sys.argv[1]))
