"""The faults that matter most, one by one: the row is right within the time that is promised."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import pytest

from deployments.local.embedded_database import EmbeddedDatabase
from flows._tracking.hooks import HOOKS_OFF
from runstore.runs.run import RunDetail, Source
from runstore.runs.status import RunStatus
from runstore.tenancy import TenantScope
from tests.acceptance.faults.harness import Faults, flow_processes
from tests.support.stack import StackUnderTest, eventually

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(400),
]

GIVE_UP_SECONDS = 30.0
LATE_HOOK = """
import sys
from types import SimpleNamespace
from prefect.client.orchestration import get_client
from flows._tracking.hooks import mirror_state
with get_client(sync_client=True) as client:
    flow_run = client.read_flow_run(sys.argv[1])
mirror_state(SimpleNamespace(name="echo.speak"), flow_run, flow_run.state)
"""


@pytest.fixture
def scope(stack: StackUnderTest) -> TenantScope:
    return stack.tenant()


@pytest.fixture
def faults(stack: StackUnderTest) -> Faults:
    return Faults(stack, EmbeddedDatabase(Path(os.environ["TENANTATLAS_HOME"])), Random(1))


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def running(stack: StackUnderTest, scope: TenantScope, gate: Path) -> Callable[[], UUID]:
    """Starts a run that waits for the gate, with one item done."""

    def begin() -> UUID:
        run_id = stack.start(scope, "echo.speak", {"key": str(uuid4()), "until_file": str(gate)}).run.id
        eventually(lambda: stack.run(scope, run_id).run.counts.succeeded == 1)
        return run_id

    return begin


def said_of_loss(stack: StackUnderTest, detail: RunDetail) -> int:
    """How many lines of the flow run's log in Prefect say what the row says of its end, once one does."""
    body = {"logs": {"flow_run_id": {"any_": [str(detail.run.flow_run_id)]}}, "limit": 200}

    def once() -> int:
        lines = prefect.post("logs/filter", json=body).json()
        return sum(line["message"].startswith(detail.failures[0].message) for line in lines)

    with stack.prefect() as prefect:
        return eventually(once, seconds=10)


def test_a_killed_flow_is_failed_within_five_seconds(
    stack: StackUnderTest, scope: TenantScope, faults: Faults, running: Callable[[], UUID]
) -> None:
    run_id = running()
    killed = time.monotonic()
    for flow in flow_processes(stack):
        flow.kill()
    detail = stack.until(scope, run_id)
    assert time.monotonic() - killed < 5
    assert (detail.run.status, detail.failures[0].reason_code) == (RunStatus.FAILED, "crashed")
    assert detail.run.counts.succeeded == 1
    assert said_of_loss(stack, detail) == 1


@pytest.mark.long
def test_worker_and_flow_killed_together_are_noticed_within_the_set_time(
    stack: StackUnderTest, scope: TenantScope, faults: Faults, running: Callable[[], UUID]
) -> None:
    run_id = running()
    faults.kill_worker_and_flows()
    eventually(lambda: stack.run(scope, run_id).run.contact_lost_at, seconds=15)
    detail = stack.until(scope, run_id, seconds=GIVE_UP_SECONDS + 15)
    assert (detail.run.status, detail.run.last_source) == (RunStatus.FAILED, Source.RECONCILER)
    assert detail.failures[0].reason_code in ("contact_lost", "crashed")
    assert said_of_loss(stack, detail) == 1
    faults.repair()


def test_a_frozen_flow_is_shown_as_lost_and_comes_back(
    stack: StackUnderTest, scope: TenantScope, faults: Faults, running: Callable[[], UUID], gate: Path
) -> None:
    run_id = running()
    frozen = flow_processes(stack)
    for flow in frozen:
        flow.send_signal(signal.SIGSTOP)
    eventually(lambda: stack.run(scope, run_id).run.contact_lost_at, seconds=20)
    for flow in frozen:
        flow.send_signal(signal.SIGCONT)
    eventually(lambda: stack.run(scope, run_id).run.contact_lost_at is None)
    gate.touch()
    assert stack.until(scope, run_id).run.status is RunStatus.COMPLETED


@pytest.mark.long
def test_a_flow_that_was_given_up_while_it_was_frozen_does_no_further_item(
    stack: StackUnderTest, scope: TenantScope, tmp_path: Path
) -> None:
    items = tmp_path / "items"
    values = {"key": str(uuid4()), "succeed": "400", "item_seconds": "0.1", "items": str(items)}
    run_id = stack.start(scope, "echo.speak", values).run.id
    eventually(lambda: stack.run(scope, run_id).run.counts.succeeded >= 1)
    frozen = flow_processes(stack)
    for flow in frozen:
        flow.send_signal(signal.SIGSTOP)
    detail = stack.until(scope, run_id, seconds=GIVE_UP_SECONDS * 3)
    assert (detail.run.status, detail.failures[0].reason_code) == (RunStatus.FAILED, "contact_lost")
    done = len(items.read_text().splitlines())
    for flow in frozen:
        flow.send_signal(signal.SIGCONT)
    eventually(lambda: not any(flow.is_running() for flow in frozen), seconds=30)
    assert len(items.read_text().splitlines()) <= done + 1, "the item that it was at"
    assert stack.run(scope, run_id).run == detail.run
    with stack.prefect() as prefect:
        assert prefect.get(f"flow_runs/{detail.run.flow_run_id}").json()["state"]["type"] == "CRASHED"


def test_a_flow_that_was_given_up_behind_its_last_item_does_not_say_that_it_completed(
    stack: StackUnderTest, scope: TenantScope, running: Callable[[], UUID], gate: Path
) -> None:
    """The hook of its end, as its process calls it when it thaws: Prefect has just taken Completed."""
    run_id = running()
    flow_run = stack.run(scope, run_id).run.flow_run_id
    for flow in flow_processes(stack):
        flow.kill()
    detail = stack.until(scope, run_id)
    assert detail.run.status is RunStatus.FAILED and flow_run is not None
    late = {"state": {"type": "COMPLETED", "name": "Completed", "message": "1 succeeded"}}
    with stack.prefect() as prefect:
        assert prefect.post(f"flow_runs/{flow_run}/set_state", json=late).json()["status"] == "ACCEPT"
        subprocess.run([sys.executable, "-c", LATE_HOOK, str(flow_run)], env=stack.running.environment, check=True)
        assert prefect.get(f"flow_runs/{flow_run}").json()["state"]["type"] == "CRASHED"
    assert stack.run(scope, run_id).run == detail.run


def test_a_database_that_restarts_under_a_flow_loses_nothing(
    stack: StackUnderTest, scope: TenantScope, faults: Faults, running: Callable[[], UUID], gate: Path
) -> None:
    run_id = running()
    faults.restart_database()
    gate.touch()
    eventually(lambda: stack.process("relay").exit_code is None)
    detail = stack.until(scope, run_id)
    assert (detail.run.status, detail.run.counts.succeeded) == (RunStatus.COMPLETED, 1)
    faults.repair()


def test_a_start_is_heard_again_after_the_connection_was_cut(
    stack: StackUnderTest, scope: TenantScope, faults: Faults
) -> None:
    faults.cut_connections()
    run = stack.start(scope, "echo.speak", {"key": str(uuid4())}).run
    assert stack.until(scope, run.id).run.status is RunStatus.COMPLETED


@pytest.mark.long
def test_the_reconciler_alone_finds_every_end(stack: StackUnderTest, scope: TenantScope) -> None:
    worker = stack.process("worker")
    with_hooks = worker.spec
    worker.spec = replace(with_hooks, environment={**with_hooks.environment, HOOKS_OFF: "1"})
    stack.restart("worker")
    try:
        expected = {
            ("finish", "1", "0"): RunStatus.COMPLETED,
            ("finish", "1", "1"): RunStatus.COMPLETED_WITH_ERRORS,
            ("finish", "0", "1"): RunStatus.FAILED,
            ("raise", "1", "0"): RunStatus.FAILED,
            ("die", "0", "0"): RunStatus.FAILED,
        }
        runs = {
            stack.start(
                scope, "echo.speak", {"key": str(uuid4()), "behaviour": behaviour, "succeed": good, "fail": bad}
            ).run.id: status
            for (behaviour, good, bad), status in expected.items()
        }
        for run_id, status in runs.items():
            detail = stack.until(scope, run_id)
            assert (detail.run.status, detail.run.last_source) == (status, Source.RECONCILER)
    finally:
        worker.spec = with_hooks
        stack.restart("worker")
