"""`tenantatlas schedule`: operations that Prefect starts by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.commands.runs import parse_id
from deployments.cli.commands.schedule_add import add
from deployments.cli.commands.schedule_words import schedule_table, tenants_meant
from runstore.errors import BadInputError
from runstore.tenancy import Permission

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployments.orchestration.schedules.changes import Choice

ScheduleArgument = Annotated[
    str | None,
    typer.Argument(metavar="SCHEDULE_ID", help="As `schedule list` shows it; or name an operation instead."),
]
TenantOption = Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="The tenant's slug.")]
AllTenantsOption = Annotated[bool, typer.Option("--all-tenants", help="The operation's schedules of every tenant.")]
OperationOption = Annotated[str | None, typer.Option("--operation", metavar="R.A", help="All of this operation.")]


def add_commands(app: typer.Typer) -> None:
    """Adds the group `schedule`."""
    schedule = typer.Typer(help="Operations started by the clock.", rich_markup_mode=None)
    app.add_typer(schedule, name="schedule")
    command(schedule, "add", help="Start an operation regularly, for one tenant or for all.")(add)
    command(schedule, "list", help="List schedules and their next times.")(list_schedules)
    command(schedule, "pause", help="Let schedules start nothing for now.")(_change("pause", "paused"))
    command(schedule, "resume", help="Let paused schedules start runs again.")(_change("resume", "active again"))
    command(schedule, "remove", help="Forget schedules.")(_change("remove", "removed", key="removed"))


def list_schedules(
    call: Call, tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only this one's.")] = None
) -> Answer:
    tenants = tenants_meant(call, tenant, Permission.VIEW)
    from deployments.orchestration.schedules.listing import find

    found = find(tenants)
    table = schedule_table(found, "No schedules yet; `tenantatlas schedule add` adds one.")
    return Answer({"schedules": [one.as_json() for one in found]}, (table,))


def _change(verb: str, state: str, key: str = "schedule") -> Callable[..., Answer]:
    """A command that names schedules, does this to them and says what state they are in; `key` is one's in the JSON."""

    def changed(
        call: Call,
        schedule: ScheduleArgument = None,
        tenant: TenantOption = None,
        all_tenants: AllTenantsOption = False,
        operation: OperationOption = None,
    ) -> Answer:
        choice = _choice(call, schedule, tenant, all_tenants, operation)
        from deployments.orchestration.schedules.changes import CHANGES

        found = CHANGES[verb](choice)
        if choice.id is not None:
            (one,) = found
            return Answer({key: one.as_json()}, (f"The schedule {one.id} of {one.deployment} is {state}.",))
        sentence = f"{len(found)} schedule{'s are' if len(found) != 1 else ' is'} {state}."
        return Answer({"schedules": [one.as_json() for one in found]}, (sentence,))

    return changed


def _choice(call: Call, schedule: str | None, tenant: str | None, all_tenants: bool, operation: str | None) -> Choice:
    if schedule is not None and (tenant is None or all_tenants or operation is not None):
        raise BadInputError("A SCHEDULE_ID goes with --tenant SLUG, and with nothing else.")
    if schedule is None and (operation is None or (tenant is None) == (not all_tenants)):
        raise BadInputError(
            "Name one schedule, SCHEDULE_ID --tenant SLUG, or an operation's, --operation R.A with --tenant SLUG or "
            "--all-tenants."
        )
    wanted = None if schedule is None else parse_id(schedule, "schedule id")
    tenants = tenants_meant(call, tenant, Permission.ADMINISTER)
    from deployments.orchestration.schedules.changes import Choice

    return Choice(tenants, wanted, operation)
