"""`tenantatlas schedule`: operations that Prefect starts by the clock."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from deployments.cli.call import Answer, Call, SetOption, command
from deployments.cli.commands.runs import parse_id
from deployments.cli.console import Table
from runstore.errors import BadInputError
from runstore.tenancy import Permission

TenantOption = Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="The tenant's slug.")]


def add_commands(app: typer.Typer) -> None:
    schedule = typer.Typer(help="Operations started by the clock.", rich_markup_mode=None)
    app.add_typer(schedule, name="schedule")
    command(schedule, "add", help="Start an operation regularly, for one tenant or for all.")(add)
    command(schedule, "list", help="List schedules and their next times.")(list_schedules)
    command(schedule, "pause", help="Let schedules start nothing for now.")(_change("pause", "paused"))
    command(schedule, "resume", help="Let paused schedules start runs again.")(_change("resume", "active again"))
    command(schedule, "remove", help="Forget schedules.")(_change("remove", "removed", key="removed"))


def add(
    call: Call,
    operation: Annotated[str, typer.Option("--operation", metavar="R.A", help="Such as drift.generate.")],
    tenant: TenantOption = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="One schedule for each tenant there is.")] = False,
    scope: Annotated[str | None, typer.Option("--scope", metavar="KEY", help="The operation's scope.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="For inventory.sync: folder:PATH or graph.")] = None,
    then: Annotated[str | None, typer.Option("--then", metavar="R.A", help="Follows, such as drift.generate.")] = None,
    set_: SetOption = None,
    cron: Annotated[str | None, typer.Option("--cron", help="Five fields, such as '0 6 * * *'.")] = None,
    every: Annotated[
        str | None, typer.Option("--every", metavar="SPAN", help="Such as 6h, or 1d: at midnight.")
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="Such as Europe/Berlin.")] = "UTC",
    jitter: Annotated[str | None, typer.Option("--jitter", metavar="SPAN", help="Spread tenants, such as 30m.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="For a further schedule of the same work.")] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Add it without letting it start anything yet.")] = False,
) -> Answer:
    shorthands = {"scope": scope, "source": source, "then": then}
    pairs = [*(set_ or []), *(f"{key}={value}" for key, value in shorthands.items() if value)]
    if (tenant is None) == (not all_tenants):
        raise BadInputError("Say for whom with --tenant SLUG or with --all-tenants, one of the two.")
    # Before anything asks Prefect, which may be away: a wrong parameter is the writer's to correct all the same.
    from flows.registry import operation_named

    parameters = operation_named(operation).written(pairs)
    tenants = _tenants(call, tenant, Permission.ADMINISTER)
    from deployments.orchestration.our_deployments import checked_name
    from deployments.orchestration.schedules import changes
    from deployments.orchestration.schedules.times import parse_timing

    timing = parse_timing(cron=cron, every=every, timezone=timezone, jitter=jitter)
    added = changes.add(tenants, operation, parameters, timing, name=checked_name(name), paused=paused)
    table = _table(added, "No tenant, no schedule.", [_said(one) for one in added])
    return Answer({"schedules": added}, (table,))


def list_schedules(
    call: Call, tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only this one's.")] = None
) -> Answer:
    tenants = _tenants(call, tenant, Permission.VIEW)
    from deployments.orchestration.schedules.changes import find

    found = find(tenants)
    table = _table(found, "No schedules yet; `tenantatlas schedule add` adds one.")
    return Answer({"schedules": found}, (table,))


def _change(verb: str, state: str, key: str = "schedule") -> Callable[..., Answer]:
    """A command that names schedules, does this to them and says what state they are in; `key` is one's in the JSON."""

    def changed(
        call: Call,
        schedule: Annotated[
            str | None,
            typer.Argument(metavar="SCHEDULE_ID", help="As `schedule list` shows it; or name an operation instead."),
        ] = None,
        tenant: TenantOption = None,
        all_tenants: Annotated[
            bool, typer.Option("--all-tenants", help="The operation's schedules of every tenant.")
        ] = False,
        operation: Annotated[
            str | None, typer.Option("--operation", metavar="R.A", help="All of this operation.")
        ] = None,
    ) -> Answer:
        if schedule is not None and (tenant is None or all_tenants or operation is not None):
            raise BadInputError("A SCHEDULE_ID goes with --tenant SLUG, and with nothing else.")
        if schedule is None and (operation is None or (tenant is None) == (not all_tenants)):
            raise BadInputError(
                "Name one schedule, SCHEDULE_ID --tenant SLUG, or an operation's, --operation R.A with --tenant SLUG or "
                "--all-tenants."
            )
        wanted = None if schedule is None else parse_id(schedule, "schedule id")
        tenants = _tenants(call, tenant, Permission.ADMINISTER)
        from deployments.orchestration.schedules.changes import change

        found = change(verb, tenants, id=wanted, operation=operation)
        if wanted is not None:
            (one,) = found
            return Answer({key: one}, (f"The schedule {one['id']} of {one['deployment']} is {state}.",))
        sentence = f"{len(found)} schedule{'s are' if len(found) != 1 else ' is'} {state}."
        return Answer({"schedules": found}, (sentence,))

    return changed


def _tenants(call: Call, tenant: str | None, permission: Permission) -> list[str]:
    """The tenants meant, each one checked: all that the actor may see when none is named. Points Prefect at its server."""
    with call.open_store() as store:
        slugs = [tenant] if tenant is not None else store.tenants(call.acting_as)
        for slug in slugs:
            store.scope(slug, call.acting_as).require(permission)
    call.use_prefect()
    return slugs


def _table(found: Sequence[Mapping[str, Any]], empty: str, changes: Sequence[str] = ()) -> Table:
    """The schedules, a row each; with `changes`, what became of each is the last column."""
    columns = ("Schedule", "Tenant", "Deployment", "Parameters", "When", "State", "Next")
    rows = [
        (
            one["id"],
            one["tenant"],
            one["deployment"],
            ", ".join(f"{name}={value}" for name, value in one["parameters"].items() if value not in (None, "", [])),
            f"{one['timing']} {one['timezone']}",
            "paused" if not one["active"] else "held" if one["held"] else "active",
            one["next_runs"][0].replace("T", " ") if one["next_runs"] else "-",
            *changes[number : number + 1],
        )
        for number, one in enumerate(found)
    ]
    return Table((*columns, "Change") if changes else columns, rows, empty)


def _said(added: Mapping[str, Any]) -> str:
    if added["before"] is None:
        return added["change"]
    was, now = (f"{one['timing']} {one['timezone']}" for one in (added["before"], added))
    was_active = added["before"]["active"] > added["active"]
    words = [added["change"], f"was {was}" if was != now else "", "was active" if was_active else ""]
    return ", ".join(filter(None, words))
