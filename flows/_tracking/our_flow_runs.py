"""The flow runs of our operations in Prefect, however they were started, each with its row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort

from flows._tracking.identity import FlowRunIdentity, identity_of
from flows.producer import Operation
from flows.registry import operations
from runstore.database import Database
from runstore.runs.adoption import rows_of
from runstore.runs.run import Run
from runstore.runs.status import ACTIVE

PAGE: Final = 200


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
        """The flow run's id."""
        return self.flow_run.id

    @property
    def is_watched(self) -> bool:
        """Whether an active row stands for it: outbox and reconciler look after that."""
        return self.row is not None and self.row.status in ACTIVE

    @property
    def waits_seconds(self) -> float:
        """Seconds since it was to begin, or came into its state."""
        return (datetime.now(UTC) - (self.flow_run.next_scheduled_start_time or self.state.timestamp)).total_seconds()


def our_flow_runs(client: SyncPrefectClient, database: Database, wanted: FlowRunFilter) -> Iterator[OurFlowRun]:
    """Those of the filter, whatever deployment they are of, also one that is deleted by now.

    One that names a row which is no longer there is left out: its run was over long ago, and pruned.
    """
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
        rows = rows_of(database, list(identities), named)
        for one in page:
            identity = identities[one.id]
            by_name = None if identity.run_id is None else rows.named.get(identity.run_id)
            if one.state is None or (identity.run_id is not None and by_name is None):
                continue
            # A row that another flow run stands for was copied with the parameters, in Prefect's page.
            own = by_name if by_name is not None and by_name.flow_run_id is None else None
            if one.flow_id not in flows:
                flows[one.flow_id] = known[client.read_flow(one.flow_id).name]
            yield OurFlowRun(one, one.state, flows[one.flow_id], identity, rows.standing.get(one.id) or own)
        if len(page) < PAGE:
            return
        offset += PAGE
