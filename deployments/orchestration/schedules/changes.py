"""Operations started by the clock: each a schedule of its tenant's own deployment. Listed, added, changed and removed here."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from deployments.orchestration.our_deployments import (
    Schedule,
    free_name,
    own_parameters,
    read_deployments,
    read_operation,
)
from deployments.orchestration.prefect_calls import plan, with_prefect
from deployments.orchestration.prefect_times import next_times
from deployments.orchestration.schedules.times import Timing, said
from deployments.orchestration.tenant_deployments import (
    create_for_tenant,
    keep_schedule,
    remove_schedule,
    switch_schedule,
)
from flows.registry import operation_named, operations
from runstore.errors import NotFoundError

NEXT_RUNS = 3

Shown = dict[str, Any]
"""One schedule as the JSON of `schedule list` has it. `deployment` is its name as Prefect's command wants it; `held` is whether
that is paused as a whole, so that an active schedule fires nothing either."""


def find(tenants: Sequence[str]) -> list[Shown]:
    async def done(client: PrefectClient) -> list[Shown]:
        found = [await _shown(one) for one in await _read(client, tenants)]
        return sorted(found, key=lambda one: (one["tenant"], one["deployment"], one["timing"]))

    return with_prefect(done)


def add(
    tenants: Sequence[str],
    operation: str,
    parameters: Mapping[str, Any],
    timing: Timing,
    *,
    name: str | None,
    paused: bool,
) -> list[Shown]:
    """The schedules, one a tenant, as the JSON of `schedule add` has them: `before` is how a changed one was. The same work of a
    tenant under the same name is one schedule, which gets the timing.

    One that is there stays paused or active, except that `paused` pauses it. Again, or after we died half-way through, it does
    what is still to do. Raises BadInputError for an unknown operation or parameters it does not take, an error of `plan`, and
    NotFoundError when the operation is not registered with Prefect yet.
    """
    declared = operation_named(operation)
    checked = dict(declared.request(parameters).parameters)
    work = declared.essence(checked)

    async def done(client: PrefectClient) -> list[Shown]:
        there = await read_operation(client, operation)
        base = next((one for one in there if one.is_operations), None)
        if base is None:
            raise NotFoundError(f"{operation} is not registered with Prefect yet; run `tenantatlas deploy` first.")
        named = [one for one in reversed(there) if one.schedule_name == name]
        known = {one.tenant: one for one in named if declared.essence(own_parameters(one.parameters)) == work}
        names = {one.name for one in there}
        made: dict[UUID, tuple[str, Schedule | None]] = {}
        for tenant in tenants:
            wanted = {"tenant": tenant, **checked}
            schedule = {"schedule": timing.for_tenant(tenant), "active": not paused}
            if tenant in known:
                made[known[tenant].id] = await keep_schedule(client, known[tenant], wanted, schedule)
            else:
                names.add(new := free_name(tenant, checked.get("scope"), name, names))
                made[await create_for_tenant(client, base, new, wanted, schedule)] = "added", None
        after = [one for one in await read_operation(client, operation) if one.id in made]
        await plan(client, [one.id for one in after if not one.is_paused])
        added: list[Shown] = []
        for one in after:
            what, was = made[one.id]
            timing_was, timezone_was = said(was.fields["schedule"]) if was else ("", "")
            before = was and {"timing": timing_was, "timezone": timezone_was, "active": was.is_active}
            # One that was removed meanwhile has none.
            added += [{**await _shown(now), "change": what, "before": before} for now in one.schedules[:1]]
        return added

    return with_prefect(done)


def change(verb: str, tenants: Sequence[str], *, id: UUID | None, operation: str | None) -> list[Shown]:
    """Pauses, resumes or removes these tenants' schedule of that id, or all of one operation: those that there still were.

    NotFoundError when there is none of them.
    """

    async def done(client: PrefectClient) -> list[Shown]:
        found, changed = await _read(client, tenants), list[Shown]()
        chosen = [one for one in found if id in (None, one.id) and operation in (None, one.deployment.operation)]
        if not chosen:
            if operation is not None:
                operation_named(operation)
            whose = f"Tenant {tenants[0]!r} has" if len(tenants) == 1 else "These tenants have"
            what = f"schedule {id}" if id else f"schedule of {operation}"
            raise NotFoundError(f"{whose} no {what}; `tenantatlas schedule list` shows the schedules there are.")
        for one in chosen:
            try:
                switched = None if verb == "remove" else switch_schedule(client, one, active=verb == "resume")
                changed.append(await _shown(await (switched or remove_schedule(client, one))))
            except ObjectNotFound:
                if len(chosen) == 1:
                    raise
        return changed

    return with_prefect(done)


async def _read(client: PrefectClient, tenants: Sequence[str]) -> list[Schedule]:
    """The schedules of these tenants, also of a producer that is gone: what that has goes on firing and has to be seen."""
    found = await read_deployments(client, operations())
    return [schedule for one in found for schedule in one.schedules if schedule.tenant in frozenset(tenants)]


async def _shown(schedule: Schedule) -> Shown:
    kept, deployment = schedule.fields["schedule"], schedule.deployment
    timing, timezone = said(kept)
    coming = await next_times(kept, NEXT_RUNS) if schedule.is_active and not deployment.is_paused else ()
    return {
        "id": schedule.id,
        "tenant": schedule.tenant or "",
        "operation": deployment.operation,
        "deployment": f"{deployment.operation}/{deployment.name}",
        "name": deployment.schedule_name,
        "parameters": own_parameters(schedule.parameters),
        "timing": timing,
        "timezone": timezone,
        "active": schedule.is_active,
        "held": deployment.is_paused,
        "next_runs": [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in coming],
    }
