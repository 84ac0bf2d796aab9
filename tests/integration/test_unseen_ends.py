"""What Prefect starts by itself is never lost: it has a row even when it ends before its flow began."""

from __future__ import annotations

from typing import Any

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


def test_a_flow_run_with_parameters_its_operation_does_not_take_is_a_failed_run(stack: StackUnderTest) -> None:
    scope = stack.tenant()
    begin_by_itself(stack, {"tenant": scope.slug, "key": {"no": "text"}})
    detail = ended(stack, scope)
    assert detail.run.status is RunStatus.FAILED
    assert [failure.reason_code for failure in detail.failures] == ["parameters_refused"]
    assert detail.run.trigger.value == "prefect"
