"""`tenantatlas inventory`: bring a tenant's policies in, and list what was brought in."""

from functools import partial
from typing import Annotated

import typer

from deployments.cli.call import Answer, Call, TenantOption, WaitOption, command
from deployments.cli.console import Table

ScopeOption = Annotated[
    str, typer.Option("--scope", metavar="KEY", help="Which part of the tenant; syncs are compared within it.")
]

ThenOption = Annotated[
    str | None,
    typer.Option("--then", metavar="R.A", help="What follows if the sync read something, such as drift.generate."),
]


def add_commands(app: typer.Typer) -> None:
    inventory = typer.Typer(help="A tenant's policies over time.", rich_markup_mode=None)
    app.add_typer(inventory, name="inventory")
    command(inventory, "sync", help="Read the policies of a folder of exports or of Microsoft Graph.")(sync)
    command(inventory, "list", help="List a tenant's syncs, newest first.")(list_syncs)
    command(inventory, "policies", help="List the policies a sync read, with their ids.")(list_policies)


def sync(
    call: Call,
    tenant: TenantOption,
    source: Annotated[str, typer.Option("--source", metavar="folder:PATH|graph", help="Where the policies are.")],
    scope: ScopeOption = "default",
    full: Annotated[bool, typer.Option("--full", help="Read all of Graph again, not only what moved.")] = False,
    then: ThenOption = None,
    then_against: Annotated[
        str | None, typer.Option("--then-against", metavar="previous|pinned", help="What that compares it with.")
    ] = None,
    wait: WaitOption = False,
) -> Answer:
    from deployments.cli.start_action import start_request
    from flows.inventory.start import sync_request

    request = sync_request(source, scope, full=full, then=then, then_against=then_against)
    return start_request(call, tenant, lambda store, actor: request, wait=wait)


def list_syncs(
    call: Call,
    tenant: TenantOption,
    scope: Annotated[str | None, typer.Option("--scope", metavar="KEY", help="Only this scope's syncs.")] = None,
) -> Answer:
    from flows.inventory.start import syncs

    document = call.asked(tenant, partial(syncs, scope_key=scope))
    rows = [
        (sync["id"], sync["scope"], sync["status"], sync["policies"], sync["complete"], sync["finished_at"])
        for sync in document["syncs"]
    ]
    empty = "No syncs yet; `tenantatlas inventory sync` makes one."
    columns = ("Sync", "Scope", "State", "Policies", "Complete", "Finished")
    return Answer(document, (Table(columns, rows, empty, ids=("Sync",)),))


def list_policies(
    call: Call,
    tenant: TenantOption,
    scope: Annotated[
        str | None, typer.Option("--scope", metavar="KEY", help="Whose newest usable sync; default unless told.")
    ] = None,
    sync: Annotated[str | None, typer.Option("--sync", metavar="ID", help="That sync's instead.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Policies at most, 1 to 100000.")] = 10_000,
) -> Answer:
    from flows.inventory.start import sync_policies

    document = call.asked(tenant, partial(sync_policies, scope_key=scope, sync_id=sync, limit=limit))
    rows = [
        (one["policy_id"], one["policy_type"].replace("_", " "), one["policy_name"]) for one in document["policies"]
    ]
    if document["sync_id"] is None:
        empty = (
            f"No usable sync of scope {scope or 'default'} yet; `tenantatlas inventory list --tenant {tenant}` shows the "
            "syncs there are, and `tenantatlas inventory sync` makes one."
        )
    else:
        empty = "The sync found no policies."
    more = document["not_listed"]
    left_out = (f"{more} more are not listed; --limit {limit + more} lists them too.",) if more else ()
    return Answer(document, (Table(("Policy", "Type", "Name"), rows, empty, ids=("Policy",)), *left_out))
