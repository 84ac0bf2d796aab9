"""How a run ends is told by its row and by Prefect."""

from __future__ import annotations

import pytest

from runstore.runs.status import RunStatus
from tests.support.stack import StackUnderTest

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(600),
]


def test_a_process_that_dies_is_a_failed_run_in_prefect_and_in_the_store(stack: StackUnderTest) -> None:
    scope = stack.tenant()
    started = stack.start(scope, "echo.speak", {"key": "a", "behaviour": "die"})
    detail = stack.until(scope, started.run.id)
    assert detail.run.status is RunStatus.FAILED
    with stack.prefect() as prefect:
        state = prefect.get(f"flow_runs/{detail.run.flow_run_id}").json()["state"]
    assert state["type"] == "CRASHED"
    assert "-9" in state["message"]


@pytest.mark.parametrize("size", [2**20, 2**26])
def test_a_flow_that_eats_three_gigabytes_ends_with_a_reason_of_its_own(stack: StackUnderTest, size: int) -> None:
    scope = stack.tenant()
    started = stack.start(scope, "echo.speak", {"key": str(size), "behaviour": f"hoard-{size}"})
    detail = stack.until(scope, started.run.id)
    assert detail.run.status is RunStatus.FAILED
    assert [failure.reason_code for failure in detail.failures] == ["out_of_memory"]
    with stack.prefect() as prefect:
        state = prefect.get(f"flow_runs/{detail.run.flow_run_id}").json()["state"]
    assert state["type"] == "FAILED"
