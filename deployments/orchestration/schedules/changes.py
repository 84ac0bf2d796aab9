"""Operations started by the clock: kept as schedules of Prefect's deployments, one a tenant, visible in Prefect's UI.

Added, paused and removed here, and listed by `listing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient

from deployments.orchestration.schedules.arithmetic import as_prefect, same
from deployments.orchestration.schedules.identity import Known, essence, parameters_of, slug, tenant_of
from deployments.orchestration.schedules.listing import Scheduled, Shown, known_operations
from deployments.orchestration.schedules.prefect_calls import with_prefect
from deployments.orchestration.schedules.times import Timing
from deployments.orchestration.schedules.timetable import Row, Timetable
from flows.producer import Operation
from flows.registry import operations
from runstore.errors import BadInputError, NotFoundError


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
    """The schedules, one a tenant. The same work of a tenant under the same name is one schedule, whose timing is changed.

    One that is there stays paused or active, except that `paused` pauses it. Again, or after we died half-way through, it changes
    what still differs: the new ones are made all at once, then the others changed.

    Raises BadInputError for an unknown operation or parameters it does not take, PrefectUnavailableError, and
    NotFoundError when the operation is not registered with Prefect yet.
    """
    declared = declared_operation(operation)
    checked = dict(declared.request(parameters).parameters)
    work = essence(declared, checked)
    assert work is not None, "they were taken just now"

    async def done(client: PrefectClient) -> list[Added]:
        timetable = await Timetable.read(client, operation)
        known = Known(declared, timetable.rows)
        found = {tenant: known.find(tenant, work, name) for tenant in tenants}
        wanted = {tenant: as_prefect(timing.for_tenant(tenant)) for tenant in tenants}
        new = [
            {
                "schedule": wanted[tenant],
                "active": not paused,
                "parameters": {"tenant": tenant, **checked},
                "slug": slug(tenant, work, name),
            }
            for tenant, row in found.items()
            if row is None
        ]
        changes = {
            row.id: changed
            for tenant, row in found.items()
            if row and (changed := _changed(row, declared, work, {"tenant": tenant, **checked}, wanted[tenant], paused))
        }
        rows = {tenant_of(row): row for row in await timetable.create(new)}
        rows |= {tenant: changes.get(row.id, row) for tenant, row in found.items() if row}
        await timetable.change(list(changes.values()))
        await timetable.settle([row.id for row in rows.values() if not row.active])
        shown = Shown(timetable)
        return [
            Added(
                await shown.of(rows[tenant]),
                "added" if row is None or row.is_removed else "changed" if row.id in changes else "unchanged",
                None if row is None or row.is_removed or row.id not in changes else await shown.of(row),
            )
            for tenant, row in found.items()
        ]

    return with_prefect(done)


def switch(choice: Choice, *, active: bool) -> list[Scheduled]:
    """Stops the schedules chosen from starting anything, or lets them again. Nobody else's are touched.

    Times that pass while one is paused are not made up: what it had planned, the late runs as well, is deleted. NotFoundError
    when there is no such schedule.
    """

    async def done(client: PrefectClient) -> list[Scheduled]:
        timetable, rows = await _chosen(client, choice)
        switched = await timetable.change([replace(row, active=active) for row in rows])
        await timetable.settle([] if active else [row.id for row in switched])
        shown = Shown(timetable)
        return [await shown.of(row) for row in switched]

    return with_prefect(done)


def remove(choice: Choice) -> list[Scheduled]:
    """Forgets the schedules chosen and what they had planned; runs that have started go on. As they were; see `switch`."""

    async def done(client: PrefectClient) -> list[Scheduled]:
        timetable, rows = await _chosen(client, choice)
        was = {row.id: row for row in rows}
        shown = Shown(timetable)
        return [await shown.of(was[row.id]) for row in await timetable.remove(rows)]

    return with_prefect(done)


def declared_operation(operation: str) -> Operation:
    """The operation of that name. BadInputError when there is none."""
    declared = operations().get(operation)
    if declared is None:
        raise BadInputError(f"{operation[:80]!r} is no operation here; there are {', '.join(operations())}.")
    return declared


def _changed(
    row: Row,
    declared: Operation,
    work: str,
    parameters: Mapping[str, Any],
    schedule: Mapping[str, Any],
    paused: bool,
) -> Row | None:
    """The row as it has to become; None when it is so already. A removed one comes back."""
    # Prefect's own `deployment schedule pause` leaves a schedule without parameters: neither its work nor its tenant is left.
    kept = tenant_of(row) == parameters["tenant"] and essence(declared, parameters_of(row)) == work
    wanted = Row(
        row.id,
        row.slug,
        active=not paused and (row.active or row.is_removed),
        schedule=row.schedule if same(row.schedule, schedule) else schedule,
        parameters=row.parameters if kept else parameters,
    )
    return None if wanted == row else wanted


async def _chosen(client: PrefectClient, choice: Choice) -> tuple[Timetable, list[Row]]:
    known = await known_operations(client)
    if choice.operation is not None and choice.operation not in known:
        declared_operation(choice.operation)
    wanted = frozenset(choice.tenants)
    for operation in known if choice.operation is None else [choice.operation]:
        try:
            timetable = await Timetable.read(client, operation)
        except NotFoundError:
            continue
        rows = [row for row in timetable.rows if tenant_of(row) in wanted and choice.id in (None, row.id)]
        if rows:
            return timetable, rows
    raise NotFoundError(_missing(choice))


def _missing(choice: Choice) -> str:
    tenants = f"Tenant {choice.tenants[0]!r} has" if len(choice.tenants) == 1 else "These tenants have"
    what = f"schedule {choice.id}" if choice.id else f"schedule of {choice.operation}"
    return f"{tenants} no {what}; `tenantatlas schedule list` shows the schedules there are."
