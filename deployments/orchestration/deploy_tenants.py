"""What `deploy` does about scheduled tenants: moves schedules of earlier releases, keeps every deployment up to date."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient

from deployments.orchestration.our_deployments import (
    Deployment,
    Schedule,
    free_name,
    own_parameters,
    read_operation,
    tags_for,
)
from deployments.orchestration.prefect_calls import PrefectCannotPlanError, PrefectHasNotPlannedError, plan
from deployments.orchestration.tenant_deployments import add_schedule, create_for_tenant, is_same
from flows.producer import Operation

# Until now a schedule that was removed while others were late stood there as this.
_REMOVED: Mapping[str, Any] = {"removed": True}
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# How far our clock may be ahead of the server's, for which runs count as planned before a change.
_MARGIN = timedelta(seconds=5)


TenantDeployed = tuple[UUID, dict[str, Any]]
"""A tenant's deployment, and its line of `deploy --json`: moved, changed or unchanged, and which fields differed."""


async def keep_tenants(
    client: PrefectClient, operation: Operation, wanted: Mapping[str, Any], notes: list[str]
) -> list[TenantDeployed]:
    """Brings every tenant's deployment of the operation to `wanted`, after schedules of earlier releases have moved to theirs.

    Adds to `notes` what a person has to know.
    """
    kept: list[TenantDeployed] = []
    name = str(operation.type)
    there = await read_operation(client, name)
    base = next(one for one in there if one.is_operations)
    moved = await _move(client, operation, base, there, notes) if base.schedules else {}
    for one in await read_operation(client, name) if moved else there:
        tenant = one.tenant
        if tenant is None:
            continue
        differing = _differing(one, tenant, base, wanted)
        if differing:
            since = datetime.now(UTC) - _MARGIN
            await client.request("PATCH", "/deployments/{id}", path_params={"id": one.id}, json=differing)
            await _plan(client, [] if one.is_paused else [one.id], notes, since)
        outcome = "moved" if one.id in moved else "changed" if differing else "unchanged"
        line = {"operation": name, "name": one.name, "tenant": tenant, "outcome": outcome, "changed": tuple(differing)}
        kept.append((one.id, line))
    if moved:
        schedules = sum(moved.values())
        notes.append(
            f"{name}: {schedules} schedule{' has' if schedules == 1 else 's have'} moved to deployments of their tenants, "
            "as they were; `tenantatlas schedule list` shows them."
        )
    return kept


def _differing(one: Deployment, tenant: str, base: Deployment, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of a tenant's deployment has to change. What people set beside it stays."""
    ours = {name: value for name, value in wanted.items() if name not in ("tags", "concurrency_limit")}
    found = {name: value for name, value in ours.items() if one.fields[name] != value}
    tags = list(dict.fromkeys([*one.fields["tags"], *tags_for(one.operation, tenant, one.parameters)]))
    if tags != list(one.fields["tags"]):
        found["tags"] = tags
    if one.parameters.get("tenant") != tenant:
        found["parameters"] = {**one.parameters, "tenant": tenant}
    if base.shared_limit is not None and one.shared_limit is None:
        found["global_concurrency_limit_id"] = base.shared_limit
    return found


async def _move(
    client: PrefectClient, operation: Operation, base: Deployment, there: Sequence[Deployment], notes: list[str]
) -> dict[UUID, int]:
    """Gives each schedule of the operation's own deployment that names a tenant to that tenant's: how many went to which.

    First they are made there, then all are taken from here at once: if we die in between, both fire, and their runs meet as one;
    the next `deploy` finds what there is and takes the rest away. Late runs stay, and runs that have begun go on.
    """
    names = {one.name for one in there}
    known = {
        _work(operation, one.tenant, one.schedule_name, one.parameters): (
            one.id,
            [kept.fields for kept in one.schedules],
        )
        for one in reversed(there)
        if one.tenant
    }
    moved: dict[UUID, int] = {}
    left: list[Schedule] = []
    for one in base.schedules:
        tenant = one.tenant
        if tenant is None or not _SLUG.fullmatch(tenant):
            left += [] if one.fields["parameters"] == _REMOVED else [one]
            continue
        told = {"schedule": one.fields["schedule"], "active": one.is_active}
        # The name it was added under in an earlier release, which wrote it into the schedule's own.
        slug = re.fullmatch(rf"{tenant}-[0-9a-f]{{10}}-([a-z0-9][a-z0-9-]{{0,29}})", one.fields["slug"] or "")
        name = slug[1] if slug else None
        work = _work(operation, tenant, name, one.parameters)
        if work not in known:
            names.add(new := free_name(tenant, one.parameters.get("scope"), name, names))
            made = await create_for_tenant(client, base, new, one.parameters, told, paused=base.is_paused)
            known[work] = made, [told]
        there_too, schedules = known[work]
        if not any(is_same(found, told) for found in schedules):
            await add_schedule(client, there_too, told)
            schedules.append(told)
        moved[there_too] = moved.get(there_too, 0) + 1
    await _plan(client, [] if base.is_paused else moved, notes)
    if len(left) < len(base.schedules):
        # In one step and by its name, as Prefect's server takes it for one that is there: deleting schedules one by one would
        # also delete every run that is late, of whichever tenant.
        kept = [{field: one.fields[field] for field in ("schedule", "active", "parameters", "slug")} for one in left]
        body = {"name": base.name, "flow_id": base.fields["flow_id"], "schedules": kept}
        await client.request("POST", "/deployments/", json=body)
    notes += [
        f"{base.operation}: a schedule of its own deployment ({one.fields['slug'] or one.id}) names no tenant, so what it starts "
        "fails: remove it in Prefect's UI, and add it again with `tenantatlas schedule add`."
        for one in left
    ]
    return moved


def _work(operation: Operation, tenant: str | None, name: str | None, parameters: Mapping[str, Any]) -> str:
    return repr((tenant, name, sorted(operation.essence(own_parameters(parameters)).items())))


async def _plan(
    client: PrefectClient,
    deployments: Sequence[UUID] | Mapping[UUID, int],
    notes: list[str],
    since: datetime | None = None,
) -> None:
    """What to tell when the server cannot plan now: everything is registered all the same."""
    try:
        await plan(client, deployments, since)
    except (PrefectCannotPlanError, PrefectHasNotPlannedError) as problem:
        if str(problem) not in notes:
            notes.append(str(problem))
