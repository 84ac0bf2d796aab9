"""`tenantatlas inventory`: bring a tenant's policies in, and list what was brought in."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments.call import Answer, Call, command
from deployments.cli_tenants import TenantOption
from deployments.console import Table

WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until the run has ended; exit code 1 if it failed.")]
ScopeOption = Annotated[
    str, typer.Option("--scope", metavar="KEY", help="Which part of the tenant; syncs are compared within it.")
]

ThenOption = Annotated[
    str | None,
    typer.Option("--then", metavar="R.A", help="What follows if the sync is complete, such as drift.generate."),
]


def add_commands(app: typer.Typer) -> None:
    """Adds the group `inventory`."""
    inventory = typer.Typer(help="A tenant's policies over time.", rich_markup_mode=None)
    app.add_typer(inventory, name="inventory")
    command(inventory, "sync", help="Read the policies of a folder of exports or of Microsoft Graph.")(sync)
    command(inventory, "list", help="List a tenant's syncs, newest first.")(list_syncs)


def sync(
    call: Call,
    tenant: TenantOption,
    source: Annotated[str, typer.Option("--source", metavar="folder:PATH|graph", help="Where the policies are.")],
    scope: ScopeOption = "default",
    full: Annotated[bool, typer.Option("--full", help="Read all of Graph anew, not only what moved.")] = False,
    then: ThenOption = None,
    wait: WaitOption = False,
) -> Answer:
    from deployments.start_action import start_request
    from flows.inventory.start import sync_request

    return start_request(
        call, tenant, lambda store, actor: sync_request(source, scope, full=full, then=then), wait=wait
    )


def list_syncs(
    call: Call,
    tenant: TenantOption,
    scope: Annotated[str | None, typer.Option("--scope", metavar="KEY", help="Only this scope's syncs.")] = None,
) -> Answer:
    from flows.inventory.start import syncs
    from runstore.database import DatabaseRole

    with call.open_store() as store:
        document = syncs(store.database(DatabaseRole.APP), store.scope(tenant, call.acting_as), scope_key=scope)
    rows = [
        (sync["id"], sync["scope"], sync["status"], sync["policies"], sync["complete"], sync["finished_at"])
        for sync in document["syncs"]
    ]
    empty = "No syncs yet; `tenantatlas inventory sync` makes one."
    return Answer(document, (Table(("Sync", "Scope", "State", "Policies", "Complete", "Finished"), rows, empty),))
