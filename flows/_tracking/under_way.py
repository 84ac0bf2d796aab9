"""Looks after flow runs that are under way in Prefect without an active row: offered again, given a row, or ended there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Completed, Crashed, Scheduled

from flows._tracking.our_flow_runs import OurFlowRun
from flows._tracking.state_map import STOOD_BACK
from runstore.database import Database
from runstore.errors import NotFoundError
from runstore.reasons import CONTACT_LOST
from runstore.runs.run import Run, Source
from runstore.runs.status import ObservedState, Verdict
from runstore.tenancy import PREFECT, TenantScope

_log = logging.getLogger("tenantatlas.unseen")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence after which the relay looks at a run, says that contact is lost, and calls the run failed."""

    look: float = 6.0
    contact_lost: float = 20.0
    give_up: float = 600.0

    @property
    def between_looks(self) -> float:
        """Seconds between two looks at the same run."""
        return max(self.look / 2, 0.5)

    @property
    def between_walks(self) -> float:
        """Seconds between two looks at what Prefect has and the store may not: those ask for every flow run under way."""
        return min(self.contact_lost, 30.0)


class UnderWay:
    """What is done depends on the state and on how long ago it was set. From an active row on, the reconciler looks after it."""

    def __init__(self, database: Database, patience: Patience) -> None:
        self._database = database
        self._patience = patience

    def look_at(self, client: SyncPrefectClient, one: OurFlowRun) -> None:
        """Does what is due for a flow run without an active row; nothing while its process may still report."""
        silent = age(one.state)
        if one.state.type is StateType.PENDING and silent > self._patience.give_up:
            # Prefect offers only scheduled runs, so nobody else would take it from the worker that died with it.
            change_state(client, one.id, one.state, Scheduled())
        elif one.state.type is StateType.CANCELLING and silent > self._patience.contact_lost:
            change_state(client, one.id, one.state, Cancelled())
        elif one.state.type is StateType.RUNNING and silent > self._patience.contact_lost:
            self._running(client, one, silent)

    def _running(self, client: SyncPrefectClient, one: OurFlowRun, silent: float) -> None:
        if one.row is None:
            is_anothers = self._adopt(one)
        elif one.row.attempt < one.identity.attempt:
            is_anothers = self._reopen(one, one.row)
        else:
            # The row was given up, or ended otherwise, and Prefect was away when it was to be told.
            if silent > self._patience.give_up:
                change_state(client, one.id, one.state, Crashed(message=CONTACT_LOST.meaning))
            return
        if is_anothers and silent > self._patience.give_up:
            # Had its process come to its flow, it would have stood back.
            said = "An identical run does the work, or did since; the process of this one was lost."
            change_state(client, one.id, one.state, Completed(name=STOOD_BACK, message=said))

    def _adopt(self, one: OurFlowRun) -> bool:
        """Makes its row, as its flow would have; whether that is another's."""
        try:
            scope = one.identity.scope(self._database)
            adopted = one.identity.adopt(
                self._database, scope, one.identity.request(one.operation), one.state.timestamp
            )
        except NotFoundError as problem:
            _log.debug("Flow run %s is no tenant's operation (%s).", one.id, type(problem).__name__)
            return False
        if not adopted.duplicate:
            _log.warning("Flow run %s runs and had no row; run %s is looked after now.", one.id, adopted.run.id)
        return adopted.duplicate

    def _reopen(self, one: OurFlowRun, row: Run) -> bool:
        """Opens the row for a Retry that has not reported; whether an identical run is active instead."""
        scope = TenantScope(row.tenant_id, row.tenant, PREFECT)
        seen, at = ObservedState.RUNNING, one.state.timestamp
        recorded = one.identity.observe(self._database, scope, row, seen, Source.RECONCILER, at, guess_from=row)
        return recorded.verdict is Verdict.IDENTICAL_ACTIVE


def age(state: State) -> float:
    """Seconds since the state was set, by this machine's clock and Prefect's."""
    return (datetime.now(UTC) - state.timestamp).total_seconds()


def change_state(client: SyncPrefectClient, flow_run_id: UUID, seen: State, state: State) -> None:
    """Makes Prefect say `state` of a flow run that is still in the state that was seen: else someone was there before us."""
    try:
        found = client.read_flow_run(flow_run_id).state
        if found is not None and found.id == seen.id:
            client.set_flow_run_state(flow_run_id, state, force=state.is_final())
    except ObjectNotFound:
        _log.debug("Flow run %s is gone.", flow_run_id)
