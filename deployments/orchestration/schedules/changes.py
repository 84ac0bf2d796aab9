"""Operations started by the clock: each a schedule of its tenant's own deployment. Added, paused, resumed and removed here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from deployments.orchestration.our_deployments import Schedule, free_name, own_parameters, read_operation
from deployments.orchestration.prefect_calls import plan, with_prefect
from deployments.orchestration.schedules.listing import Scheduled, read_schedules, shown
from deployments.orchestration.schedules.times import Timing
from deployments.orchestration.tenant_deployments import (
    create_for_tenant,
    is_same,
    keep_schedule,
    remove_schedule,
    switch_schedule,
)
from flows.registry import operation_named
from runstore.errors import NotFoundError


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


@dataclass(frozen=True, slots=True)
class Choice:
    """The schedules meant: these tenants', and of them one by its id, or all of one operation."""

    tenants: Sequence[str]
    id: UUID | None = None
    operation: str | None = None


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
            wanted, schedule = (
                {"tenant": tenant, **checked},
                {"schedule": timing.for_tenant(tenant), "active": not paused},
            )
            if tenant in known:
                before[known[tenant].id] = await keep_schedule(client, known[tenant], wanted, schedule)
                continue
            names.add(new := free_name(tenant, checked.get("scope"), name, names))
            before[await create_for_tenant(client, base, new, wanted, schedule)] = None
        after = [one for one in await read_operation(client, operation) if one.id in before]
        await plan(client, [one.id for one in after if not one.is_paused])
        return [await _added(one.schedules[0], before[one.id]) for one in after if one.schedules]

    return with_prefect(done)


def change(choice: Choice, change_one: Callable[[PrefectClient, Schedule], Awaitable[Schedule]]) -> list[Scheduled]:
    """The change to each schedule chosen; those that there still were. NotFoundError when there is none of them."""

    async def done(client: PrefectClient) -> list[Scheduled]:
        chosen, changed = await _chosen(client, choice), list[Scheduled]()
        for one in chosen:
            try:
                changed.append(await shown(await change_one(client, one)))
            except ObjectNotFound:
                if len(chosen) == 1:
                    raise
        return changed

    return with_prefect(done)


CHANGES: Mapping[str, Callable[[Choice], list[Scheduled]]] = {
    "pause": lambda choice: change(choice, partial(switch_schedule, active=False)),
    "resume": lambda choice: change(choice, partial(switch_schedule, active=True)),
    "remove": lambda choice: change(choice, remove_schedule),
}
"""What the commands of these names do."""


async def _chosen(client: PrefectClient, choice: Choice) -> list[Schedule]:
    found = await read_schedules(client, choice.tenants)
    chosen = [
        one for one in found if choice.id in (None, one.id) and choice.operation in (None, one.deployment.operation)
    ]
    if chosen:
        return chosen
    if choice.operation is not None:
        operation_named(choice.operation)
    tenants = f"Tenant {choice.tenants[0]!r} has" if len(choice.tenants) == 1 else "These tenants have"
    what = f"schedule {choice.id}" if choice.id else f"schedule of {choice.operation}"
    raise NotFoundError(f"{tenants} no {what}; `tenantatlas schedule list` shows the schedules there are.")


async def _added(now: Schedule, was: Schedule | None) -> Added:
    if was is None:
        return Added(await shown(now), "added", None)
    if is_same(was.fields, now.fields):
        return Added(await shown(now), "unchanged", None)
    return Added(await shown(now), "changed", await shown(was))
