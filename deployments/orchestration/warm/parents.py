"""The warm parent that runs are forked from, and its successor whenever the code or the settings on disk change."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import TracebackType

import anyio

from deployments.orchestration.warm.code_version import CHECK_SECONDS, CodeVersion
from deployments.orchestration.warm.configuration import prefect_variables, read_prefect_settings_anew
from deployments.orchestration.warm.flow_process import Request
from deployments.orchestration.warm.fork_client import ParentEndedError, WarmParent, WarmParentError
from deployments.orchestration.warm.forked_process import STOP_GRACE_SECONDS, ForkedProcess
from deployments.settings import SettingsError, env_file_path, reload_env_file
from deployments.version import installed_version

TRY_AGAIN_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0

# The server whose runs these are, for the worker and its runs alike.
KEPT = ("PREFECT_API_URL",)

_logger = logging.getLogger("deployments.orchestration.warm")


class OutdatedWorkerError(WarmParentError):
    """Another version is installed than the one this worker runs; restart it."""


class Parents:
    """Forks flow runs, always from a parent that works: a successor takes over once it is ready, and not before.

    A parent imports what is on disk, so none is started while another release than the worker's is installed there: its
    flows might need a newer schema than there is. `outdated` is set when there is no parent left and none may be started.
    """

    def __init__(self, start: Callable[[Mapping[str, str]], Awaitable[WarmParent]] = WarmParent.start) -> None:
        self._start = start
        self.outdated = anyio.Event()
        self._release = installed_version()
        self._code = CodeVersion(extra=[env_file_path()])
        self._lock = anyio.Lock()
        self._current: WarmParent | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._said = ""

    async def __aenter__(self) -> Parents:
        """Starts the first parent; WarmParentError when that is not possible."""
        await self._living()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets the parents go, each of which ends after its last run."""
        with anyio.CancelScope(shield=True):
            if self._keeper is not None:
                self._keeper.cancel()
                with suppress(asyncio.CancelledError):
                    await self._keeper
            self._let_go(self._current)
            self._current = None
            with anyio.move_on_after(STOP_GRACE_SECONDS):
                await asyncio.gather(*self._leaving)

    async def fork(self, request: Request) -> ForkedProcess:
        """A new process for a flow run. WarmParentError when there is none to be had now.

        A parent found dead is replaced once.
        """
        try:
            return await (await self._living()).fork(request)
        except ParentEndedError:
            return await (await self._living()).fork(request)

    async def _living(self) -> WarmParent:
        if self._current is not None and self._current.alive:
            return self._current
        async with self._lock:
            if self._current is not None and self._current.alive:
                return self._current
            started = await self._started()
            if self._current is not None and self._current.alive:
                # One of newer code has taken the place meanwhile.
                self._let_go(started)
                return self._current
            self._let_go(self._current)
            self._current = started
            return started

    async def _started(self) -> WarmParent:
        # Asked anew: what is on disk may no longer be what this process began with.
        self._refuse_another_release(installed_version.__wrapped__())
        # Spelled as its children's variables are, so that they need not read Prefect's settings anew.
        parent = await self._start({**os.environ, **prefect_variables()})
        try:
            # It may have been installed while the parent was importing.
            self._refuse_another_release(parent.release)
        except OutdatedWorkerError:
            parent.retire()
            raise
        return parent

    def _refuse_another_release(self, found: str) -> None:
        if found != self._release:
            raise OutdatedWorkerError(
                f"Version {found} is installed and this worker is {self._release}: restart it to run the new one's flows."
            )

    async def _keep(self) -> None:
        """Notices a change or a death by itself, not when the next run needs the parent."""
        due, not_before, pause = False, 0.0, TRY_AGAIN_SECONDS
        while True:
            await anyio.sleep(CHECK_SECONDS)
            try:
                if self._code.changed():
                    due, not_before, pause = True, 0.0, TRY_AGAIN_SECONDS
                    self._read_settings()
                if anyio.current_time() < not_before:
                    continue
                await (self._replace() if due else self._living())
                due, pause, self._said = False, TRY_AGAIN_SECONDS, ""
            except Exception as problem:
                not_before, pause = anyio.current_time() + pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
                self._say(problem)
                if isinstance(problem, OutdatedWorkerError) and not (self._current and self._current.alive):
                    self.outdated.set()

    async def _replace(self) -> None:
        _logger.info("The code or the settings changed; starting a new warm parent.")
        successor = await self._started()
        # Runs are forked from the old one until here: an import takes seconds, and may fail.
        self._let_go(self._current)
        self._current = successor

    def _let_go(self, parent: WarmParent | None) -> None:
        if parent is None:
            return
        parent.retire()
        leaving = asyncio.create_task(parent.wait())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _read_settings(self) -> None:
        try:
            reload_env_file(keep=KEPT, check=read_prefect_settings_anew)
        except SettingsError as problem:
            _logger.error("The settings stay as they were: %s", problem)

    def _say(self, problem: Exception) -> None:
        going_on = " Runs go on with the code as it was." if self._current and self._current.alive else ""
        sentence = f"{problem}{going_on}" if isinstance(problem, WarmParentError) else ""
        if not sentence:
            _logger.exception("The warm parent is not looked after for a moment.")
        elif sentence != self._said:
            _logger.error("%s", sentence)
        self._said = sentence
