"""`tenantatlas inventory`: bring a tenant's policies in, and list what was brought in."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments.call import Answer, Call, command
from deployments.cli_tenants import TenantOption

WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until the run has ended; exit code 1 if it failed.")]
ScopeOption = Annotated[
    str, typer.Option("--scope", metavar="KEY", help="Which part of the tenant; syncs are compared within it.")
]


def add_commands(app: typer.Typer) -> None:
    """Adds the group `inventory`."""
    inventory = typer.Typer(help="A tenant's policies over time.", rich_markup_mode=None)
    app.add_typer(inventory, name="inventory")
    command(inventory, "sync", help="Read the policies of a folder of exports or of Microsoft Graph.")(sync)


def sync(
    call: Call,
    tenant: TenantOption,
    source: Annotated[str, typer.Option("--source", metavar="folder:PATH|graph", help="Where the policies are.")],
    scope: ScopeOption = "default",
    wait: WaitOption = False,
) -> Answer:
    from deployments.start_action import start_operation

    values = {"scope": scope, "source": source}
    return start_operation(call, tenant, "inventory.sync", values, wait=wait)
