"""`tenantatlas db`: the run store's schema and logins, all of it in one file and back, and all of it encrypted."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.console import Table

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file; it has every tenant's data.")]


def add_commands(app: typer.Typer) -> None:
    database = typer.Typer(help="The run store's schema, and the whole of it in a file.", rich_markup_mode=None)
    app.add_typer(database, name="db")
    for name, function, said in (
        ("upgrade", upgrade, "Bring the schema to this version's."),
        ("logins", logins, "Make the logins that the settings name, one for each kind of process."),
        ("dump", dump, "Write the whole run store to a file."),
        ("restore", restore, "Read such a file into an empty run store: all of it, or nothing."),
        ("seal", seal, "Encrypt what is stored in clear or under an older key; may be run again at any time."),
        ("check", check, "Say whether the schema is the one this version needs."),
    ):
        command(database, name, help=said)(function)


def upgrade(call: Call) -> Answer:
    call.operator_only("changes the schema")
    return _schema(call, upgrades=True)


def check(call: Call) -> Answer:
    return _schema(call, upgrades=False)


def _schema(call: Call, *, upgrades: bool) -> Answer:
    from deployments.store_access import open_store, report
    from flows.registry import migration_folders
    from runstore import migrations

    said, folders = "The schema is the one this version needs.", migration_folders()
    with open_store(call.settings, verify=False) as store:
        if upgrades:
            migrations.upgrade(store.url, folders)
            unknown = ", ".join(sorted(migrations.unknown(store.url, folders)))
            newer = f"The schema is newer than this version ({unknown}) and stays as it is; this version works on it."
            said = newer if unknown else "The schema is up to date."
        else:
            migrations.verify_schema(store.url, folders)
        revisions = sorted(migrations.found(store.url))
        told, _ = report(store.admin)
    return Answer({"revisions": revisions}, (said, *told))


def logins(call: Call) -> Answer:
    from runstore.database import DatabaseRole
    from runstore.logins import ensure_login

    call.operator_only("makes logins")
    made: list[tuple[str, str]] = []
    with call.open_store() as store:
        for role in (DatabaseRole.HUB, DatabaseRole.APP, DatabaseRole.RELAY, DatabaseRole.WORKER):
            address = getattr(call.settings, f"{role.name.lower()}_database_url")
            if address is not None:
                made.append((ensure_login(store.url, address.get_secret_value(), role), role.value))
    empty = "The settings name no logins, so one login serves every process."
    document = {"logins": [{"login": login, "role": role} for login, role in made]}
    return Answer(document, (Table(("Login", "Role"), made, empty),))


def dump(call: Call, file: FileArgument) -> Answer:
    from runstore.dump import dump as write

    call.operator_only("dumps the run store")
    with call.open_store() as store:
        rows = write(store.url, file)
    return _answer(file, rows, "is whole")


def restore(call: Call, file: FileArgument) -> Answer:
    from deployments.store_access import report
    from runstore.dump import restore as read

    call.operator_only("restores the run store")
    with call.open_store() as store:
        rows = read(store.url, file)
        told, code = report(store.admin)
    answer = _answer(file, rows, "is restored")
    return replace(answer, blocks=(*answer.blocks, *told), exit_code=code)


def seal(
    call: Call,
    new_key: Annotated[
        bool,
        typer.Option("--new-key", help="Make a new key first, and forget the old one when nothing needs it any more."),
    ] = False,
) -> Answer:
    from deployments.store_access import everything_under_key, forget_older
    from deployments.store_access import new_key as put_new_key

    call.operator_only("encrypts the run store")
    with call.open_store() as store:
        file = put_new_key(call.settings) if new_key else None
        rows = everything_under_key(store.admin)
        if file is not None:
            forget_older(file)
    said = "Everything that tenants' policies say is encrypted under the present key."
    listed = Table(("Tenant", "Rows encrypted now"), list(rows.items()), "There are no tenants yet.")
    return Answer({"sealed": rows}, (said, listed))


def _answer(file: Path, rows: dict[str, int], what: str) -> Answer:
    said = f"{file} {what}: {sum(rows.values())} rows of {len(rows)} tables, each counted."
    listed = Table(("Table", "Rows"), [(name, count) for name, count in rows.items() if count], "Every table is empty.")
    return Answer({"file": str(file), "rows": rows}, (said, listed))
