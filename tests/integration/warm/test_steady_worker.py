"""Trouble with one run does not end the worker, and the run gets its turn."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from prefect.exceptions import InfrastructureNotFound

from deployments.orchestration.warm.configuration import WarmJobConfiguration
from deployments.orchestration.warm.worker import WarmWorker
from tests.support import tried_worker
from tests.support.prefect_double import HANGS_UP, PrefectDouble
from tests.support.script_parent import NO_FORK, SCRIPT
from tests.support.stack import environment, eventually

NOTES_AND_WAITS = """
import os, time
with open(os.path.join(os.environ["NOTES"], os.environ["PREFECT__FLOW_RUN_ID"]), "w") as note:
    note.write(str(os.getpid()))
while not os.path.exists(os.path.join(os.environ["NOTES"], "finish")):
    time.sleep(0.01)
"""


@dataclass
class Tried:
    """A worker that serves a double of Prefect's server, and what its runs note."""

    process: subprocess.Popen[bytes]
    prefect: PrefectDouble
    notes: Path

    def begun(self, run: UUID) -> psutil.Process:
        """The process of a run, once it has begun."""
        note = self.notes / str(run)
        return psutil.Process(int(eventually(lambda: note.exists() and note.read_text())))

    def proposed(self, run: UUID) -> list[str]:
        """The states that were asked for for a run."""
        return [kind for of, kind in self.prefect.proposed if of == run]

    @property
    def finish(self) -> Path:
        """While this file exists, runs end."""
        return self.notes / "finish"

    def parent(self) -> psutil.Process:
        """The warm parent."""
        return next(
            child for child in psutil.Process(self.process.pid).children() if "script_parent" in str(child.cmdline())
        )


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with serving(tmp_path_factory.mktemp("worker")) as it:
        yield it


@pytest.fixture
def tried(worker: Tried) -> Iterator[Tried]:
    """The module's worker, which has to live to the end of the test, with none of an earlier one's runs."""
    yield worker
    assert worker.process.poll() is None
    worker.prefect.runs.clear()
    worker.prefect.failing.clear()
    worker.finish.touch()
    eventually(lambda: not worker.parent().children())
    worker.finish.unlink()


@contextmanager
def serving(notes: Path) -> Generator[Tried]:
    prefect = PrefectDouble()
    script = notes / "script.py"
    script.write_text(NOTES_AND_WAITS)
    with prefect.served() as address:
        told = {
            "TENANTATLAS_HOME": str(notes),
            "PREFECT_HOME": str(notes / "prefect"),
            "PREFECT_API_URL": address,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(notes), os.environ.get("PYTHONPATH")])),
            "NOTES": str(notes),
            SCRIPT: str(script),
            NO_FORK: str(notes / "no-fork"),
        }
        with environment(told):
            process = subprocess.Popen([sys.executable, "-m", tried_worker.__name__])
        it = Tried(process, prefect, notes)
        try:
            yield it
        finally:
            it.finish.touch()
            process.terminate()
            process.wait(60)


def is_over(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_run_that_cannot_be_submitted_waits_and_the_others_go_on(tried: Tried) -> None:
    under_way = tried.begun(tried.prefect.add())
    tried.prefect.failing["deployments/"] = 500
    waiting = tried.prefect.add()
    eventually(lambda: tried.prefect.refused["deployments/"] > 1)
    assert tried.proposed(waiting) == []
    tried.prefect.failing.clear()
    tried.begun(waiting)
    assert not is_over(under_way)


def test_runs_whose_deployment_is_gone_give_their_places_back(tried: Tried) -> None:
    tried.prefect.failing["deployments/"] = 404
    gone = [tried.prefect.add() for _ in range(tried_worker.LIMIT + 1)]
    eventually(lambda: all(tried.proposed(run) == ["CANCELLED"] for run in gone))
    tried.prefect.failing.clear()
    tried.begun(tried.prefect.add())


def test_a_run_for_which_there_is_no_process_now_is_offered_again(tried: Tried) -> None:
    under_way = tried.begun(tried.prefect.add())
    (tried.notes / "no-fork").touch()
    unstarted = tried.prefect.add()
    eventually(lambda: len(tried.proposed(unstarted)) >= 4)
    (tried.notes / "no-fork").unlink()
    tried.begun(unstarted)
    assert set(tried.proposed(unstarted)) == {"PENDING", "SCHEDULED"}
    assert not is_over(under_way)


@pytest.mark.parametrize("code", [404, 500])
def test_a_cancellation_that_fails_ends_nothing_but_its_run(tried: Tried, code: int) -> None:
    doomed, other = tried.prefect.add(), tried.prefect.add()
    processes = tried.begun(doomed), tried.begun(other)
    path = f"flow_runs/{doomed}"
    tried.prefect.failing[path] = code
    tried.prefect.move(doomed, "CANCELLING")
    tried.prefect.tell_cancelling(doomed)
    eventually(lambda: tried.prefect.refused[path] > (code == 500))
    if code == 500:
        del tried.prefect.failing[path]
        eventually(lambda: "CANCELLED" in tried.proposed(doomed))
    eventually(lambda: is_over(processes[0]))
    assert not is_over(processes[1])


def test_an_old_event_does_not_cancel_a_later_attempt(tried: Tried) -> None:
    later, doomed = tried.prefect.add(), tried.prefect.add()
    processes = tried.begun(later), tried.begun(doomed)
    tried.prefect.move(later, "RUNNING")
    tried.prefect.move(doomed, "CANCELLING")
    tried.prefect.tell_cancelling(later)
    tried.prefect.tell_cancelling(doomed)
    eventually(lambda: is_over(processes[1]))
    assert not is_over(processes[0])


def test_what_stands_before_prefect_may_answer_with_something_else(tried: Tried) -> None:
    tried.prefect.failing["get_scheduled_flow_runs"] = 200
    eventually(lambda: tried.prefect.refused["get_scheduled_flow_runs"] > 1)
    tried.prefect.failing.clear()
    tried.begun(tried.prefect.add())


def test_a_server_that_is_away_is_asked_by_us_and_not_by_prefects_client(tried: Tried) -> None:
    """Whose own tries would be 2, 4, 8, 16 and 32 seconds apart, and the server back meanwhile."""
    before = tried.prefect.refused["get_scheduled_flow_runs"]
    tried.prefect.failing["get_scheduled_flow_runs"] = HANGS_UP
    eventually(lambda: tried.prefect.refused["get_scheduled_flow_runs"] > before + 4, seconds=20)
    tried.prefect.failing.clear()
    tried.begun(tried.prefect.add())


def test_a_worker_that_can_start_nothing_since_an_upgrade_lets_its_runs_finish_and_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as tried:
        under_way = tried.begun(tried.prefect.add())
        place = tmp_path / "tenantatlas-99.0.dist-info"
        place.mkdir()
        (place / "METADATA").write_text("Metadata-Version: 2.1\nName: tenantatlas\nVersion: 99.0\n")
        tried.parent().send_signal(signal.SIGKILL)
        assert not is_over(under_way)
        tried.finish.touch()
        assert tried.process.wait(60) == tried_worker.OUTDATED


def test_a_process_number_of_another_machine_is_no_process_to_kill() -> None:
    async def kill(number: int) -> None:
        worker = WarmWorker(work_pool_name="any")
        await worker.kill_infrastructure(str(number), WarmJobConfiguration(), grace_seconds=1)

    with subprocess.Popen(["sleep", "60"], start_new_session=True) as strangers:
        with pytest.raises(InfrastructureNotFound):
            asyncio.run(kill(strangers.pid))
        assert strangers.poll() is None
        strangers.kill()
