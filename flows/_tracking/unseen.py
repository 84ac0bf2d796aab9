"""Finds what Prefect has and the rows do not tell: flow runs that wait, work or ended without an active row of their attempt.

What a start action began has its row from the beginning. What Prefect starts by itself gets one when its flow begins, and a
Retry reopens its row then; a container without an image, or a machine that kills the process, would otherwise leave no trace.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Completed, Crashed, Scheduled

from flows._tracking.hooks import STOOD_BACK, failure_for, observed
from flows._tracking.identity import say_in_prefect
from flows._tracking.our_flow_runs import OurFlowRun, Patience, age, change_state, our_flow_runs
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.reasons import CONTACT_LOST, PARAMETERS_REFUSED
from runstore.runs.run import Source
from runstore.runs.status import ObservedState, Verdict
from runstore.tenancy import PREFECT, TenantScope

FIRST_WINDOW: Final = timedelta(hours=6)
"""How far back the first look goes: what ended while no relay was up. Shorter than the least age at which runs are pruned."""

OVERLAP: Final = timedelta(minutes=10)
"""How far a look reaches back over the one before: Prefect may tell of an end late, and its clock may differ from ours."""

LATE: Final = timedelta(seconds=60)
"""How long past its time a planned flow run counts as one that waits."""

_ENDED_BADLY = [StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
_UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]

_log = logging.getLogger("tenantatlas.unseen")


@dataclass(frozen=True, slots=True)
class Waiting:
    """The flow runs without an active row, as of the last look: how many of each state of Prefect's, and the oldest's age."""

    runs: Mapping[str, int]
    oldest_seconds: float


class UnseenRuns:
    """Gives such a flow run its row, its end or another worker. Any number may look at once: each step is made once."""

    def __init__(self, database: Database, patience: Patience) -> None:
        self._database = database
        self._patience = patience
        self._looked_at: datetime | None = None
        self._due = time.monotonic()
        self._waiting: Waiting | None = None
        self._compared_at = float("-inf")

    def waiting(self) -> Waiting | None:
        """What waits, as of the last look; None when that was too long ago to say, as Prefect or the store was away since."""
        fresh = time.monotonic() - self._compared_at < self._patience.between_walks * 3
        return self._waiting if fresh else None

    def look_if_due(self) -> None:
        """Looks, unless it did so a moment ago. Raises what Prefect's client and the store raise while they are away."""
        if time.monotonic() < self._due:
            return
        begun = datetime.now(UTC)
        since = begun - FIRST_WINDOW if self._looked_at is None else self._looked_at - OVERLAP
        with get_client(sync_client=True) as client:
            for one in list(our_flow_runs(client, self._database, _in_states(_ENDED_BADLY, since))):
                self._tell_end(one)
            unwatched = [one for one in self._unfinished(client, begun) if not one.is_watched]
            for one in unwatched:
                self._look_at(client, one)
        before = self._waiting
        late = [one for one in unwatched if one.waits_seconds > self._patience.look]
        counted = Counter(one.state.type.value.lower() for one in late)
        self._waiting = Waiting(counted, max((one.waits_seconds for one in late), default=0.0))
        if self._waiting.runs and (before is None or self._waiting.runs != before.runs):
            _log.warning("Flow runs that wait or work without a row: %s.", dict(self._waiting.runs))
        # Only now: a look that failed half-way is made again from where it began.
        self._looked_at, self._compared_at = begun, time.monotonic()
        self._due = self._compared_at + self._patience.between_walks

    def _unfinished(self, client: SyncPrefectClient, now: datetime) -> Iterator[OurFlowRun]:
        yield from our_flow_runs(client, self._database, _in_states(_UNDER_WAY))
        late = _in_states([StateType.SCHEDULED])
        late.next_scheduled_start_time = FlowRunFilterNextScheduledStartTime.model_validate({"before_": now - LATE})
        yield from our_flow_runs(client, self._database, late)

    def _tell_end(self, one: OurFlowRun) -> None:
        seen = observed(one.state)
        is_told = one.row is not None and (one.is_watched or one.row.attempt >= one.identity.attempt)
        if seen is None or is_told:
            return
        at = one.state.timestamp
        try:
            scope = one.identity.scope(self._database)
            run = one.row
            if run is None:
                # Of no identity with others: it is told of, and does not count as the work that another one does.
                request = one.identity.nameless_request(one.operation)
                run = one.identity.adopt(self._database, scope, request, one.flow_run.start_time or at).run
        except NotFoundError as problem:
            _log.debug("Flow run %s is not a tenant's operation (%s).", one.id, type(problem).__name__)
            return
        failure = failure_for(one.state, str(one.operation.type))
        if one.state.type is StateType.CRASHED:
            try:
                one.operation.request(one.identity.parameters)
            except BadInputError as wrong:
                # With a parameter that the flow does not have, Prefect's engine ends it before it can say so.
                say_in_prefect(one.id, str(wrong))
                failure = PARAMETERS_REFUSED.failure(operation=str(one.operation.type))
        one.identity.observe(self._database, scope, run, seen, Source.RECONCILER, at, failure)
        _log.warning("Flow run %s ended before it had a row of that attempt; run %s tells of it.", one.id, run.id)

    def _look_at(self, client: SyncPrefectClient, one: OurFlowRun) -> None:
        # Nothing while its process may still report. From an active row on, the reconciler looks after it.
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
            # Opens the row for a Retry that has not reported.
            row, at = one.row, one.state.timestamp
            scope = TenantScope(row.tenant_id, row.tenant, PREFECT)
            seen, by = ObservedState.RUNNING, Source.RECONCILER
            recorded = one.identity.observe(self._database, scope, row, seen, by, at, guess_from=row)
            is_anothers = recorded.verdict is Verdict.IDENTICAL_ACTIVE
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
        try:
            scope = one.identity.scope(self._database)
            adopted = one.identity.adopt(
                self._database, scope, one.identity.request(one.operation), one.state.timestamp
            )
        except NotFoundError as problem:
            _log.debug("Flow run %s is not a tenant's operation (%s).", one.id, type(problem).__name__)
            return False
        if not adopted.duplicate:
            _log.warning("Flow run %s runs and had no row; run %s is looked after now.", one.id, adopted.run.id)
        return adopted.duplicate


def _in_states(states: list[StateType], ended_since: datetime | None = None) -> FlowRunFilter:
    return FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)),
        end_time=FlowRunFilterEndTime.model_validate({"after_": ended_since}) if ended_since else None,
    )
