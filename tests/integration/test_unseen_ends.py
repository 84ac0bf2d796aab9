"""What Prefect starts by itself is never lost: it has a row even when it ends before its flow began."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from runstore.database import DatabaseRole
from runstore.runs.filters import RunFilter
from runstore.runs.reader import RunReader
from runstore.runs.run import RunDetail
from runstore.runs.status import TERMINAL, RunStatus
from runstore.tenancy import TenantScope
from tests.support.stack import StackUnderTest, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def begin_by_itself(stack: StackUnderTest, parameters: dict[str, Any]) -> str:
    """A flow run as Prefect's scheduler makes it, that names no row."""
    with stack.prefect() as prefect:
        deployment = prefect.get("deployments/name/echo.speak/tenantatlas").json()["id"]
        made = prefect.post(f"deployments/{deployment}/create_flow_run", json={"parameters": parameters})
        return str(made.raise_for_status().json()["id"])


def ended(stack: StackUnderTest, scope: TenantScope) -> RunDetail:
    reader = RunReader(stack.database(DatabaseRole.HUB), scope)

    def found() -> RunDetail | None:
        runs = [run for run in reader.list(RunFilter()).runs if run.status in TERMINAL]
        return reader.get(runs[0].id) if runs else None

    return eventually(found, seconds=90)


def test_a_flow_run_that_crashed_before_its_flow_began_is_a_failed_run(stack: StackUnderTest) -> None:
    scope = stack.tenant()
    with stack.nothing_taken():
        flow_run = begin_by_itself(stack, {"tenant": scope.slug, "key": "crashed"})
        with stack.prefect() as prefect:
            crash = {"state": {"type": "CRASHED", "message": "no such image, token=hunter2hunter2"}, "force": True}
            prefect.post(f"flow_runs/{flow_run}/set_state", json=crash).raise_for_status()
    detail = ended(stack, scope)
    assert (detail.run.status, str(detail.run.flow_run_id)) == (RunStatus.FAILED, flow_run)
    assert [failure.reason_code for failure in detail.failures] == ["crashed"]
    assert "hunter2" not in detail.failures[0].message
    reader = RunReader(stack.database(DatabaseRole.HUB), scope)
    assert len(reader.list(RunFilter()).runs) == 1


@pytest.mark.parametrize("values", [{"key": {"no": "text"}}, {"key": "k", "misspelt": "1"}])
def test_a_flow_run_with_parameters_its_operation_does_not_take_is_a_failed_run(
    stack: StackUnderTest, values: dict[str, Any]
) -> None:
    scope = stack.tenant()
    begin_by_itself(stack, {"tenant": scope.slug, **values})
    detail = ended(stack, scope)
    assert detail.run.status is RunStatus.FAILED
    assert [failure.reason_code for failure in detail.failures] == ["parameters_refused"]
    assert detail.run.trigger.value == "prefect"


def set_state(prefect: httpx.Client, flow_run: object, kind: str, **details: object) -> None:
    """What a worker or a flow's process tells Prefect; then it dies, and says no more."""
    body = {"state": {"type": kind, **details}}
    answer = prefect.post(f"flow_runs/{flow_run}/set_state", json=body).raise_for_status().json()
    assert answer["status"] == "ACCEPT", answer


def test_a_process_that_died_before_its_row_is_told_of_whatever_started_it(stack: StackUnderTest) -> None:
    """One died before it began, one while it began; and so did two retries of runs that had ended."""
    taken, begun, retaken, rebegun = (stack.tenant() for _ in range(4))
    retried = {
        scope: stack.until(scope, stack.start(scope, "echo.speak", {"key": "k", "behaviour": "raise-once"}).run.id)
        for scope in (retaken, rebegun)
    }
    with stack.nothing_taken(), stack.prefect() as prefect:
        first = begin_by_itself(stack, {"tenant": taken.slug, "key": "taken"})
        second = begin_by_itself(stack, {"tenant": begun.slug, "key": "begun"})
        for detail in retried.values():
            set_state(prefect, detail.run.flow_run_id, "SCHEDULED", name="AwaitingRetry")
        for flow_run in (first, second, *(detail.run.flow_run_id for detail in retried.values())):
            set_state(prefect, flow_run, "PENDING")
        for flow_run in (second, retried[rebegun].run.flow_run_id):
            set_state(prefect, flow_run, "RUNNING")
    reader = {scope: RunReader(stack.database(DatabaseRole.HUB), scope) for scope in (taken, begun, retaken, rebegun)}
    died = time.monotonic()

    def outcome(scope: TenantScope) -> tuple[Any, ...] | None:
        runs = reader[scope].list(RunFilter()).runs
        return (len(runs), runs[0].status, runs[0].attempt) if runs else None

    wanted = {
        taken: (1, RunStatus.COMPLETED, 1),
        begun: (1, RunStatus.FAILED, 1),
        retaken: (1, RunStatus.COMPLETED, 2),
        rebegun: (1, RunStatus.FAILED, 2),
    }
    eventually(lambda: {scope: outcome(scope) for scope in wanted} == wanted, seconds=240, pause=0.5)
    assert time.monotonic() - died > 25, "a container may need that long before a flow begins"
    for scope in (begun, rebegun):
        detail = reader[scope].get(reader[scope].list(RunFilter()).runs[0].id)
        assert detail.failures[-1].reason_code == "contact_lost"
        with stack.prefect() as prefect:
            assert prefect.get(f"flow_runs/{detail.run.flow_run_id}").json()["state"]["type"] == "CRASHED"
