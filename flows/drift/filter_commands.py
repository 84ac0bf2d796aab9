"""The options of commands that choose among findings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from runstore.errors import BadInputError

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


def moment_of(text: str) -> datetime:
    """The moment that `text` names, UTC unless it says otherwise. BadInputError when it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"{text[:80]!r} is no time: write it as 2027-01-31 or 2027-01-31T12:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
