"""The flow runs of our operations in Prefect, however they were started, each with its row; and how a relay treats their states."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from flows._tracking.identity import FlowRunIdentity, identity_of
from flows.producer import Operation
from flows.registry import operations
from runstore.database import Database
from runstore.runs.flow_runs import rows_of
from runstore.runs.run import Run
from runstore.runs.status import ACTIVE

PAGE: Final = 200

_log = logging.getLogger("tenantatlas.unseen")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence after which the relay looks at a run, says that contact is lost, and calls the run failed."""

    look: float = 6.0
    contact_lost: float = 20.0
    give_up: float = 600.0

    @property
    def between_looks(self) -> float:
        return max(self.look / 2, 0.5)

    @property
    def between_walks(self) -> float:
        """Seconds between two looks at what Prefect has and the store may not: those ask for every flow run under way."""
        return min(self.contact_lost, 30.0)


@dataclass(frozen=True, slots=True)
class OurFlowRun:
    """A flow run of one of our operations. `row` is the row that stands for it, None when there is none (yet)."""

    flow_run: FlowRun
    state: State
    operation: Operation
    identity: FlowRunIdentity
    row: Run | None

    @property
    def id(self) -> UUID:
        return self.flow_run.id

    @property
    def is_watched(self) -> bool:
        """Whether an active row stands for it: outbox and reconciler look after that."""
        return self.row is not None and self.row.status in ACTIVE

    @property
    def waits_seconds(self) -> float:
        return (datetime.now(UTC) - (self.flow_run.next_scheduled_start_time or self.state.timestamp)).total_seconds()


def our_flow_runs(client: SyncPrefectClient, database: Database, wanted: FlowRunFilter) -> Iterator[OurFlowRun]:
    """Those of the filter, of whatever deployment. One whose row is pruned is left out: it was over long ago."""
    # By the flow's name, not by deployment: people make deployments of their own, and delete ours.
    known = operations()
    names = FlowFilter(name=FlowFilterName(any_=list(known)))
    flows: dict[UUID, Operation] = {}
    offset = 0
    while True:
        page = client.read_flow_runs(
            flow_filter=names, flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=PAGE, offset=offset
        )
        identities = {one.id: identity_of(one) for one in page}
        named = [identity.run_id for identity in identities.values() if identity.run_id is not None]
        standing, by_id = rows_of(database, list(identities), named)
        for one in page:
            identity = identities[one.id]
            by_name = None if identity.run_id is None else by_id.get(identity.run_id)
            if one.state is None or (identity.run_id is not None and by_name is None):
                continue
            # A row that another flow run stands for was copied with the parameters, in Prefect's page.
            own = by_name if by_name is not None and by_name.flow_run_id is None else None
            if one.flow_id not in flows:
                flows[one.flow_id] = known[client.read_flow(one.flow_id).name]
            yield OurFlowRun(one, one.state, flows[one.flow_id], identity, standing.get(one.id) or own)
        if len(page) < PAGE:
            return
        offset += PAGE


def age(state: State) -> float:
    return (datetime.now(UTC) - state.timestamp).total_seconds()


def change_state(client: SyncPrefectClient, flow_run_id: UUID, seen: State, state: State) -> None:
    """Makes Prefect say `state` of a flow run that is still in the state that was seen: else someone was there before us."""
    try:
        found = client.read_flow_run(flow_run_id).state
        if found is not None and found.id == seen.id:
            client.set_flow_run_state(flow_run_id, state, force=state.is_final())
    except ObjectNotFound:
        _log.debug("Flow run %s is gone.", flow_run_id)
