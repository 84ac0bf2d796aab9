"""`tenantatlas backup`: keep whole copies of policies."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.call import Answer, Call, TenantOption, WaitOption, command
from deployments.cli.console import Table

if TYPE_CHECKING:
    from deployments.store_access import StoreAccess
    from runstore.runs.starter import StartRequest
    from runstore.tenancy import TenantScope

SetOption = Annotated[str, typer.Option("--set", metavar="ID", help="The backup set.")]


def add_commands(app: typer.Typer) -> None:
    backup = typer.Typer(help="Backup sets of policies.", rich_markup_mode=None)
    app.add_typer(backup, name="backup")
    command(backup, "create", help="Make an empty backup set.")(create)
    command(backup, "list", help="List the tenant's backup sets.")(list_sets)
    command(backup, "show", help="List what a backup set holds.")(show)
    command(backup, "add-policies", help="Put policies, as they are now, into a backup set.")(add_policies)
    command(backup, "export", help="Write a backup set as a folder of JSON files.")(export)


def create(
    call: Call, tenant: TenantOption, name: Annotated[str, typer.Option("--name", help="The name people read.")]
) -> Answer:
    from flows.backup.sets import create_set, document_of

    made = call.asked(tenant, partial(create_set, name=name))
    return Answer({"set": document_of(made)}, (f"Backup set {made.name} is made: {made.id}",))


def list_sets(call: Call, tenant: TenantOption) -> Answer:
    from flows.backup.sets import document_of
    from flows.backup.sets import list_sets as found_sets

    sets = call.asked(tenant, found_sets)
    rows = [
        (str(one.id), one.name, str(one.policies), str(one.items), f"{one.created_at:%Y-%m-%d %H:%M}") for one in sets
    ]
    empty = "There is no backup set yet; make one with `tenantatlas backup create`."
    table = Table(("ID", "NAME", "POLICIES", "VERSIONS", "CREATED"), rows, empty, ids=("ID",))
    return Answer({"sets": [document_of(one) for one in sets]}, (table,))


def show(call: Call, tenant: TenantOption, backup_set: SetOption) -> Answer:
    from flows.backup.sets import checked_set_id, document_of, get_set, set_items

    set_id = checked_set_id(backup_set)
    found, items = call.asked(
        tenant, lambda database, scope: (get_set(database, scope, set_id), set_items(database, scope, set_id))
    )
    rows = [(one.policy_type, one.name, one.policy_id, f"{one.captured_at:%Y-%m-%d %H:%M}") for one in items]
    empty = "The set is empty; fill it with `tenantatlas backup add-policies`."
    table = Table(("TYPE", "NAME", "POLICY", "CAPTURED"), rows, empty, title=found.name, ids=("POLICY",))
    return Answer({"set": document_of(found), "items": [document_of(one) for one in items]}, (table,))


def add_policies(
    call: Call,
    tenant: TenantOption,
    backup_set: SetOption,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy", metavar="ID", help="A policy's id, as `inventory policies` lists it; may be given many times."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every policy of the tenant.")] = False,
    wait: WaitOption = False,
) -> Answer:
    from deployments.cli.start_action import start_request
    from flows.backup.sets import add_policies_request

    def request(store: StoreAccess, scope: TenantScope) -> StartRequest:
        database = store.database()
        return add_policies_request(database, scope, backup_set, policy or (), all_policies=everything)

    return start_request(call, tenant, request, wait=wait)


def export(
    call: Call,
    tenant: TenantOption,
    backup_set: SetOption,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="An empty folder, or one to be made.")],
) -> Answer:
    from flows.backup.export import export_set
    from flows.backup.sets import checked_set_id

    folder, policies = call.asked(tenant, partial(export_set, set_id=checked_set_id(backup_set), folder=to))
    document = {"folder": str(folder), "policies": policies}
    return Answer(document, (f"{policies} policies are written to {folder}.",))
