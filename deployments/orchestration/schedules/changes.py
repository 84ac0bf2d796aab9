"""Operations started by the clock: each a schedule of its tenant's own deployment. Listed, added, changed and removed here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal
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
    is_same,
    keep_schedule,
    remove_schedule,
    switch_schedule,
)
from flows.registry import operation_named, operations
from runstore.errors import NotFoundError

NEXT_RUNS = 3


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One schedule as listed: what it starts for which tenant, when, and the next times, in UTC.

    `deployment` is `OPERATION/NAME`, as Prefect's command wants it. `held` is whether that is paused as a whole: an active
    schedule of it fires nothing either.
    """

    id: UUID
    tenant: str
    operation: str
    deployment: str
    name: str | None
    parameters: Mapping[str, Any]
    timing: str
    timezone: str
    active: bool
    held: bool
    next_runs: Sequence[datetime]

    def as_json(self) -> dict[str, Any]:
        """The JSON shape of `schedule list`."""
        values = {name: getattr(self, name) for name in self.__slots__}
        moments = [moment.isoformat().replace("+00:00", "Z") for moment in self.next_runs]
        return {**values, "id": str(self.id), "next_runs": moments}


@dataclass(frozen=True, slots=True)
class Added:
    """One schedule after `add`, and what became of it. `before` is how a changed one was."""

    schedule: Scheduled
    change: Literal["added", "changed", "unchanged"]
    before: Scheduled | None

    def as_json(self) -> dict[str, Any]:
        """The JSON shape of `schedule add`."""
        was = self.before
        before = None if was is None else {"timing": was.timing, "timezone": was.timezone, "active": was.active}
        return {**self.schedule.as_json(), "change": self.change, "before": before}


def find(tenants: Sequence[str]) -> list[Scheduled]:
    """Every schedule of these tenants, by tenant and deployment."""

    async def done(client: PrefectClient) -> list[Scheduled]:
        found = [await _shown(one) for one in await _read(client, tenants)]
        return sorted(found, key=lambda one: (one.tenant, one.deployment, one.timing))

    return with_prefect(done)


def add(
    tenants: Sequence[str],
    operation: str,
    parameters: Mapping[str, Any],
    timing: Timing,
    *,
    name: str | None,
    paused: bool,
) -> list[Added]:
    """The schedules, one a tenant. The same work of a tenant under the same name is one schedule, which gets the timing.

    One that is there stays paused or active, except that `paused` pauses it. Again, or after we died half-way through, it does
    what is still to do. Raises BadInputError for an unknown operation or parameters it does not take, an error of `plan`, and
    NotFoundError when the operation is not registered with Prefect yet.
    """
    declared = operation_named(operation)
    checked = dict(declared.request(parameters).parameters)
    work = declared.essence(checked)

    async def done(client: PrefectClient) -> list[Added]:
        there = await read_operation(client, operation)
        base = next((one for one in there if one.is_operations), None)
        if base is None:
            raise NotFoundError(f"{operation} is not registered with Prefect yet; run `tenantatlas deploy` first.")
        named = [one for one in reversed(there) if one.schedule_name == name]
        known = {one.tenant: one for one in named if declared.essence(own_parameters(one.parameters)) == work}
        names = {one.name for one in there}
        before: dict[UUID, Schedule | None] = {}
        for tenant in tenants:
            wanted = {"tenant": tenant, **checked}
            schedule = {"schedule": timing.for_tenant(tenant), "active": not paused}
            if tenant in known:
                before[known[tenant].id] = await keep_schedule(client, known[tenant], wanted, schedule)
            else:
                names.add(new := free_name(tenant, checked.get("scope"), name, names))
                before[await create_for_tenant(client, base, new, wanted, schedule)] = None
        after = [one for one in await read_operation(client, operation) if one.id in before]
        await plan(client, [one.id for one in after if not one.is_paused])
        added: list[Added] = []
        for now, was in ((one.schedules[0], before[one.id]) for one in after if one.schedules):
            is_changed = was is not None and not is_same(was.fields, now.fields)
            what = "added" if was is None else "changed" if is_changed else "unchanged"
            added.append(Added(await _shown(now), what, await _shown(was) if was and is_changed else None))
        return added

    return with_prefect(done)


CHANGES: Mapping[str, Callable[[PrefectClient, Schedule], Awaitable[Schedule]]] = {
    "pause": partial(switch_schedule, active=False),
    "resume": partial(switch_schedule, active=True),
    "remove": remove_schedule,
}
"""What the commands of these names do to one schedule."""


def change(verb: str, tenants: Sequence[str], *, id: UUID | None, operation: str | None) -> list[Scheduled]:
    """One of CHANGES to these tenants' schedule of that id, or to all of one operation: those that there still were.

    NotFoundError when there is none of them.
    """

    async def done(client: PrefectClient) -> list[Scheduled]:
        found, changed = await _read(client, tenants), list[Scheduled]()
        chosen = [one for one in found if id in (None, one.id) and operation in (None, one.deployment.operation)]
        if not chosen:
            if operation is not None:
                operation_named(operation)
            whose = f"Tenant {tenants[0]!r} has" if len(tenants) == 1 else "These tenants have"
            what = f"schedule {id}" if id else f"schedule of {operation}"
            raise NotFoundError(f"{whose} no {what}; `tenantatlas schedule list` shows the schedules there are.")
        for one in chosen:
            try:
                changed.append(await _shown(await CHANGES[verb](client, one)))
            except ObjectNotFound:
                if len(chosen) == 1:
                    raise
        return changed

    return with_prefect(done)


async def _read(client: PrefectClient, tenants: Sequence[str]) -> list[Schedule]:
    """The schedules of these tenants, also of a producer that is gone: what that has goes on firing and has to be seen."""
    found = await read_deployments(client, operations())
    return [schedule for one in found for schedule in one.schedules if schedule.tenant in frozenset(tenants)]


async def _shown(schedule: Schedule) -> Scheduled:
    kept, deployment = schedule.fields["schedule"], schedule.deployment
    timing, timezone = said(kept)
    fires = schedule.is_active and not deployment.is_paused
    return Scheduled(
        id=schedule.id,
        tenant=schedule.tenant or "",
        operation=deployment.operation,
        deployment=f"{deployment.operation}/{deployment.name}",
        name=deployment.schedule_name,
        parameters=own_parameters(schedule.parameters),
        timing=timing,
        timezone=timezone,
        active=schedule.is_active,
        held=deployment.is_paused,
        next_runs=await next_times(kept, NEXT_RUNS) if fires else (),
    )
