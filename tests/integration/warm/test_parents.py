"""When a warm parent is replaced, when it is not, and what the runs get meanwhile."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import flows
from deployments.orchestration.warm import parents
from deployments.orchestration.warm.configuration import prefect_variables, read_prefect_settings_anew
from deployments.orchestration.warm.flow_process import Request
from deployments.orchestration.warm.parents import OutdatedWorkerError, Parents
from deployments.settings import load_settings
from tests.support.script_parent import NO_FORK, SCRIPT, ScriptParent
from tests.support.stack import environment

DEADLINE_SECONDS = 60
PRINTS_SECRETS = """
import os
with open(os.environ["OUT"], "w") as out:
    out.write(" ".join(f"{name}={os.environ.get(name)}" for name in ("AZURE_CLIENT_SECRET", "AZURE_TENANT_ID")))
"""
MARKER = "REALLY_FROM_THE_ENVIRONMENT"


@dataclass
class Watched:
    """Parents that are kept, and the files they are kept by."""

    parents: Parents
    folder: Path

    @property
    def env_file(self) -> Path:
        return self.folder / "home" / ".env"

    @property
    def flow(self) -> Path:
        """A producer's flow."""
        return self.folder / "path" / "flows" / "tried" / "flow.py"

    @property
    def pid(self) -> int | None:
        """The parent that runs are forked from."""
        return None if self.parents._current is None else self.parents._current.pid

    async def run(self, script: str) -> str:
        """What a run writes, with the worker's variables of this moment."""
        out = self.folder / "out"
        file = self.folder / f"{abs(hash(script))}.py"
        file.write_text(script)
        told = {**os.environ, **prefect_variables(), SCRIPT: str(file), "OUT": str(out)}
        forked = await self.parents.fork(Request(run="run", environment=told, directory=str(self.folder)))
        await forked.ended.wait()
        assert forked.returncode == 0
        return out.read_text() if out.exists() else ""


@asynccontextmanager
async def watched(folder: Path) -> AsyncGenerator[Watched]:
    async with Parents(ScriptParent.start) as kept:
        yield Watched(kept, folder)


async def until(probe: Callable[[], Any]) -> None:
    while not probe():
        await asyncio.sleep(0.05)


def waits(begun: Path, release: Path) -> str:
    """Code that notes that it has begun and goes on when it may."""
    return (
        f"import os, time\nopen({str(begun)!r}, 'w').close()\n"
        f"while not os.path.exists({str(release)!r}): time.sleep(0.01)\n"
    )


def timely(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, DEADLINE_SECONDS))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A home with a `.env`, and a producer; the parents look often."""
    monkeypatch.setattr(parents, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(parents, "TRY_AGAIN_SECONDS", 0.5)
    producer = tmp_path / "path" / "flows" / "tried"
    producer.mkdir(parents=True)
    (producer.parent / "__init__.py").write_text(Path(str(flows.__file__)).read_text())
    for name in ("__init__.py", "operation.py", "flow.py"):
        (producer / name).write_text("")
    monkeypatch.setattr(flows, "__path__", [*flows.__path__, str(producer.parent)])
    home = tmp_path / "home"
    home.mkdir()
    (home / ".env").write_text("AZURE_CLIENT_SECRET=old\nAZURE_TENANT_ID=of-the-file\n")
    told = {
        "TENANTATLAS_HOME": str(home),
        "AZURE_TENANT_ID": "of-the-environment",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(producer.parents[1]), os.environ.get("PYTHONPATH")])),
        NO_FORK: str(tmp_path / "no-fork"),
    }
    with environment(told):
        load_settings()
        yield tmp_path
    read_prefect_settings_anew()


def test_changed_code_is_run_by_a_new_parent_and_what_is_under_way_ends_on_the_old_one(folder: Path) -> None:
    async def changed() -> None:
        async with watched(folder) as kept:
            first = psutil.Process(kept.pid)
            begun, release = folder / "begun", folder / "release"
            waiting = asyncio.create_task(kept.run(waits(begun, release)))
            await until(begun.exists)
            kept.flow.write_text("CHANGED = True")
            await until(lambda: kept.pid != first.pid)
            said = "import flows.tried.flow, os\nopen(os.environ['OUT'], 'w').write(str(flows.tried.flow.CHANGED))"
            assert await kept.run(said) == "True"
            assert first.is_running()
            release.touch()
            await waiting
            await until(lambda: not first.is_running())

    timely(changed())


def test_a_changed_env_file_reaches_the_next_run_and_not_what_the_environment_says(folder: Path) -> None:
    async def changed() -> None:
        async with watched(folder) as kept:
            assert await kept.run(PRINTS_SECRETS) == "AZURE_CLIENT_SECRET=old AZURE_TENANT_ID=of-the-environment"
            kept.env_file.write_text("AZURE_CLIENT_SECRET=renewed\nAZURE_TENANT_ID=of-the-file-too\n")
            await until(lambda: os.environ["AZURE_CLIENT_SECRET"] != "old")
            assert await kept.run(PRINTS_SECRETS) == "AZURE_CLIENT_SECRET=renewed AZURE_TENANT_ID=of-the-environment"
            kept.env_file.unlink()
            await until(lambda: "AZURE_CLIENT_SECRET" not in os.environ)
            assert await kept.run(PRINTS_SECRETS) == "AZURE_CLIENT_SECRET=None AZURE_TENANT_ID=of-the-environment"

    timely(changed())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"AZURE_CLIENT_SECRET=\xff\xfe\n", "UTF-8"),
        (b"AZURE_CLIENT_SECRET=new\nTENANTATLAS_WORKER_LIMIT=hunter2\n", "TENANTATLAS_WORKER_LIMIT"),
        (b"AZURE_CLIENT_SECRET=new\nPREFECT_LOGGING_LEVEL=hunter2\n", "LoggingSettings.level"),
    ],
)
def test_an_env_file_that_cannot_be_used_changes_nothing_and_is_told_of_once(
    folder: Path, caplog: pytest.LogCaptureFixture, content: bytes, said: str
) -> None:
    async def spoilt() -> None:
        async with watched(folder) as kept:
            kept.env_file.write_bytes(content)
            await until(lambda: failures(caplog))
            assert await kept.run(PRINTS_SECRETS) == "AZURE_CLIENT_SECRET=old AZURE_TENANT_ID=of-the-environment"

    timely(spoilt())
    assert [said in line and "hunter2" not in line for line in failures(caplog)] == [True]


def test_code_that_cannot_be_imported_leaves_the_old_parent_at_work(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        async with watched(folder) as kept:
            first = kept.pid
            kept.flow.write_text("import os\nos._exit(3)")
            await until(lambda: len(failures(caplog)) == 1)
            assert kept.pid == first
            assert await kept.run("") == ""
            kept.flow.write_text("")
            await until(lambda: kept.pid != first)

    timely(broken())
    assert len(failures(caplog)) == 1
    assert "go on with the code as it was" in failures(caplog)[0]


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_run_is_forked_from_the_old_parent_while_the_new_one_imports(folder: Path) -> None:
    async def slow() -> None:
        async with watched(folder) as kept:
            first = kept.pid
            begun, release = folder / "begun", folder / "go-on"
            kept.flow.write_text(waits(begun, release))
            await until(begun.exists)
            await kept.run("")
            assert kept.pid == first
            release.touch()
            await until(lambda: kept.pid != first)

    timely(slow())


def test_a_producer_that_ends_the_interpreter_when_imported_does_not_end_the_parent(folder: Path) -> None:
    async def exits() -> None:
        (folder / "path" / "flows" / "tried" / "flow.py").write_text("raise SystemExit(3)")
        async with watched(folder) as kept:
            await kept.run("")

    timely(exits())


def test_a_parent_that_dies_is_replaced(folder: Path) -> None:
    async def dies() -> None:
        async with watched(folder) as kept:
            first = kept.pid
            os.kill(first, signal.SIGKILL)
            await kept.run("")
            assert kept.pid != first
            second = kept.pid
            os.kill(second, signal.SIGKILL)
            await until(lambda: kept.pid not in (second, None))

    timely(dies())


def test_no_parent_is_started_from_another_release_than_the_workers(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def install(release: str) -> None:
        place = folder / "path" / f"tenantatlas-{release}.dist-info"
        place.mkdir()
        (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tenantatlas\nVersion: {release}\n")

    async def upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
        async with watched(folder) as kept:
            first = kept.pid
            monkeypatch.syspath_prepend(str(folder / "path"))
            install("99.0")
            kept.flow.write_text("CHANGED = True")
            await until(lambda: failures(caplog))
            assert await kept.run("import flows.tried.flow as flow\nassert not hasattr(flow, 'CHANGED')") == ""
            assert kept.pid == first
            assert not kept.parents.outdated.is_set()
            os.kill(first, signal.SIGKILL)
            with pytest.raises(OutdatedWorkerError, match=r"99\.0"):
                await until(lambda: not psutil.pid_exists(first))
                await kept.run("")
            await kept.parents.outdated.wait()

    with pytest.MonkeyPatch.context() as monkeypatch:
        timely(upgraded(monkeypatch))
    assert len(failures(caplog)) == 2  # with the old parent at work, and without any


def test_a_release_that_is_installed_while_a_parent_imports_is_not_taken(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def meanwhile() -> None:
        async with watched(folder) as kept:
            first = kept.pid
            # On the successor's path and not on the worker's, as if it had come later.
            place = folder / "path" / "tenantatlas-99.0.dist-info"
            place.mkdir()
            (place / "METADATA").write_text("Metadata-Version: 2.1\nName: tenantatlas\nVersion: 99.0\n")
            kept.flow.write_text("CHANGED = True")
            await until(lambda: failures(caplog))
            assert kept.pid == first

    timely(meanwhile())


def test_of_two_parents_started_at_once_one_is_let_go(folder: Path) -> None:
    """A run that found its parent dead starts one, while the code has changed and a successor is started for that."""
    begun, started = [asyncio.Event(), asyncio.Event()], list[ScriptParent]()

    async def start(environment: Any) -> ScriptParent:
        number = len(started)
        started.append(parent := await ScriptParent.start(environment))
        await begun[number].wait()
        return parent

    async def watch() -> None:
        for event in begun:
            event.clear()
        kept = Parents(start)
        wanted = asyncio.create_task(kept._living())
        while not started:
            await asyncio.sleep(0.01)
        replaced = asyncio.create_task(kept._replace())
        while len(started) < 2:
            await asyncio.sleep(0.01)
        begun[1].set()
        await replaced
        begun[0].set()
        assert await wanted is started[1], "the one of newer code"
        await started[0].wait()
        await kept.__aexit__(None, None, None)

    timely(watch())
