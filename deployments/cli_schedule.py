"""`tenantatlas schedule`: operations that Prefect starts by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.call import Answer, Call, command
from deployments.cli_inventory import ThenOption
from deployments.cli_runs import parse_id
from deployments.cli_tenants import TenantOption
from deployments.console import Table, when
from runstore.errors import BadInputError, NotFoundError
from runstore.tenancy import Permission

if TYPE_CHECKING:
    from deployments.schedules import Scheduled

ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE_ID", help="As `schedule list` shows it.")]


def add_commands(app: typer.Typer) -> None:
    """Adds the group `schedule`."""
    schedule = typer.Typer(help="Operations started by the clock.", rich_markup_mode=None)
    app.add_typer(schedule, name="schedule")
    command(schedule, "add", help="Start an operation regularly, for one tenant or for all.")(add)
    command(schedule, "list", help="List schedules and their next times.")(list_schedules)
    command(schedule, "pause", help="Let a schedule start nothing for now.")(pause)
    command(schedule, "resume", help="Let a paused schedule start runs again.")(resume)
    command(schedule, "remove", help="Forget a schedule.")(remove)


def add(
    call: Call,
    operation: Annotated[str, typer.Option("--operation", metavar="R.A", help="Such as drift.generate.")],
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="The tenant's slug.")] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="One schedule for each tenant there is.")] = False,
    scope: Annotated[str | None, typer.Option("--scope", metavar="KEY", help="The operation's scope.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="For inventory.sync: folder:PATH or graph.")] = None,
    then: ThenOption = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other parameter of the operation.")
    ] = None,
    cron: Annotated[str | None, typer.Option("--cron", help="Five fields, such as '0 6 * * *'.")] = None,
    every: Annotated[
        str | None, typer.Option("--every", metavar="SPAN", help="Such as 6h; 1d and 1w mean midnight in --timezone.")
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="Such as Europe/Berlin.")] = "UTC",
    jitter: Annotated[
        str | None, typer.Option("--jitter", metavar="SPAN", help="Spread the tenants over this span, such as 30m.")
    ] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Add it without letting it start anything yet.")] = False,
) -> Answer:
    parameters = {
        **_pairs(set_ or []),
        **{name: value for name, value in (("scope", scope), ("source", source), ("then", then)) if value},
    }
    if (tenant is None) == (not all_tenants):
        raise BadInputError("Say for whom with --tenant SLUG or with --all-tenants, one of the two.")
    tenants = _tenants(call, tenant, Permission.ADMINISTER)
    from deployments import schedules
    from deployments.schedule_times import parse_timing
    from flows._sources.opening import checked_source

    if "source" in parameters:
        parameters["source"] = checked_source(str(parameters["source"]))

    timing = parse_timing(cron=cron, every=every, timezone=timezone, jitter=jitter)
    added = schedules.add(tenants, operation, parameters, timing, active=not paused)
    return _answer(added, "No tenant, no schedule.")


def list_schedules(
    call: Call, tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only this one's.")] = None
) -> Answer:
    tenants = _tenants(call, tenant, Permission.VIEW)
    from deployments import schedules

    return _answer(schedules.find(tenants), "No schedules yet; `tenantatlas schedule add` adds one.")


def pause(call: Call, schedule: ScheduleArgument, tenant: TenantOption) -> Answer:
    return _switch(call, schedule, tenant, active=False)


def resume(call: Call, schedule: ScheduleArgument, tenant: TenantOption) -> Answer:
    return _switch(call, schedule, tenant, active=True)


def remove(call: Call, schedule: ScheduleArgument, tenant: TenantOption) -> Answer:
    found = _find(call, schedule, tenant)
    from deployments import schedules

    schedules.remove(found)
    return Answer({"removed": found.as_json()}, (f"The schedule {found.id} of {found.operation} is removed.",))


def _switch(call: Call, schedule: str, tenant: str, *, active: bool) -> Answer:
    found = _find(call, schedule, tenant)
    from deployments import schedules

    schedules.pause(found, active=active)
    said = "starts runs again" if active else "is paused"
    return Answer({"schedule": {**found.as_json(), "active": active}}, (f"The schedule {found.id} {said}.",))


def _find(call: Call, schedule: str, tenant: str) -> Scheduled:
    wanted = parse_id(schedule, "schedule id")
    tenants = _tenants(call, tenant, Permission.ADMINISTER)
    from deployments import schedules

    for found in schedules.find(tenants):
        if found.id == wanted:
            return found
    raise NotFoundError(f"Tenant {tenant!r} has no schedule {wanted}; `tenantatlas schedule list` shows its schedules.")


def _tenants(call: Call, tenant: str | None, permission: Permission) -> list[str]:
    """The tenants meant, each one checked: all that the actor may see when none is named. Points Prefect at its server."""
    from deployments.prefect_address import use_prefect
    from runstore.database import DatabaseRole
    from runstore.directory import Directory

    with call.open_store() as store:
        if tenant is not None:
            slugs = [tenant]
        elif call.acting_as is None:
            slugs = [found.slug for found in Directory(store.database(DatabaseRole.APP)).tenants()]
        else:
            member = Directory(store.database(DatabaseRole.APP)).member(call.acting_as)
            slugs = [found.slug for found, _ in member.tenants]
        for slug in slugs:
            store.scope(slug, call.acting_as).require(permission)
    use_prefect(call.settings)
    return slugs


def _pairs(given: list[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for pair in given:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise BadInputError(f"--set {pair[:80]!r} is no parameter: write it as NAME=VALUE.")
        parsed[name] = value
    return parsed


def _answer(found: list[Scheduled], empty: str) -> Answer:
    rows = [
        (
            one.id,
            one.tenant,
            one.operation,
            ", ".join(f"{name}={value}" for name, value in one.parameters.items() if value not in (None, "", [])),
            f"{one.timing} {one.timezone}",
            "active" if one.active else "paused",
            when(one.next_runs[0]) if one.next_runs else "-",
        )
        for one in found
    ]
    columns = ("Schedule", "Tenant", "Operation", "Parameters", "When", "State", "Next")
    return Answer({"schedules": [one.as_json() for one in found]}, (Table(columns, rows, empty),))
