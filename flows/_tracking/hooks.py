"""Prefect's state hooks, mirrored into the row. Hints, not promises: what they miss, the reconciler finds."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, State, StateType

from flows._tracking.identity import FlowRunIdentity, identify_at_end, identify_at_running, identity_of
from flows._tracking.state_map import failure_for, observed
from flows._tracking.store import patiently, worker_store
from runstore.database import Database
from runstore.runs.run import Failure, Run, Source
from runstore.runs.status import ObservedState
from runstore.tenancy import TenantScope

PATIENCE = 60.0
"""Seconds a hook waits for a store that is away; after that the reconciler will bring the news."""

HOOKS_OFF = "TENANTATLAS_TEST_HOOKS_OFF"
"""A switch for tests: with it set, no hook writes, and the reconciler alone has to find every end."""

_log = logging.getLogger("tenantatlas.hooks")
_own_failures: dict[UUID, Failure] = {}


def remember_failure(flow_run_id: UUID, failure: Failure) -> None:
    _own_failures[flow_run_id] = failure


def mirror_state(flow: Any, flow_run: FlowRun, state: State) -> None:
    """The hook for every state Prefect has one for. Never raises: Prefect would only swallow it."""
    if os.environ.get(HOOKS_OFF):
        return
    try:
        patiently(lambda: _record(flow.name, flow_run, state), give_up_after=PATIENCE)
    except Exception as problem:
        # No text of the exception: a hook's log line goes to Prefect's API.
        _log.warning("State %s of flow run %s was not mirrored (%s)", state.type, flow_run.id, type(problem).__name__)


def _record(operation: str, flow_run: FlowRun, state: State) -> None:
    seen = observed(state)
    if state.type is StateType.CANCELLING:
        # Prefect's one cancellation hook fires here; by then the process is being, or has been, stopped.
        seen = ObservedState.ABORTED
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
        failure = None if seen is ObservedState.RUNNING else _failure(operation, flow_run.id, state)
        identity.observe(store, scope, run, seen, Source.HOOK, state.timestamp, failure)


def _row_of(identity: FlowRunIdentity, store: Database) -> tuple[TenantScope, Run | None]:
    scope = identity.scope(store)
    return scope, identity.run(store, scope)


def _failure(operation: str, flow_run_id: UUID, state: State) -> Failure | None:
    if state.type is StateType.FAILED and flow_run_id in _own_failures:
        return _own_failures.pop(flow_run_id)
    if state.type is StateType.CANCELLING:
        return failure_for(State(type=StateType.CANCELLED), operation)
    return failure_for(state, operation)
