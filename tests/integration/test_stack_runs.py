"""Runs through the whole stack: started by a row, dispatched, done by the worker, mirrored back."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from runstore.runs.status import RunStatus
from tests.support.stack import StackUnderTest, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


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


def test_a_run_outlives_its_worker_and_the_next_worker_goes_on(stack: StackUnderTest, tmp_path: Path) -> None:
    scope = stack.tenant()
    release = tmp_path / "release"
    started = stack.start(scope, "echo.speak", {"key": "a", "until_file": str(release)})
    stack.until(scope, started.run.id, RunStatus.RUNNING)
    worker = stack.process("worker")
    os.kill(worker.pid, signal.SIGKILL)
    release.touch()
    ended = stack.until(scope, started.run.id).run
    with stack.prefect() as prefect:
        eventually(lambda: prefect.get(f"flow_runs/{ended.flow_run_id}").json()["state_type"] == "COMPLETED")
    assert ended.status is RunStatus.COMPLETED
    stack.restart("worker")
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
    stack.restart("worker")


def test_a_killed_warm_parent_is_replaced_and_its_run_still_ends(stack: StackUnderTest, tmp_path: Path) -> None:
    scope = stack.tenant()
    release = tmp_path / "release"
    started = stack.start(scope, "echo.speak", {"key": "a", "until_file": str(release)})
    stack.until(scope, started.run.id, RunStatus.RUNNING)
    parents = [
        child
        for child in psutil.Process(stack.process("worker").pid).children()
        if "warm.parent" in " ".join(child.cmdline())
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


@pytest.mark.long
def test_an_outage_that_ends_prefects_worker_ends_no_run_and_the_next_is_taken_without_help(
    stack: StackUnderTest, tmp_path: Path
) -> None:
    scope = stack.tenant()
    release = tmp_path / "release"
    worker = stack.process("worker")
    before = worker.spec
    # Impatient, so that it gives up in seconds as it otherwise does in twelve minutes.
    worker.spec = replace(before, environment={**before.environment, "PREFECT_CLIENT_MAX_RETRIES": "0"})
    stack.restart("worker")
    written = len(worker.log.read_bytes())
    try:
        started = stack.start(scope, "echo.speak", {"key": "a", "until_file": str(release)})
        stack.until(scope, started.run.id, RunStatus.RUNNING)
        with stack.without("prefect-server"):
            eventually(lambda: b"Prefect's worker ended" in worker.log.read_bytes()[written:], seconds=120)
            assert b"Waits for Prefect's server" in worker.log.read_bytes()[written:]
        release.touch()
        assert stack.until(scope, started.run.id).run.status is RunStatus.COMPLETED
        again = stack.start(scope, "echo.speak", {"key": "b"})
        assert stack.until(scope, again.run.id).run.status is RunStatus.COMPLETED
        assert worker.exit_code is None
    finally:
        worker.spec = before
        stack.restart("worker")


def test_a_job_variable_changes_the_environment_of_its_run(stack: StackUnderTest) -> None:
    scope = stack.tenant()
    with stack.prefect() as prefect:
        deployment = prefect.get("deployments/name/echo.speak/tenantatlas").json()
        place = f"deployments/{deployment['id']}"
        prefect.patch(place, json={"job_variables": {"env": {"TENANTATLAS_FLOW_MEMORY_MB": "500"}}}).raise_for_status()
        try:
            started = stack.start(scope, "echo.speak", {"key": "a", "behaviour": f"hoard-{2**29}"})
            detail = stack.until(scope, started.run.id)
            assert [failure.reason_code for failure in detail.failures] == ["out_of_memory"]
        finally:
            prefect.patch(place, json={"job_variables": {}}).raise_for_status()
