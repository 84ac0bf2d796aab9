"""What the commands of drift share: the options that choose among findings, and the way to the tenant's store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli.call import Answer, Call
from runstore.errors import BadInputError

if TYPE_CHECKING:
    from runstore.database import Database
    from runstore.tenancy import TenantScope

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
RunOption = Annotated[str | None, typer.Option("--run", metavar="ID", help="What this drift run found.")]


def moment_of(text: str | None) -> datetime:
    """The moment that `text` names, UTC unless it says otherwise; now for None. BadInputError when it is none."""
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"{text[:80]!r} is not a time: write it as 2027-01-31 or 2027-01-31T12:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def asked(call: Call, tenant: str, ask: Callable[[Database, TenantScope], dict[str, Any]]) -> dict[str, Any]:
    """What `ask` finds in the tenant's store, for the user who calls."""
    with call.open_store() as store:
        return ask(store.database(), store.scope(tenant, call.acting_as))


def done(call: Call, tenant: str, act: Callable[[Database, TenantScope], dict[str, Any]], told: str) -> Answer:
    """As `asked`, for a command that says `told` when it is done."""
    return Answer(asked(call, tenant, act), (told,))
