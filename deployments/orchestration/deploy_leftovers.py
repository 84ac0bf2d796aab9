"""What an earlier `deploy` left with Prefect: deployments of operations that are gone, and runs that wait in another pool."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from deployments.orchestration.deploy_tenants import TenantDeployed
from deployments.orchestration.our_deployments import Deployment, read_deployments, read_operation
from deployments.orchestration.tenant_deployments import delete_deployment
from flows.registry import broken, operations

# How many names a sentence has room for.
SHOWN = 5

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


async def missing_operations(client: PrefectClient, *, remove: bool) -> list[Missing]:
    """Our deployments of operations that no producer here declares, an operation each; deleted if `remove` says so."""
    found: dict[str, list[Deployment]] = {}
    for one in await read_deployments(client, ()):
        if one.operation not in operations() and (one.is_operations or one.tenant is not None):
            found.setdefault(one.operation, []).append(one)
    # Of a producer that is broken here nobody knows what it declares: that is no reason to delete its schedules.
    remove = remove and not broken()
    if remove:
        await delete_all(client, [one for each in found.values() for one in each])
    return [Missing(name, _counted(each, all_of_them=remove), remove) for name, each in sorted(found.items())]


async def strangers(
    client: PrefectClient, deployed: Sequence[TenantDeployed], tenants: Collection[str] | None, *, remove: bool
) -> list[str]:
    """What to tell of deployments of tenants that the run store does not have; deleted if `remove` says so.

    `tenants` are those it has; None when it could not be asked. One without any tenant is not the one that schedules are for.
    """
    if not tenants:
        return [
            "Whether every scheduled tenant is still there was not looked at: no run store with tenants answers here."
        ]
    gone = [one for one in deployed if one.tenant not in tenants]
    if not gone:
        return []
    if remove:
        for name in dict.fromkeys(one.operation for one in gone):
            ids = {one.id for one in gone}
            await delete_all(client, [one for one in await read_operation(client, name) if one.id in ids])
    names = ", ".join(f"{one.operation}/{one.name}" for one in gone[:SHOWN])
    more = f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else ""
    if remove:
        return [f"{names}{more}: removed from Prefect, because the run store has no such tenant."]
    return [
        f"{names}{more}: scheduled for a tenant that the run store does not have, so what it starts fails: add the tenant, or run "
        "`tenantatlas deploy --remove-missing`."
    ]


async def delete_all(client: PrefectClient, deployments: Sequence[Deployment]) -> None:
    """Deletes them, with their schedules; one that is gone already is no error."""
    for one in deployments:
        with suppress(ObjectNotFound):
            await delete_deployment(client, one)


def _counted(deployments: Sequence[Deployment], *, all_of_them: bool) -> int:
    """How many schedules they have; those that fire unless `all_of_them` are meant."""
    return sum(
        all_of_them or (schedule.is_active and not one.is_paused) for one in deployments for schedule in one.schedules
    )


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
