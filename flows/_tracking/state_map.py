"""What each Prefect state says about a run. Total: a test walks Prefect's own StateType."""

from __future__ import annotations

from prefect.client.schemas.objects import State, StateType

from flows.registry import operations
from runstore.reasons import CANCELLED, CRASHED, FLOW_FAILED, TIMED_OUT
from runstore.runs.run import Failure
from runstore.runs.status import ObservedState

STOOD_BACK = "Deduplicated"
"""The name of the state of a flow run that did no work because the run it stands for is another's, or over."""

ITEMS_FAILED = "ItemsFailed"
"""The name of the state of a flow run that got to its end, where no item succeeded and some failed."""

OBSERVED: dict[StateType, ObservedState | None] = {
    # Not begun, or waiting to begin again: the row stays what it is.
    StateType.SCHEDULED: None,
    StateType.PENDING: None,
    # A paused run still holds its place and stays running; resuming it is not a new attempt for Prefect either.
    StateType.PAUSED: None,
    # Being cancelled is not cancelled: the work goes on until Prefect says so.
    StateType.CANCELLING: None,
    StateType.RUNNING: ObservedState.RUNNING,
    StateType.COMPLETED: ObservedState.FINISHED,
    StateType.FAILED: ObservedState.FAILED,
    StateType.CRASHED: ObservedState.FAILED,
    StateType.CANCELLED: ObservedState.ABORTED,
}


def observed(state: State) -> ObservedState | None:
    if stood_back(state):
        return None
    if got_to_its_end(state):
        return ObservedState.FINISHED
    return OBSERVED[state.type]


def stood_back(state: State) -> bool:
    """Whether the flow run ended without touching the run: its end says nothing about the row."""
    return state.type is StateType.COMPLETED and state.name == STOOD_BACK


def got_to_its_end(state: State) -> bool:
    """Whether the flow's body came to its end, however its items fared: the counts tell the rest."""
    return state.type is StateType.COMPLETED or (state.type is StateType.FAILED and state.name == ITEMS_FAILED)


def failure_for(state: State, operation: str) -> Failure | None:
    """The run-level failure for a state that ended a run of the operation badly; the flow's own, if it left one, is better."""
    if state.type is StateType.CANCELLED:
        return CANCELLED.failure()
    if state.type is StateType.CRASHED:
        return CRASHED.failure()
    if state.type is StateType.FAILED and not got_to_its_end(state):
        known = operations().get(operation)
        if state.name == "TimedOut" and known is not None:
            return TIMED_OUT.failure(seconds=known.timeout_seconds)
        return FLOW_FAILED.failure(state=state.name)
    return None
