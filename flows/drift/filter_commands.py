"""The options of commands that choose among findings."""

from __future__ import annotations

from typing import Annotated

import typer

StateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="open, acknowledged, accepted, expiring, resolved or all; without it, open and acknowledged.",
    ),
]
SeverityOption = Annotated[str | None, typer.Option("--severity", metavar="SEVERITY", help="Only of this severity.")]
TypeOption = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only of this type of policy.")]
PolicyOption = Annotated[str | None, typer.Option("--policy", metavar="ID", help="Only of this policy.")]
AssigneeOption = Annotated[
    str | None, typer.Option("--assignee", metavar="TEXT", help="Only what a person with this in the name answers for.")
]
SearchOption = Annotated[
    str | None, typer.Option("--search", metavar="TEXT", help="Only with this in policy, owner or reason.")
]
ScopeOption = Annotated[str | None, typer.Option("--scope", metavar="KEY", help="Only this scope's.")]
