"""`tenantatlas drift`: compare two syncs of a tenant, and read what changed."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments.call import Answer, Call, command
from deployments.cli_inventory import ScopeOption, WaitOption
from deployments.cli_tenants import TenantOption


def add_commands(app: typer.Typer) -> None:
    """Adds the group `drift`."""
    drift = typer.Typer(help="What changed between two syncs.", rich_markup_mode=None)
    app.add_typer(drift, name="drift")
    command(drift, "generate", help="Compare the two newest syncs of a scope, or the two named.")(generate)


def generate(
    call: Call,
    tenant: TenantOption,
    scope: ScopeOption = "default",
    baseline: Annotated[str | None, typer.Option("--baseline", metavar="ID", help="The earlier sync.")] = None,
    current: Annotated[str | None, typer.Option("--current", metavar="ID", help="The later sync.")] = None,
    wait: WaitOption = False,
) -> Answer:
    from deployments.start_action import start_operation

    values = {"scope": scope, "baseline": baseline, "current": current}
    return start_operation(call, tenant, "drift.generate", values, wait=wait)
