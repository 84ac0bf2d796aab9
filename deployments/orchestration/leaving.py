"""What Prefect has of a tenant that leaves: its deployments with their schedules, and its flow runs with logs and artifacts."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

from deployments.orchestration.our_deployments import Deployment, read_deployments
from deployments.orchestration.prefect_calls import with_prefect
from deployments.orchestration.tenant_deployments import delete_deployment
from flows.registry import operations

END_SECONDS = 60.0
"""For how long flow runs under way are waited for once they are cancelled."""

_PAGE = 200
_ACTIVE = ["RUNNING", "CANCELLING", "PENDING", "PAUSED"]
_UNDER_WAY, _OTHERS = {"type": {"any_": _ACTIVE}}, {"type": {"not_any_": _ACTIVE}}


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
        counts = [await client.count_flow_runs(**_of(slug, found, state)) for state in (None, _UNDER_WAY)]
        return Held(sum(len(one.schedules) for one in found if one.tenant == slug), *counts)

    return with_prefect(done)


def let_go(slug: str) -> int:
    """Deletes all of it; what is under way is cancelled first. Gives how many flow runs have not ended END_SECONDS later.

    Those stay, with nothing else of the tenant: doing it again goes on.
    """

    async def done(client: PrefectClient) -> int:
        found = await read_deployments(client, operations())
        others, under_way = _of(slug, found, _OTHERS), _of(slug, found, _UNDER_WAY)
        for one in found:
            if one.tenant == slug:
                with suppress(ObjectNotFound):
                    await delete_deployment(client, one)
        told = set[UUID]()
        with anyio.move_on_after(END_SECONDS):
            # A page at a time: what comes after it is seen once these have ended.
            while runs := await client.read_flow_runs(**under_way, limit=_PAGE):
                for run in runs:
                    if run.id not in told:
                        with suppress(ObjectNotFound):
                            await client.set_flow_run_state(run.id, Cancelling())
                    told.add(run.id)
                await anyio.sleep(1)
        while gone := await client.read_flow_runs(**others, limit=_PAGE):
            for run in gone:
                with suppress(ObjectNotFound):
                    await client.delete_flow_run(run.id)
        return await client.count_flow_runs(**under_way)

    return with_prefect(done)


def _of(slug: str, found: list[Deployment], state: dict[str, Any] | None) -> dict[str, Any]:
    """The question for the tenant's flow runs, of operations that are here or that Prefect still has."""
    names = sorted({*operations(), *(one.operation for one in found)})
    return {
        "flow_filter": FlowFilter.model_validate({"name": {"any_": names}}),
        "flow_run_filter": FlowRunFilter.model_validate({"tags": {"all_": [f"tenant:{slug}"]}, "state": state}),
    }
