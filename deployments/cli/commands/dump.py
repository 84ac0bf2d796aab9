"""`tenantatlas db dump` and `restore`: the whole run store in one file, and back."""

from __future__ import annotations

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
    from runstore.dump import restore as read

    call.operator_only("restores the run store")
    with call.open_store() as store:
        rows = read(store.url, file)
    return _answer(file, rows, "is restored")


def _answer(file: Path, rows: dict[str, int], what: str) -> Answer:
    said = f"{file} {what}: {sum(rows.values())} rows of {len(rows)} tables, each counted."
    listed = Table(("Table", "Rows"), [(name, count) for name, count in rows.items() if count], "Every table is empty.")
    return Answer({"file": str(file), "rows": rows}, (said, listed))
