"""What an earlier `deploy` left with Prefect: deployments of operations that are gone, and runs that wait in another pool."""

import shlex
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName
from prefect.exceptions import ObjectNotFound

from deployments.orchestration.deploy_tenants import TenantDeployed
from deployments.orchestration.our_deployments import Deployment, read_deployments, read_operation
from deployments.orchestration.tenant_deployments import delete_deployment
from flows.registry import broken, operations

# How many names a sentence has room for.
SHOWN = 5

Left = list[tuple[dict[str, Any], str]]
"""What was left, each as it stands in `deploy --json` and as a sentence with the next step."""


async def missing_operations(client: PrefectClient, *, remove: bool) -> Left:
    """Our deployments of operations that no producer here declares, an operation each; deleted if `remove` says so."""
    found: dict[str, list[Deployment]] = {}
    for one in await read_deployments(client, ()):
        if one.operation not in operations() and (one.is_operations or one.tenant is not None):
            found.setdefault(one.operation, []).append(one)
    # Of a producer that is broken here nobody knows what it declares: that is not a reason to delete its schedules.
    remove = remove and not broken()
    if remove:
        await delete_all(client, [one for each in found.values() for one in each])
    missing: Left = []
    for name, deployments in sorted(found.items()):
        schedules = [schedule for one in deployments for schedule in one.schedules]
        count = len([one for one in schedules if remove or (one.is_active and not one.deployment.is_paused)])
        counted = f"{count} schedule{'' if count == 1 else 's'}"
        firing = f", and its {counted} go{'es' if count == 1 else ''} on firing" if count else ""
        told = (
            f"{name} is registered with Prefect but no producer here declares it{firing}: install its producer here, or run "
            "`tenantatlas deploy --remove-missing`."
        )
        if remove:
            told = f"{name}, which no producer here declares, was removed from Prefect with its {counted}."
        missing.append(({"operation": name, "schedules": count, "outcome": "removed" if remove else "kept"}, told))
    return missing


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
    gone = {id: line for id, line in deployed if line["tenant"] not in tenants}
    if not gone:
        return []
    if remove:
        for name in dict.fromkeys(line["operation"] for line in gone.values()):
            await delete_all(client, [one for one in await read_operation(client, name) if one.id in gone])
    names = ", ".join(f"{line['operation']}/{line['name']}" for line in list(gone.values())[:SHOWN])
    more = f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else ""
    if remove:
        return [f"{names}{more}: removed from Prefect, because the run store has no such tenant."]
    return [
        f"{names}{more}: scheduled for a tenant that the run store does not have, so what it starts fails: add the tenant, or run "
        "`tenantatlas deploy --remove-missing`."
    ]


async def delete_all(client: PrefectClient, deployments: Sequence[Deployment]) -> None:
    """Deletes them, with their schedules; one that is gone already is not an error."""
    for one in deployments:
        with suppress(ObjectNotFound):
            await delete_deployment(client, one)


async def waiting_elsewhere(client: PrefectClient, deployments: Sequence[UUID], pool: str) -> Left:
    """How many flow runs of these deployments wait in pools other than theirs, a pool each.

    A flow run stays in the queue it was made in: Prefect's API moves none. Only a worker of that pool ends them; until then
    the rows of handed-over runs stay queued, and no identical run can be started.
    """
    # A suspended run goes on in the pool it began in.
    not_taken = {"type": {"any_": ["SCHEDULED", "PAUSED"]}}
    mine = FlowRunFilter.model_validate({"deployment_id": {"any_": deployments}, "state": not_taken})
    found: Left = []
    for other in sorted(one.name for one in await client.read_work_pools() if one.name != pool):
        there = WorkPoolFilter(name=WorkPoolFilterName(any_=[other]))
        if count := await client.count_flow_runs(flow_run_filter=mine, work_pool_filter=there):
            told = (
                f"{count} run{' waits' if count == 1 else 's wait'} in the work pool {other}, to which nothing new goes: let "
                f"`tenantatlas worker --pool {shlex.quote(other)}` serve it until they are done."
            )
            found.append(({"work_pool": other, "flow_runs": count}, told))
    return found
