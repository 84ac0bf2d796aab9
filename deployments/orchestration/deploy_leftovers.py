"""What an earlier `deploy` left with Prefect: deployments of operations that are gone, and runs that wait in another pool."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from flows._tracking.dispatcher import DEPLOYMENT, TAG

OURS = DeploymentFilter(name=DeploymentFilterName(any_=[DEPLOYMENT]), tags=DeploymentFilterTags(all_=[TAG]))
"""Our deployments have both our name and our tag: a person's own may have one of the two, and is not ours to delete."""

# A suspended run goes on in the pool it began in.
NOT_TAKEN = [StateType.SCHEDULED, StateType.PAUSED]


@dataclass(frozen=True, slots=True)
class Missing:
    """A deployment of ours whose operation no producer here declares; `schedules` are those that go on firing."""

    operation: str
    schedules: int
    removed: bool

    def told(self) -> str:
        """A sentence with the next step."""
        schedules = f"{self.schedules} schedule{'' if self.schedules == 1 else 's'}"
        if self.removed:
            return f"{self.operation}, which no producer here declares, was removed from Prefect with its {schedules}."
        firing = f", and its {schedules} go{'es' if self.schedules == 1 else ''} on firing" if self.schedules else ""
        return (
            f"{self.operation} is registered with Prefect but no producer here declares it{firing}: install its producer "
            "here, or run `tenantatlas deploy --remove-missing`."
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Flow runs of ours in a pool that is not the deployments' own any more."""

    work_pool: str
    flow_runs: int

    def told(self) -> str:
        """A sentence with the next step."""
        runs = f"{self.flow_runs} run waits" if self.flow_runs == 1 else f"{self.flow_runs} runs wait"
        return (
            f"{runs} in the work pool {self.work_pool}, to which nothing new goes: let `tenantatlas worker --pool "
            f"{shlex.quote(self.work_pool)}` serve it until they are done."
        )


async def missing_operations(client: PrefectClient, known: Collection[UUID], *, remove: bool) -> list[Missing]:
    """Our deployments that are none of the `known` ones, deleted if `remove` says so."""
    found: list[Missing] = []
    for deployment in await client.read_deployments(deployment_filter=OURS):
        if deployment.id in known:
            continue
        flow = await client.read_flow(deployment.flow_id)
        if remove:
            with suppress(ObjectNotFound):
                await client.delete_deployment(deployment.id)
        firing = 0 if deployment.paused else sum(schedule.active for schedule in deployment.schedules)
        found.append(Missing(flow.name, len(deployment.schedules) if remove else firing, remove))
    return sorted(found, key=lambda one: one.operation)


async def waiting_elsewhere(client: PrefectClient, deployments: Sequence[UUID], pool: str) -> list[Waiting]:
    """How many flow runs of these deployments wait in pools other than theirs, a pool each.

    A flow run stays in the queue it was made in: Prefect's API moves none. Only a worker of that pool ends them; until then
    the rows of handed-over runs stay queued, and no identical run can be started.
    """
    mine = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=list(deployments)),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=NOT_TAKEN)),
    )
    found: list[Waiting] = []
    for other in sorted(one.name for one in await client.read_work_pools() if one.name != pool):
        there = WorkPoolFilter(name=WorkPoolFilterName(any_=[other]))
        if count := await client.count_flow_runs(flow_run_filter=mine, work_pool_filter=there):
            found.append(Waiting(other, count))
    return found
