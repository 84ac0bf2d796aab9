"""The worker's side of the warm parent: start it, ask it to fork a flow run, learn how that ended."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict

from deployments.orchestration.warm.flow_process import Request
from deployments.orchestration.warm.forked_process import ForkedProcess, watch_orphan
from deployments.orchestration.warm.framing import OF_THE_PARENT, Unpacker, packed
from runstore.errors import UnavailableError

READY_DEADLINE_SECONDS = 120

_logger = logging.getLogger("deployments.orchestration.warm.fork_client")


class WarmParentError(UnavailableError):
    """No process can be forked for a flow run now."""


class ParentEndedError(WarmParentError):
    """The warm parent ended before it forked the run; another one may fork it."""


class RequestRefusedError(RuntimeError):
    """The warm parent cannot meet this request, now or later."""


class WarmParent(asyncio.Protocol):
    """One running warm parent. It accepts runs until it is retired, and lives until its last run has ended."""

    module = "deployments.orchestration.warm.fork_server"

    def __init__(self) -> None:
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers = Unpacker()
        self._numbers = itertools.count(OF_THE_PARENT + 1)
        self._starting: dict[int, asyncio.Future[ForkedProcess]] = {}
        self._running: dict[int, ForkedProcess] = {}
        self._process: asyncio.subprocess.Process
        self._channel: asyncio.Transport
        self._retired = False
        self.alive = True
        self.release = ""
        """The version of the product that it imported."""

    @classmethod
    async def start(cls, environment: Mapping[str, str]) -> WarmParent:
        """A parent with these variables that has imported everything.

        Raises `WarmParentError` if it cannot be started, dies, or is not ready in two minutes.
        """
        try:
            parent = await cls._started(environment)
        except (OSError, RuntimeError) as problem:
            # RuntimeError is Python's for a thread that cannot be had; asyncio watches a process in one.
            raise WarmParentError(f"A warm parent cannot be started: {problem}.") from problem
        try:
            await asyncio.wait_for(asyncio.shield(parent._ready), READY_DEADLINE_SECONDS)
        except BaseException as problem:
            parent._channel.abort()
            with suppress(ProcessLookupError):
                parent._process.kill()
            code = await asyncio.shield(parent._process.wait())
            if isinstance(problem, TimeoutError):
                sentence = f"The warm parent was not ready within {READY_DEADLINE_SECONDS} seconds."
            elif isinstance(problem, ParentEndedError):
                sentence = f"The warm parent ended before it had imported everything (exit code {code})."
            else:
                raise
            raise WarmParentError(sentence) from problem
        return parent

    @classmethod
    async def _started(cls, environment: Mapping[str, str]) -> WarmParent:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                _, parent = await asyncio.get_running_loop().create_unix_connection(cls, sock=ours)
            except BaseException:
                ours.close()
                raise
            try:
                parent._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    # Not from the directory the worker happens to be started in: a folder there may be called as ours are.
                    "-P",
                    "-m",
                    cls.module,
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=environment,
                    start_new_session=True,
                )
            except BaseException:
                parent._channel.abort()
                raise
        return parent

    @property
    def pid(self) -> int:
        """The parent's own process id."""
        return self._process.pid

    async def fork(self, request: Request) -> ForkedProcess:
        """The process of a flow run just started.

        Raises `ParentEndedError` if the parent died instead, `WarmParentError` if the system has no room for a process
        now, `RequestRefusedError` if the request makes no sense to the parent.
        """
        if not self.alive:
            raise ParentEndedError
        number = next(self._numbers)
        started: asyncio.Future[ForkedProcess] = asyncio.get_running_loop().create_future()
        self._starting[number] = started
        try:
            # Not awaited: what the socket does not take at once is kept in order and sent when it does.
            self._channel.write(packed(number, asdict(request)))
            return await started
        finally:
            self._starting.pop(number, None)
            if self._retired:
                self.retire()

    def retire(self) -> None:
        """Takes no more runs; the parent ends by itself after its last one."""
        self._retired = True
        if not self._starting and not self._running:
            self._channel.close()

    async def wait(self) -> None:
        """Returns once the parent process has ended."""
        await self._process.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: the socket can be used."""
        assert isinstance(transport, asyncio.Transport)
        self._channel = transport

    def data_received(self, data: bytes) -> None:
        """asyncio's: the parent said something."""
        for number, body in self._answers.feed(data):
            message = json.loads(body)
            if number == OF_THE_PARENT:
                self.release = message["release"]
                if not self._ready.done():
                    self._ready.set_result(None)
            elif "pid" in message:
                self._begun(number, ForkedProcess(message["pid"]))
            elif "exit_code" in message:
                if (forked := self._running.pop(number, None)) is not None:
                    forked.end(message["exit_code"])
            elif (started := self._starting.get(number)) is not None and not started.done():
                busy = message.get("busy")
                started.set_exception(
                    WarmParentError(f"The flow run's process could not be started: {busy}.")
                    if busy
                    else RequestRefusedError(f"The flow run's process could not be started: {message['refused']}.")
                )
        if self._retired:
            self.retire()

    def _begun(self, number: int, forked: ForkedProcess) -> None:
        self._running[number] = forked
        started = self._starting.get(number)
        if started is None or started.done():
            # Whoever asked for it is gone; nobody would look after it.
            with suppress(ProcessLookupError):
                forked.signal(signal.SIGTERM)
        else:
            started.set_result(forked)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: the parent ended, or was let go."""
        self.alive = False
        for waiting in (self._ready, *self._starting.values()):
            if not waiting.done():
                waiting.set_exception(ParentEndedError())
        # Read, so that it is no error nobody asked for: `start` may have been given up meanwhile.
        if not self._ready.cancelled():
            self._ready.exception()
        for forked in self._running.values():
            _logger.error("The warm parent died; process %d of a flow run is watched directly.", forked.pid)
            watch_orphan(forked)
        self._running.clear()
