"""Options that many commands take."""

from __future__ import annotations

from typing import Annotated

import typer

TenantOption = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="The tenant's slug.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until the run has ended; exit code 1 if it failed.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the operation; a list has commas between."),
]
