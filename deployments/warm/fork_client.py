"""The worker's side of the warm parent: start it, ask it to fork a flow run, learn how that ended."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from dataclasses import dataclass, field

import orjson

from deployments.warm.fork_server import PACKET_BYTES

READY_DEADLINE_SECONDS = 120

_logger = logging.getLogger("deployments.warm.fork_client")


class WarmParentError(RuntimeError):
    """The warm parent could not be started or died before it forked the run."""


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


class WarmParent:
    """One running warm parent. It accepts runs until it is retired, and lives until its last run has ended."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self._process = process
        self._channel = channel
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._starting: dict[str, asyncio.Future[ForkedProcess]] = {}
        self._running: dict[str, ForkedProcess] = {}
        self._retired = False
        self.alive = True
        asyncio.get_running_loop().add_reader(channel, self._receive)

    @classmethod
    async def start(cls, environment: dict[str, str]) -> WarmParent:
        """A parent with these variables that has imported everything.

        Raises `WarmParentError` if it dies or is not ready in two minutes.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * PACKET_BYTES)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "deployments.warm.fork_server",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        parent = cls(process, ours)
        try:
            await asyncio.wait_for(asyncio.shield(parent._ready), READY_DEADLINE_SECONDS)
        except TimeoutError as late:
            parent.retire()
            process.kill()
            raise WarmParentError(f"The warm parent was not ready within {READY_DEADLINE_SECONDS} seconds.") from late
        return parent

    @property
    def pid(self) -> int:
        """The parent's own process id."""
        return self._process.pid

    async def fork(self, run: str, *, environment: dict[str, str], directory: str, memory_mb: int) -> ForkedProcess:
        """The process of a flow run just started. Raises `WarmParentError` if the parent died instead."""
        if not self.alive:
            raise WarmParentError("The warm parent has ended.")
        started: asyncio.Future[ForkedProcess] = asyncio.get_running_loop().create_future()
        self._starting[run] = started
        request = {"run": run, "environment": environment, "directory": directory, "memory_mb": memory_mb}
        try:
            await asyncio.get_running_loop().sock_sendall(self._channel, orjson.dumps(request))
        except OSError as problem:
            self._starting.pop(run, None)
            raise WarmParentError(f"The warm parent does not take requests: {problem}.") from problem
        return await started

    def retire(self) -> None:
        """Takes no more runs; the parent ends by itself after its last one."""
        self._retired = True
        if not self._starting and not self._running:
            self._close()

    async def wait(self) -> None:
        """Returns once the parent process has ended."""
        await self._process.wait()

    def _receive(self) -> None:
        try:
            packet = self._channel.recv(PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._close()
            return
        message = orjson.loads(packet)
        run = message.get("run")
        if run is None:
            self._ready.set_result(None)
        elif "pid" in message:
            self._running[run] = forked = ForkedProcess(message["pid"])
            if not (started := self._starting.pop(run)).done():
                started.set_result(forked)
        else:
            self._running.pop(run).end(message["exit_code"])
            if self._retired:
                self.retire()

    def _close(self) -> None:
        if not self.alive:
            return
        self.alive = False
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        problem = WarmParentError("The warm parent died before it was ready to run flows.")
        for waiting in (self._ready, *self._starting.values()):
            if not waiting.done():
                waiting.set_exception(problem)
        self._ready.exception() if self._ready.done() and not self._ready.cancelled() else None
        self._starting.clear()
        for run, forked in self._running.items():
            _logger.error("The warm parent died; watching process %d of flow run %s directly.", forked.pid, run)
            _watch_orphan(forked)
        self._running.clear()


def _watch_orphan(forked: ForkedProcess) -> None:
    """Waits for a process that is not our child. How it ended cannot be known any more, so it counts as an error; if
    the engine reported a final state before that, Prefect's receipt says so and the code is not looked at."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(forked.pid)
    except OSError:
        forked.end(1)
        return

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        forked.end(1)

    loop.add_reader(descriptor, ended)
