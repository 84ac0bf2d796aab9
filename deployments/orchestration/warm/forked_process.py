"""A flow run's process as the worker sees it: its end, and signals to it and to whatever it started."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field

import anyio
import psutil

END_UNKNOWN = 1
"""The exit code of a process of which only the end can be seen."""

STOP_GRACE_SECONDS = 10.0
LOOK_SECONDS = 0.5


@dataclass
class ForkedProcess:
    """A flow run's process, as much of it as Prefect's runner asks about. `returncode` is None while it runs."""

    pid: int
    returncode: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, exit_code: int) -> None:
        """Records how the process ended and wakes whoever waits for it."""
        self.returncode = exit_code
        self.ended.set()

    def signal(self, number: int) -> None:
        """Sends a signal to the process and to what it started. ProcessLookupError when nothing of it is left."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            if self.returncode is not None:
                raise
            # It was told of the moment it was forked, some milliseconds before it makes a group of its own. Until then it
            # has started nothing, so that its own id reaches all of it.
            os.kill(self.pid, number)

    async def stop(self) -> None:
        """Ends it if it still runs: SIGTERM, and SIGKILL when it is still there after the grace."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.returncode is not None:
                return
            with suppress(ProcessLookupError):
                self.signal(number)
            with anyio.move_on_after(STOP_GRACE_SECONDS):
                await self.ended.wait()


class ProcessTree:
    """What Prefect's runner ends when it ends a run: the process and what it started."""

    wait_after_graceful_kill = True

    def __init__(self, process: ForkedProcess) -> None:
        self._process = process

    def is_alive(self, pid: int) -> bool:
        """Whether anything of it is left."""
        try:
            self._process.signal(0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def graceful_kill(self, pid: int) -> None:
        """Asks all of it to end."""
        self._process.signal(signal.SIGTERM)

    def hard_kill(self, pid: int) -> None:
        """Ends all of it."""
        self._process.signal(signal.SIGKILL)

    def close(self) -> None:
        """Nothing is held."""


def watch_orphan(forked: ForkedProcess) -> None:
    """Waits for a process that is not our child. How it ended cannot be known any more, so it counts as an error; if
    the engine reported a final state before that, Prefect's receipt says so and the code is not looked at."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(forked.pid)
    except ProcessLookupError:
        forked.end(END_UNKNOWN)
        return
    except OSError:
        # No descriptor to be had, or a sandbox that does not know the call: it still runs, and is looked at.
        _look_at(forked, loop)
        return

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        forked.end(END_UNKNOWN)

    loop.add_reader(descriptor, ended)


def _look_at(forked: ForkedProcess, loop: asyncio.AbstractEventLoop) -> None:
    if _is_running(forked.pid):
        loop.call_later(LOOK_SECONDS, _look_at, forked, loop)
    else:
        forked.end(END_UNKNOWN)


def _is_running(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        # In a container nobody may collect an orphan's end: a zombie is over.
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
