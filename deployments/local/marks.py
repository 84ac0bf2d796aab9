"""Finds every process of a local stack, however deep, by a mark in the environment they all inherit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "TENANTATLAS_STACK"

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
