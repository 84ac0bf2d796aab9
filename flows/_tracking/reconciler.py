"""Finds what the hooks missed: compares silent active rows with Prefect and repairs them by compare-and-set."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Cancelled, Crashed, Scheduled

from flows._tracking.hooks import failure_for, observed, stood_back
from flows._tracking.identity import identity_of, tell_of_loss
from flows._tracking.our_flow_runs import Patience, age, change_state
from flows._tracking.unseen import UnseenRuns
from runstore.database import Database
from runstore.errors import StoreError, StoreUnavailableError
from runstore.reasons import CANCELLED, CONTACT_LOST, DEPLOYMENT_MISSING, FLOW_RUN_DELETED
from runstore.runs.flow_runs import SilentRuns
from runstore.runs.recorder import Recorder
from runstore.runs.run import Failure, Recorded, Run, RunObservation, Source
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
        """A relay that slept, was frozen, or waited long for Prefect heard nothing from any run: the runs were not silent."""
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
                known = _flow_runs(client, runs)
                # A flow at its end tells Prefect first, and no longer the store: what answers late kept it waiting, too.
                self._note_own_absence()
                for run in runs:
                    self._repair(client, run, known.get(run.flow_run_id or run.id))
        except (httpx.HTTPError, RuntimeError, OSError, ValueError):
            # Prefect is away too: all we know is the silence, and that much the hub may show.
            self._listening_since = time.monotonic()
            for run in runs:
                self._silent.mark_contact_lost(run, after_seconds=self._patience.contact_lost)
            raise
        return len(runs)

    def _repair(self, client: SyncPrefectClient, run: Run, flow_run: FlowRun | None) -> None:
        if flow_run is None:
            self._guess(run, ObservedState.FAILED, FLOW_RUN_DELETED.failure(flow_run_id=str(run.flow_run_id)))
            return
        state = flow_run.state
        if state is None:
            return
        seen = observed(state)
        if seen is None:
            self._without_news(client, run, flow_run, state)
        elif seen is ObservedState.RUNNING and run.status is RunStatus.RUNNING and flow_run.run_count <= run.attempt:
            self._give_up_if_lost(client, run, flow_run, state)
        else:
            failure = failure_for(state, str(run.type))
            identity = identity_of(flow_run)
            identity.observe(self._database, _scope(run), run, seen, Source.RECONCILER, state.timestamp, failure)

    def _without_news(self, client: SyncPrefectClient, run: Run, flow_run: FlowRun, state: State) -> None:
        if stood_back(state):
            # A flow run that stood back for this very row: nobody else will end it.
            failure = failure_for(State(type=StateType.FAILED, name=state.name), str(run.type))
            self._guess(run, ObservedState.FAILED, failure)
        elif state.type is StateType.PAUSED:
            # Suspended: no process is left to give signs of life, and none is missing.
            self._silent.still_held(run)
        elif state.type is StateType.CANCELLING:
            if self._silent.silent_for(run) > self._patience.contact_lost and (
                self._guess(run, ObservedState.ABORTED, CANCELLED.failure()).applied
            ):
                change_state(client, flow_run.id, state, Cancelled())
        elif run.status is RunStatus.PENDING and flow_run.deployment_id is None:
            self._guess(run, ObservedState.FAILED, DEPLOYMENT_MISSING.failure(operation=str(run.type)))
        elif state.type is StateType.PENDING and age(state) > self._patience.give_up:
            # A worker took it and died before it began. Prefect offers only scheduled runs, so nobody else would take it.
            # As patient as with a silent run: a pool of containers may need minutes for an image before a flow begins.
            change_state(client, flow_run.id, state, Scheduled())

    def _give_up_if_lost(self, client: SyncPrefectClient, run: Run, flow_run: FlowRun, state: State) -> None:
        self._silent.mark_contact_lost(run, after_seconds=self._patience.contact_lost)
        silent = self._silent.silent_for(run)
        # While the store or Prefect was away, no flow could say that it is alive, or at its end: they have this long to do so.
        listened = time.monotonic() - self._listening_since
        if silent < self._patience.give_up or listened < min(self._patience.contact_lost, self._patience.give_up):
            return
        failure = CONTACT_LOST.failure(seconds=int(silent))
        if self._guess(run, ObservedState.FAILED, failure).applied:
            # Frees a concurrency slot that a dead process holds.
            change_state(client, flow_run.id, state, Crashed(message=CONTACT_LOST.meaning))
            tell_of_loss(flow_run.id, failure)

    def _guess(self, run: Run, state: ObservedState, failure: Failure | None) -> Recorded:
        seen = RunObservation(
            run.id, run.attempt, state, Source.RECONCILER, datetime.now(UTC), run.flow_run_id, failure, guess_from=run
        )
        return Recorder(self._database, _scope(run)).observe(seen)


def _scope(run: Run) -> TenantScope:
    return TenantScope(run.tenant_id, run.tenant, PREFECT)


def _flow_runs(client: SyncPrefectClient, runs: Sequence[Run]) -> Mapping[UUID, FlowRun]:
    ids = [run.flow_run_id for run in runs if run.flow_run_id]
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids)), limit=len(ids))
    return {flow_run.id: flow_run for flow_run in found}
