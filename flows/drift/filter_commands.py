"""What the commands of drift share: the options that choose among findings, and a moment in time."""

from datetime import UTC, datetime
from typing import Annotated, TypedDict

import typer

from runstore.errors import BadInputError

PolicyOption = Annotated[str | None, typer.Option("--policy", metavar="ID", help="Only of this policy.")]
ScopeOption = Annotated[str | None, typer.Option("--scope", metavar="KEY", help="Only this scope's.")]


class Filters(TypedDict):
    """By the names that `FindingFilter` has for them; `run_id` beside it."""

    run_id: Annotated[str | None, typer.Option("--run", metavar="ID", help="What this drift run found.")]
    scope_key: ScopeOption
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help="open, acknowledged, accepted, expiring, resolved or all; without it, open and acknowledged.",
        ),
    ]
    severity: Annotated[str | None, typer.Option("--severity", metavar="SEVERITY", help="Only of this severity.")]
    policy_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only of this type of policy.")]
    policy_id: PolicyOption
    owner: Annotated[
        str | None,
        typer.Option("--assignee", metavar="TEXT", help="Only what a person with this in the name answers for."),
    ]
    text: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Only with this in policy, owner or reason.")
    ]


def moment_of(text: str | None) -> datetime:
    """The moment that `text` names, UTC unless it says otherwise; now for None. BadInputError when it is none."""
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"{text[:80]!r} is not a time: write it as 2027-01-31 or 2027-01-31T12:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
