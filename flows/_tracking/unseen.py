"""Finds the flow runs that ended badly before they had a row: a schedule's, whose process never came to its flow.

What a start action began has its row from the beginning. What Prefect starts by itself gets one when its flow begins; a container
without an image, or a machine that kills the process, would otherwise leave no trace in the hub.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from flows._tracking.dispatcher import DEPLOYMENT, TAG
from flows._tracking.identity import FlowRunIdentity, identity_of
from flows._tracking.state_map import failure_for, observed
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.runs.adoption import adopt, without_row
from runstore.runs.operation import OperationType
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunObservation, Source
from runstore.runs.starter import StartRequest

LOOK_SECONDS: Final = 30.0
FIRST_WINDOW: Final = timedelta(hours=6)
"""How far back the first look goes: what ended while no relay was up. Shorter than the least age at which runs are pruned."""

OVERLAP: Final = timedelta(minutes=10)
"""How far a look reaches back over the one before: Prefect may tell of an end late, and its clock may differ from ours."""

PAGE: Final = 200

_log = logging.getLogger("tenantatlas.unseen")


class UnseenEnds:
    """Gives such a flow run a failed row. Any number may look at once: the row is made once, and its end recorded once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at: datetime | None = None
        self._due = time.monotonic()

    def look_if_due(self) -> int:
        """How many rows were made; 0 without a question when the last look is less than LOOK_SECONDS ago."""
        if time.monotonic() < self._due:
            return 0
        begun = datetime.now(UTC)
        since = begun - FIRST_WINDOW if self._looked_at is None else self._looked_at - OVERLAP
        with get_client(sync_client=True) as client:
            made = sum(self._adopt(client, flow_run) for flow_run in self._unseen(client, since))
        # Only now: a look that failed half-way is made again from where it began.
        self._looked_at, self._due = begun, time.monotonic() + LOOK_SECONDS
        return made

    def _unseen(self, client: SyncPrefectClient, since: datetime) -> Iterator[FlowRun]:
        ended_badly = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.FAILED, StateType.CRASHED])),
            end_time=FlowRunFilterEndTime.model_validate({"after_": since}),
        )
        # Each operation's own, and those of scheduled tenants.
        # Each operation's own, and those of scheduled tenants.
        told = {"operator": "or_", "name": {"any_": [DEPLOYMENT]}, "tags": {"all_": [TAG]}}
        ours = DeploymentFilter.model_validate(told)
        offset = 0
        while True:
            page = client.read_flow_runs(
                flow_run_filter=ended_badly,
                deployment_filter=ours,
                sort=FlowRunSort.END_TIME_DESC,
                limit=PAGE,
                offset=offset,
            )
            # One that names a row was started by us: the outbox and the reconciler look after that row.
            candidates = [one for one in page if identity_of(one).run_id is None]
            unseen = without_row(self._database, [one.id for one in candidates])
            yield from (one for one in candidates if one.id in unseen)
            if len(page) < PAGE:
                return
            offset += PAGE

    def _adopt(self, client: SyncPrefectClient, flow_run: FlowRun) -> bool:
        state, identity = flow_run.state, identity_of(flow_run)
        seen = None if state is None else observed(state)
        if state is None or seen is None:
            return False
        try:
            scope = identity.scope(self._database)
            operation = OperationType.parse(client.read_flow(flow_run.flow_id).name)
        except (NotFoundError, BadInputError) as problem:
            _log.debug("Flow run %s is no tenant's operation (%s).", flow_run.id, type(problem).__name__)
            return False
        at = state.timestamp or datetime.now(UTC)
        # Of no identity with others: it is told of, and does not count as the work that another one does.
        adopted = adopt(
            self._database,
            scope,
            nameless_request(operation, identity),
            flow_run_id=flow_run.id,
            attempt=identity.attempt,
            trigger=identity.trigger,
            at=flow_run.start_time or at,
        )
        Recorder(self._database, scope).observe(
            RunObservation(
                run_id=adopted.run.id,
                attempt=identity.attempt,
                state=seen,
                source=Source.RECONCILER,
                at=at,
                flow_run_id=flow_run.id,
                failure=failure_for(state, timeout_seconds=0),
            )
        )
        _log.warning("Flow run %s ended before it had a row; run %s tells of it.", flow_run.id, adopted.run.id)
        return True


def nameless_request(operation: OperationType, identity: FlowRunIdentity) -> StartRequest:
    """A request that is identical with no other: for a flow run whose parameters cannot be read as the operation's."""
    return StartRequest(
        operation, identity={"flow_run_id": str(identity.flow_run_id)}, context=dict(identity.parameters)
    )
