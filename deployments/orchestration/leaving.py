"""What Prefect has of a tenant that leaves: its deployments with their schedules, and its flow runs with logs and artifacts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

from deployments.orchestration.our_deployments import Deployment, read_deployments
from deployments.orchestration.prefect_calls import with_prefect
from deployments.orchestration.tenant_deployments import delete_deployment
from flows.registry import operations

END_SECONDS = 60.0
"""For how long flow runs under way are waited for once they are cancelled."""

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Held:
    """How much there is: schedules, flow runs in all, and those of them that are under way."""

    schedules: int
    flow_runs: int
    under_way: int


def held(slug: str) -> Held:
    """What Prefect has of the tenant. PrefectUnavailableError when its server does not answer."""

    async def done(client: PrefectClient) -> Held:
        found = await read_deployments(client, operations())
        counts = [
            await client.count_flow_runs(flow_filter=_flows(found), flow_run_filter=_runs(slug, under_way=only))
            for only in (False, True)
        ]
        return Held(sum(len(one.schedules) for one in found if one.tenant == slug), *counts)

    return with_prefect(done)


def let_go(slug: str) -> int:
    """Deletes all of it; what is under way is cancelled first. Gives how many flow runs have not ended END_SECONDS later.

    Those stay, with nothing else of the tenant: doing it again goes on.
    """

    async def done(client: PrefectClient) -> int:
        found = await read_deployments(client, operations())
        for one in found:
            if one.tenant == slug:
                with suppress(ObjectNotFound):
                    await delete_deployment(client, one)
        told = set[UUID]()
        with anyio.move_on_after(END_SECONDS):
            # A page at a time: what comes after it is seen once these have ended.
            while under_way := await _page(client, found, slug, under_way=True):
                for run in under_way:
                    if run.id not in told:
                        with suppress(ObjectNotFound):
                            await client.set_flow_run_state(run.id, Cancelling())
                    told.add(run.id)
                await anyio.sleep(1)
        left = {run.id for run in await _page(client, found, slug, under_way=True)}
        while gone := [run for run in await _page(client, found, slug, under_way=False) if run.id not in left]:
            for run in gone:
                with suppress(ObjectNotFound):
                    await client.delete_flow_run(run.id)
        return len(left)

    return with_prefect(done)


def _flows(found: list[Deployment]) -> FlowFilter:
    return FlowFilter(name=FlowFilterName(any_=sorted({*operations(), *(one.operation for one in found)})))


def _runs(slug: str, *, under_way: bool) -> FlowRunFilter:
    states = FlowRunFilterState.model_validate({"type": {"any_": ["RUNNING", "CANCELLING", "PENDING", "PAUSED"]}})
    return FlowRunFilter(tags=FlowRunFilterTags(all_=[f"tenant:{slug}"]), state=states if under_way else None)


async def _page(client: PrefectClient, found: list[Deployment], slug: str, *, under_way: bool) -> list[FlowRun]:
    return await client.read_flow_runs(
        flow_filter=_flows(found), flow_run_filter=_runs(slug, under_way=under_way), limit=_PAGE
    )
