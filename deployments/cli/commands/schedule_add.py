"""`tenantatlas schedule add`: an operation that Prefect starts by the clock from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.call import Answer, Call
from deployments.cli.commands.schedule_words import schedule_table, tenants_meant
from deployments.cli.options import SetOption
from runstore.errors import BadInputError
from runstore.tenancy import Permission

if TYPE_CHECKING:
    from deployments.orchestration.schedules.changes import Added


def add(
    call: Call,
    operation: Annotated[str, typer.Option("--operation", metavar="R.A", help="Such as drift.generate.")],
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="The tenant's slug.")] = None,
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
    tenants = tenants_meant(call, tenant, Permission.ADMINISTER)
    from deployments.orchestration.our_deployments import checked_name
    from deployments.orchestration.schedules import changes
    from deployments.orchestration.schedules.times import parse_timing

    timing = parse_timing(cron=cron, every=every, timezone=timezone, jitter=jitter)
    added = changes.add(tenants, operation, parameters, timing, name=checked_name(name), paused=paused)
    table = schedule_table([one.schedule for one in added], "No tenant, no schedule.", [_said(one) for one in added])
    return Answer({"schedules": [one.as_json() for one in added]}, (table,))


def _said(added: Added) -> str:
    was = added.before
    if was is None:
        return added.change
    now = added.schedule
    moved = (was.timing, was.timezone) != (now.timing, now.timezone)
    differences = [f"was {was.timing} {was.timezone}" if moved else "", "was active" if was.active > now.active else ""]
    return ", ".join(filter(None, [added.change, *differences]))
