"""Runs through the whole stack: started by a row, dispatched, done by a worker of either kind, mirrored back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from runstore.runs.status import RunStatus
from tests.support.stack import StackUnderTest, both_workers, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600), *both_workers]


def test_a_cancelled_run_is_stopped_and_aborted(stack: StackUnderTest, tmp_path: Path) -> None:
    scope = stack.tenant()
    started = stack.start(scope, "echo.speak", {"key": "a", "until_file": str(tmp_path / "never")})
    detail = stack.until(scope, started.run.id, RunStatus.RUNNING)
    with stack.prefect() as prefect:
        prefect.post(
            f"flow_runs/{detail.run.flow_run_id}/set_state", json={"state": {"type": "CANCELLING"}}
        ).raise_for_status()
        stack.until(scope, started.run.id, RunStatus.ABORTED)
        eventually(lambda: prefect.get(f"flow_runs/{detail.run.flow_run_id}").json()["state_type"] == "CANCELLED")


def test_a_run_outlives_its_worker_and_the_next_worker_goes_on(
    stack: StackUnderTest, worker_kind: str, tmp_path: Path
) -> None:
    scope = stack.tenant()
    release = tmp_path / "release"
    started = stack.start(scope, "echo.speak", {"key": "a", "until_file": str(release)})
    stack.until(scope, started.run.id, RunStatus.RUNNING)
    worker = stack.process("worker")
    os.kill(worker.pid, signal.SIGKILL)
    release.touch()
    ended = stack.until(scope, started.run.id).run
    # Prefect's worker reads what its runs print: one that prints when that worker is gone ends by it, and is told so.
    with stack.prefect() as prefect:
        told = {RunStatus.COMPLETED: "COMPLETED", RunStatus.FAILED: "CRASHED"}[ended.status]
        eventually(lambda: prefect.get(f"flow_runs/{ended.flow_run_id}").json()["state_type"] == told)
    assert ended.status is RunStatus.COMPLETED or worker_kind == "process"
    stack.running.restart("worker")
    again = stack.start(scope, "echo.speak", {"key": "b"})
    assert stack.until(scope, again.run.id).run.status is RunStatus.COMPLETED


def test_a_worker_that_is_stopped_lets_its_runs_finish(stack: StackUnderTest, tmp_path: Path) -> None:
    scope = stack.tenant()
    release = tmp_path / "release"
    started = stack.start(scope, "echo.speak", {"key": "a", "until_file": str(release)})
    stack.until(scope, started.run.id, RunStatus.RUNNING)
    worker = stack.process("worker")
    psutil.Process(worker.pid).terminate()
    release.touch()
    assert stack.until(scope, started.run.id).run.status is RunStatus.COMPLETED
    eventually(lambda: worker.exit_code is not None)
    assert worker.exit_code == 0
    stack.running.restart("worker")


def test_a_killed_warm_parent_is_replaced_and_its_run_still_ends(
    stack: StackUnderTest, worker_kind: str, tmp_path: Path
) -> None:
    if worker_kind != "warm":
        pytest.skip("only our worker has a warm parent")
    scope = stack.tenant()
    release = tmp_path / "release"
    started = stack.start(scope, "echo.speak", {"key": "a", "until_file": str(release)})
    stack.until(scope, started.run.id, RunStatus.RUNNING)
    parents = [
        child
        for child in psutil.Process(stack.process("worker").pid).children()
        if "fork_server" in " ".join(child.cmdline())
    ]
    assert parents
    for parent in parents:
        parent.kill()
    again = stack.start(scope, "echo.speak", {"key": "b"})
    assert stack.until(scope, again.run.id).run.status is RunStatus.COMPLETED
    release.touch()
    assert stack.until(scope, started.run.id).run.status is RunStatus.COMPLETED


def test_starts_wait_for_a_relay_that_is_away_and_run_once(stack: StackUnderTest) -> None:
    scope = stack.tenant()
    with stack.without("relay"):
        started = [stack.start(scope, "echo.speak", {"key": str(number)}) for number in range(5)]
        repeated = stack.start(scope, "echo.speak", {"key": "0"})
        assert repeated.reused
    for one in started:
        detail = stack.until(scope, one.run.id)
        assert (detail.run.status, detail.run.attempt) == (RunStatus.COMPLETED, 1)
