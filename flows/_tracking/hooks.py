"""What each Prefect state says about a run, and the hooks that put it into the row, as far as they come through."""

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Crashed

from flows._tracking.identity import FlowRunIdentity, identify_at_end, identify_at_running, identity_of
from flows._tracking.our_flow_runs import change_state
from flows._tracking.store import patiently, worker_store
from flows.registry import operations
from runstore.database import Database
from runstore.errors import NotFoundError
from runstore.reasons import CANCELLED, CONTACT_LOST, CRASHED, FLOW_FAILED, TIMED_OUT
from runstore.runs.run import Failure, Run, Source
from runstore.runs.status import ObservedState, RunStatus
from runstore.tenancy import TenantScope

PATIENCE = 60.0
"""Seconds a hook waits for a store that is away; after that the reconciler will bring the news."""

HOOKS_OFF = "TENANTATLAS_TEST_HOOKS_OFF"
"""A switch for tests: with it set, no hook writes, and the reconciler alone has to find every end."""

_log = logging.getLogger("tenantatlas.hooks")
_own_failures: dict[UUID, Failure] = {}

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


def remember_failure(flow_run_id: UUID, failure: Failure) -> None:
    _own_failures[flow_run_id] = failure


def mirror_state(flow: Any, flow_run: FlowRun, state: State) -> None:
    """The hook for every state Prefect has one for. Never raises: Prefect would only swallow it."""
    if os.environ.get(HOOKS_OFF):
        return
    try:
        patiently(lambda: _record(flow.name, flow_run, state), give_up_after=PATIENCE)
    except NotFoundError:
        # Of no tenant there is: the flow has said so.
        return
    except Exception as problem:
        # No text of the exception: a hook's log line goes to Prefect's API.
        _log.warning("State %s of flow run %s was not mirrored (%s)", state.type, flow_run.id, type(problem).__name__)


def _record(operation: str, flow_run: FlowRun, state: State) -> None:
    if state.type is StateType.CANCELLING:
        # Prefect's one cancellation hook fires here; by then the process is being, or has been, stopped.
        state = State(type=StateType.CANCELLED, timestamp=state.timestamp)
    seen = observed(state)
    if seen is None:
        return
    store = worker_store()
    if state.type is StateType.RUNNING:
        # Side by side: the row, by what the engine knows of the flow run, and the attempt, which only the server knows.
        with ThreadPoolExecutor(1, thread_name_prefix="row") as beside:
            row = beside.submit(_row_of, identity_of(flow_run), store)
            identity = identify_at_running(flow_run.id)
        scope, run = row.result()
    else:
        identity = identify_at_end(flow_run.id)
        scope, run = _row_of(identity, store)
    if run is not None:
        own = _own_failures.get(flow_run.id) if state.type is StateType.FAILED else None
        failure = own or failure_for(state, operation)
        recorded = identity.observe(store, scope, run, seen, Source.HOOK, state.timestamp, failure)
        if state.type is StateType.COMPLETED and recorded.run is not None and recorded.run.attempt == identity.attempt:
            _take_back(flow_run.id, state, recorded.run.status)


def _take_back(flow_run_id: UUID, state: State, status: RunStatus) -> None:
    """Prefect says what the row says of a flow that was given up while it was frozen behind its last item, and came to its end."""
    if status not in (RunStatus.FAILED, RunStatus.ABORTED):
        return
    ended = Cancelled() if status is RunStatus.ABORTED else Crashed(message=CONTACT_LOST.meaning)
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
        change_state(client, flow_run_id, state, ended)


def _row_of(identity: FlowRunIdentity, store: Database) -> tuple[TenantScope, Run | None]:
    scope = identity.scope(store)
    return scope, identity.run(store, scope)
