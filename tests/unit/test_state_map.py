"""What each Prefect state says about a run, state by state, with and without the names that mean something here."""

from __future__ import annotations

import pytest
from prefect.client.schemas.objects import State, StateType

from flows._tracking.hooks import (
    ITEMS_FAILED,
    STOOD_BACK,
    failure_for,
    got_to_its_end,
    observed,
    stood_back,
)
from runstore.reasons import CANCELLED, CRASHED, FLOW_FAILED, TIMED_OUT
from runstore.runs.status import ObservedState

SAYS = {
    StateType.SCHEDULED: None,
    StateType.PENDING: None,
    StateType.PAUSED: None,
    StateType.CANCELLING: None,
    StateType.RUNNING: ObservedState.RUNNING,
    StateType.COMPLETED: ObservedState.FINISHED,
    StateType.FAILED: ObservedState.FAILED,
    StateType.CRASHED: ObservedState.FAILED,
    StateType.CANCELLED: ObservedState.ABORTED,
}
NAMES = (None, STOOD_BACK, ITEMS_FAILED, "TimedOut", "Retrying", "Anything")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", list(StateType))
def test_every_state_says_what_the_table_says(kind: StateType, name: str | None) -> None:
    state = State(type=kind, name=name)
    back = (kind, name) == (StateType.COMPLETED, STOOD_BACK)
    no_item = (kind, name) == (StateType.FAILED, ITEMS_FAILED)
    assert stood_back(state) is back
    assert got_to_its_end(state) is (kind is StateType.COMPLETED or no_item)
    assert observed(state) is (None if back else ObservedState.FINISHED if no_item else SAYS[kind])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", list(StateType))
def test_a_bad_end_has_its_reason_and_no_other_state_has_one(kind: StateType, name: str | None) -> None:
    state = State(type=kind, name=name)
    expected = None
    if kind is StateType.CANCELLED:
        expected = CANCELLED.failure()
    elif kind is StateType.CRASHED:
        expected = CRASHED.failure()
    elif kind is StateType.FAILED and name != ITEMS_FAILED:
        expected = FLOW_FAILED.failure(state=state.name)
        assert failure_for(state, "no.operation") == expected, "a limit that is not known is not made up"
        if name == "TimedOut":
            expected = TIMED_OUT.failure(seconds=6 * 3600)
    assert failure_for(state, "inventory.sync") == expected


def test_the_names_that_prefect_shows() -> None:
    """Flow runs of earlier releases have them."""
    assert (STOOD_BACK, ITEMS_FAILED) == ("Deduplicated", "ItemsFailed")
