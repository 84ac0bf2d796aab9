"""`tenantatlas db dump` and `restore`: the whole run store in one file, and back; `db seal`: all of it encrypted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.call import Answer, Call
from deployments.cli.console import Table

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file; it has every tenant's data.")]


def dump(call: Call, file: FileArgument) -> Answer:
    from runstore.dump import dump as write

    call.operator_only("dumps the run store")
    with call.open_store() as store:
        rows = write(store.url, file)
    return _answer(file, rows, "is whole")


def restore(call: Call, file: FileArgument) -> Answer:
    from deployments.encryption import report
    from runstore.database import DatabaseRole
    from runstore.dump import restore as read

    call.operator_only("restores the run store")
    with call.open_store() as store:
        rows = read(store.url, file)
        told, code = report(store.database(DatabaseRole.ADMIN))
    answer = _answer(file, rows, "is restored")
    return replace(answer, blocks=(*answer.blocks, *told), exit_code=code)


def seal(
    call: Call,
    new_key: Annotated[
        bool,
        typer.Option("--new-key", help="Make a new key first, and forget the old one when nothing needs it any more."),
    ] = False,
) -> Answer:
    from deployments import encryption
    from runstore.database import DatabaseRole

    call.operator_only("encrypts the run store")
    with call.open_store() as store:
        file = encryption.new_key(call.settings) if new_key else None
        rows = encryption.everything_under_key(store.database(DatabaseRole.ADMIN))
        if file is not None:
            encryption.forget_older(file)
    said = "Everything that tenants' policies say is encrypted under the present key."
    listed = Table(("Tenant", "Rows encrypted now"), list(rows.items()), "There are no tenants yet.")
    return Answer({"sealed": rows}, (said, listed))


def _answer(file: Path, rows: dict[str, int], what: str) -> Answer:
    said = f"{file} {what}: {sum(rows.values())} rows of {len(rows)} tables, each counted."
    listed = Table(("Table", "Rows"), [(name, count) for name, count in rows.items() if count], "Every table is empty.")
    return Answer({"file": str(file), "rows": rows}, (said, listed))
