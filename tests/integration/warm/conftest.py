"""One warm parent for the tests of a module, and a way to ask it for processes that do what a test says."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from deployments.orchestration.warm.flow_process import Request
from deployments.orchestration.warm.forked_process import ForkedProcess
from tests.support.script_parent import ALL, NO_FORK, SCRIPT, ScriptParent

T = TypeVar("T")

DEADLINE_SECONDS = 60


@dataclass
class Forking:
    """A warm parent and the event loop it is spoken to in."""

    runner: asyncio.Runner
    parent: ScriptParent
    folder: Path
    told: Mapping[str, str]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine answers, in time."""
        return self.runner.run(asyncio.wait_for(work, DEADLINE_SECONDS))

    def request(
        self, script: str, *, run: str = "run", memory_mb: int = 0, directory: Path | None = None, **told: str
    ) -> Request:
        """A request for a process that runs the script, with the parent's variables and those told."""
        file = self.folder / f"{abs(hash(script))}.py"
        file.write_text(textwrap.dedent(script))
        variables = {**self.environment, SCRIPT: str(file), "OUT": str(self.out), **told}
        return Request(run=run, environment=variables, directory=str(directory or self.folder), memory_mb=memory_mb)

    async def ended(self, request: Request) -> int | None:
        """The exit code of a process that was asked for and has ended."""
        forked = await self.parent.fork(request)
        await forked.ended.wait()
        return forked.returncode

    def said(self, script: str, **options: Any) -> str:
        """What a process that ran the script to its end wrote to the file OUT."""
        self.out.unlink(missing_ok=True)
        assert self.run(self.ended(self.request(script, **options))) == 0
        return self.out.read_text()

    @property
    def out(self) -> Path:
        """Where scripts write to."""
        return self.folder / "out"

    @property
    def no_fork(self) -> Path:
        """While this file exists, the system refuses a process."""
        return self.folder / "no-fork"

    @property
    def environment(self) -> dict[str, str]:
        """The parent's variables."""
        return {**os.environ, **self.told, NO_FORK: str(self.no_fork)}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Forking]]:
    """Starts a warm parent; all of them end with the module."""
    folder = tmp_path_factory.mktemp("warm")
    started: list[Forking] = []
    with asyncio.Runner() as runner:

        def one(**told: str) -> Forking:
            environment = {**os.environ, **told, NO_FORK: str(folder / "no-fork")}
            forking = Forking(runner, runner.run(ScriptParent.start(environment)), folder, told)
            started.append(forking)
            return forking

        yield one
        for forking in started:
            forking.parent.retire()
            forking.run(forking.parent.wait())


@pytest.fixture(scope="module")
def forking(start: Callable[..., Forking]) -> Forking:
    """The module's own parent, which has imported everything. A test that ends it starts another one."""
    return start(**{ALL: "yes"})


async def until_gone(process: ForkedProcess) -> int | None:
    """How the process ended."""
    await process.ended.wait()
    return process.returncode
