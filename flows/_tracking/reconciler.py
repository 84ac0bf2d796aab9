"""Finds what the hooks missed: compares silent active rows with Prefect and repairs them by compare-and-set."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelled, Crashed, Scheduled

from flows._tracking.patience import Patience
from flows._tracking.state_map import failure_for, observed, stood_back
from flows._tracking.under_way import age
from flows._tracking.unseen import UnseenRuns
from runstore.database import Database
from runstore.errors import StoreError, StoreUnavailableError
from runstore.reasons import CONTACT_LOST, DEPLOYMENT_MISSING, FLOW_RUN_DELETED
from runstore.runs.recorder import Recorder
from runstore.runs.run import Failure, Recorded, Run, RunObservation, Source
from runstore.runs.silence import SilentRuns
from runstore.runs.status import ObservedState, RunStatus
from runstore.tenancy import PREFECT, TenantScope

BATCH = 100

_log = logging.getLogger("tenantatlas.reconciler")


class Reconciler:
    """Repairs silent runs of all tenants. Any number may run at once: each claims what it looks at."""

    def __init__(self, database: Database, patience: Patience | None = None) -> None:
        self._database = database
        self._silent = SilentRuns(database)
        self._patience = patience or Patience()
        self._ticked_at = self._listening_since = time.monotonic()
        self.unseen = UnseenRuns(database, self._patience)

    def run(self, stopped: threading.Event) -> None:
        """Repairs until `stopped`, looking every second or so."""
        while not stopped.wait(min(1.0, self._patience.between_looks)):
            self._note_own_absence()
            try:
                while self.repair() == BATCH and not stopped.is_set():
                    pass
                self.unseen.look_if_due()
            except (StoreUnavailableError, StoreError) as away:
                self._listening_since = time.monotonic()
                _log.warning("Nothing can be repaired for now: %s", away)
            except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError, OSError, ValueError) as problem:
                # Without Prefect's word nothing is known; a guess would be worse than waiting.
                _log.warning("Prefect does not answer (%s); silent runs are left as they are.", type(problem).__name__)

    def _note_own_absence(self) -> None:
        """A machine that slept, or a relay that was frozen, heard nothing of anyone: that is nobody's silence."""
        now = time.monotonic()
        if now - self._ticked_at > self._patience.contact_lost:
            self._listening_since = now
        self._ticked_at = now

    def repair(self) -> int:
        """Looks at the runs that are due, one batch; answers how many it looked at."""
        runs = self._silent.claim(BATCH, quiet_seconds=self._patience.look, lease_seconds=self._patience.between_looks)
        if not runs:
            return 0
        try:
            with get_client(sync_client=True) as client:
                known = _flow_runs(client, [run.flow_run_id for run in runs if run.flow_run_id])
                for run in runs:
                    self._repair(client, run, known)
        except (httpx.HTTPError, RuntimeError, OSError, ValueError):
            # Prefect is away too: all we know is the silence, and that much the hub may show.
            for run in runs:
                self._note_silence(run)
            raise
        return len(runs)

    def _repair(self, client: SyncPrefectClient, run: Run, known: Mapping[UUID, FlowRun]) -> None:
        assert run.flow_run_id is not None
        flow_run = known.get(run.flow_run_id)
        if flow_run is None:
            failure = FLOW_RUN_DELETED.failure(flow_run_id=str(run.flow_run_id))
            self._observe(run, ObservedState.FAILED, run.attempt, failure, guess=True)
            return
        state = flow_run.state
        if state is None:
            return
        seen = observed(state)
        if seen is None:
            self._without_news(client, run, flow_run, state)
        elif seen is not ObservedState.RUNNING:
            failure = failure_for(state, str(run.type))
            self._observe(run, seen, max(flow_run.run_count, 1), failure, at=state.timestamp)
        elif run.status is RunStatus.PENDING or flow_run.run_count > run.attempt:
            self._observe(run, seen, max(flow_run.run_count, 1), None, at=state.timestamp)
        else:
            self._give_up_if_lost(client, run)

    def _without_news(self, client: SyncPrefectClient, run: Run, flow_run: FlowRun, state: State) -> None:
        if stood_back(state):
            # A flow run that stood back for this very row: nobody else will end it.
            failure = failure_for(State(type=StateType.FAILED, name=state.name), str(run.type))
            self._observe(run, ObservedState.FAILED, run.attempt, failure, guess=True)
        elif state.type is StateType.PAUSED:
            # Suspended: no process is left to give signs of life, and none is missing.
            self._silent.still_held(run)
        elif state.type is StateType.CANCELLING:
            if self._silent.silent_for(run) > self._patience.contact_lost:
                cancelled = failure_for(State(type=StateType.CANCELLED), str(run.type))
                if self._observe(run, ObservedState.ABORTED, run.attempt, cancelled, guess=True).applied:
                    _agree(client, flow_run.id, Cancelled())
        elif run.status is RunStatus.PENDING and flow_run.deployment_id is None:
            failure = DEPLOYMENT_MISSING.failure(operation=str(run.type))
            self._observe(run, ObservedState.FAILED, run.attempt, failure, guess=True)
        elif state.type is StateType.PENDING and age(state) > self._patience.give_up:
            # A worker took it and died before it began. Prefect offers only scheduled runs, so nobody else would take it.
            # As patient as with a silent run: a pool of containers may need minutes for an image before a flow begins.
            with suppress(ObjectNotFound):
                client.set_flow_run_state(flow_run.id, Scheduled())

    def _note_silence(self, run: Run) -> None:
        self._silent.mark_contact_lost(run, after_seconds=self._patience.contact_lost)

    def _give_up_if_lost(self, client: SyncPrefectClient, run: Run) -> None:
        self._note_silence(run)
        silent = self._silent.silent_for(run)
        # While the store was away, no flow could say that it is alive: they have this long to do so.
        listened = time.monotonic() - self._listening_since
        if silent < self._patience.give_up or listened < min(self._patience.contact_lost, self._patience.give_up):
            return
        recorded = self._observe(
            run, ObservedState.FAILED, run.attempt, CONTACT_LOST.failure(seconds=int(silent)), guess=True
        )
        if recorded.applied and run.flow_run_id is not None:
            _agree(client, run.flow_run_id, Crashed(message=CONTACT_LOST.meaning))

    def _observe(
        self,
        run: Run,
        state: ObservedState,
        attempt: int,
        failure: Failure | None,
        *,
        guess: bool = False,
        at: datetime | None = None,
    ) -> Recorded:
        recorder = Recorder(self._database, TenantScope(run.tenant_id, run.tenant, PREFECT))
        return recorder.observe(
            RunObservation(
                run_id=run.id,
                attempt=attempt,
                state=state,
                source=Source.RECONCILER,
                at=at or datetime.now(UTC),
                flow_run_id=run.flow_run_id,
                failure=failure,
                guess_from=run if guess else None,
            )
        )


def _agree(client: SyncPrefectClient, flow_run_id: UUID, state: State) -> None:
    """Makes Prefect's view agree, and frees a concurrency slot that a dead process holds."""
    with suppress(ObjectNotFound):
        client.set_flow_run_state(flow_run_id, state, force=True)


def _flow_runs(client: SyncPrefectClient, ids: list[UUID]) -> Mapping[UUID, FlowRun]:
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids)), limit=len(ids))
    return {flow_run.id: flow_run for flow_run in found}
