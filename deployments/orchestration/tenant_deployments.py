"""Makes a tenant's deployment, brings its schedule to what is wanted, pauses, resumes and removes it: one at a time."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from deployments.orchestration.our_deployments import Deployment, Schedule, tags_for
from deployments.orchestration.prefect_calls import PrefectRefusesError, plan

_UNFINISHED = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")
_COPIED = """
    flow_id entrypoint work_pool_name work_queue_name job_variables version description parameter_openapi_schema
    enforce_parameter_schema
""".split()  # noqa: SIM905 - short in this way


async def create_for_tenant(
    client: PrefectClient,
    base: Deployment,
    name: str,
    parameters: Mapping[str, Any],
    schedule: Mapping[str, Any],
    *,
    paused: bool = False,
) -> UUID:
    """Makes a tenant's deployment as the operation's own is, with these parameters and this schedule. Gives its id.

    `paused` holds it as a whole. The operation's limit is shared. PrefectRefusesError when someone else made one of that name
    since the names were read: Prefect's server has put this one in its place.
    """
    body = {
        **{field: base.fields[field] for field in _COPIED},
        "name": name,
        "parameters": dict(parameters),
        "tags": tags_for(base.operation, str(parameters["tenant"]), parameters),
        "schedules": [dict(schedule)],
        "paused": paused,
        "global_concurrency_limit_id": base.shared_limit,
    }
    answer = await client.request("POST", "/deployments/", json=body)
    if answer.status_code != 201:
        raise PrefectRefusesError(
            f"Someone else added {base.operation}/{name} at this moment, and this may have taken its place: look at "
            "`tenantatlas schedule list`, and add what is missing again."
        )
    return UUID(answer.json()["id"])


async def add_schedule(client: PrefectClient, deployment: UUID, schedule: Mapping[str, Any]) -> None:
    await client.request("POST", "/deployments/{id}/schedules", path_params={"id": deployment}, json=[dict(schedule)])


async def keep_schedule(
    client: PrefectClient, deployment: Deployment, parameters: Mapping[str, Any], schedule: Mapping[str, Any]
) -> tuple[str, Schedule | None]:
    """Brings the deployment's oldest schedule to this one: added, changed or unchanged, and how a changed one was."""
    if deployment.parameters.get("tenant") != parameters["tenant"]:
        await client.update_deployment(deployment.id, DeploymentUpdate(parameters=dict(parameters)))
    if not deployment.schedules:
        await add_schedule(client, deployment.id, schedule)
        return "added", None
    was = deployment.schedules[0]
    wanted = {**schedule, "active": was.is_active and schedule["active"], "parameters": was.fields["parameters"]}
    if is_same(was.fields, wanted):
        return "unchanged", None
    place = {"id": deployment.id, "schedule_id": was.id}
    await client.request("PATCH", "/deployments/{id}/schedules/{schedule_id}", path_params=place, json=wanted)
    return "changed", was


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two schedules, each as sent or as read, fire at the same times and are both active or both not."""
    return one["active"] == other["active"] and _fires(one["schedule"]) == _fires(other["schedule"])


def _fires(schedule: Mapping[str, Any]) -> Mapping[str, Any]:
    # The server adds defaults and writes moments in its own way.
    found = {"timezone": None, "day_or": True, **schedule}
    if "anchor_date" in found:
        found["anchor_date"] = datetime.fromisoformat(str(found["anchor_date"]).replace("Z", "+00:00"))
    return found


async def switch_schedule(client: PrefectClient, schedule: Schedule, *, active: bool) -> Schedule:
    """Lets it start runs or not: as it is now. ObjectNotFound when it is gone.

    Times that pass while it is paused are not made up: what it had planned is deleted, the late runs as well.
    """
    deployment = schedule.deployment
    if schedule.is_active != active:
        # Prefect's server empties the parameters of an update that does not repeat them.
        kept = schedule.fields["parameters"]
        await client.update_deployment_schedule(deployment.id, schedule.id, active=active, parameters=kept)
    # The runs to come are gone with the change, the late ones are not.
    late: list[FlowRun] = []
    while not active and (
        page := await client.read_flow_runs(flow_run_filter=_runs(deployment, "SCHEDULED"), offset=len(late))
    ):
        late += page
    for run in late:
        # A run that waits for its second attempt has begun.
        unbegun = run.auto_scheduled and run.run_count == 0
        if unbegun and run.created_by is not None and run.created_by.id == schedule.id:
            with suppress(ObjectNotFound):
                await client.delete_flow_run(run.id)
    await plan(client, [] if deployment.is_paused else [deployment.id])
    return replace(schedule, fields={**schedule.fields, "active": active})


async def remove_schedule(client: PrefectClient, schedule: Schedule) -> Schedule:
    """Removes it and what it had planned: as it was. Runs that have started go on. ObjectNotFound when it is gone.

    A tenant's deployment goes with its last schedule, unless a run of it is under way: that needs it.
    """
    deployment = schedule.deployment
    await client.delete_deployment_schedule(deployment.id, schedule.id)
    if deployment.tenant is None or await client.read_deployment_schedules(deployment.id):
        await plan(client, [] if deployment.is_paused else [deployment.id])
    elif not await client.count_flow_runs(flow_run_filter=_runs(deployment, *_UNFINISHED)):
        await delete_deployment(client, deployment)
    return schedule


async def delete_deployment(client: PrefectClient, deployment: Deployment) -> None:
    """Deletes it. The limit it shares is let go of first: Prefect's server deletes a deployment's limit with it."""
    if deployment.shared_limit is not None and deployment.tenant is not None:
        unlinked = {"global_concurrency_limit_id": None}
        await client.request("PATCH", "/deployments/{id}", path_params={"id": deployment.id}, json=unlinked)
    await client.delete_deployment(deployment.id)


def _runs(deployment: Deployment, *states: str) -> FlowRunFilter:
    return FlowRunFilter.model_validate(
        {"deployment_id": {"any_": [deployment.id]}, "state": {"type": {"any_": states}}}
    )
