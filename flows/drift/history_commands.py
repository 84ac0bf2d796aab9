"""`tenantatlas inventory show|diff`: policies at a moment, one policy over time, and what differs between two moments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.console import Table
from deployments.cli.options import TenantOption
from flows.drift.diff_commands import diff_blocks
from flows.drift.filter_commands import PolicyOption, ScopeOption, moment_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPE = "default"


def add_history_commands(app: typer.Typer) -> None:
    """Adds the commands to the group `inventory`, which has others of its own."""
    inventory = typer.Typer(help="A tenant's policies over time.", rich_markup_mode=None)
    app.add_typer(inventory, name="inventory")
    command(inventory, "show", help="The policies at a moment; with --policy, all that syncs saw of one.")(show)
    command(inventory, "diff", help="What differs between two moments, of all policies or of one.")(diff)


def show(
    call: Call,
    tenant: TenantOption,
    policy: PolicyOption = None,
    scope: ScopeOption = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Then; now, unless told.")] = None,
) -> Answer:
    from flows.drift.policy_history import policy_history, tenant_at
    from runstore.database import DatabaseRole

    then = datetime.now(UTC) if at is None else moment_of(at)
    with call.open_store() as store:
        database, actor = store.database(DatabaseRole.APP), store.scope(tenant, call.acting_as)
        if policy is None:
            return _at(tenant_at(database, actor, then, scope))
        document = policy_history(database, actor, policy, scope or SCOPE)
    document["versions"] = [one for one in document["versions"] if datetime.fromisoformat(one["first_seen_at"]) <= then]
    rows = [
        (
            one["first_seen_at"],
            one["last_seen_at"],
            one["syncs"],
            one["policy_name"] or "gone",
            _who(one),
            _changes(one),
        )
        for one in document["versions"]
    ]
    columns = ("First seen", "Last seen", "Syncs", "Name", "By whom", "Changed")
    more = document["not_listed"]
    said = (f"{more} older versions are not listed.",) if more else ()
    return Answer(document, (Table(columns, rows, "It was not there yet."), *said))


def diff(
    call: Call,
    tenant: TenantOption,
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="The earlier moment.")],
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="The later one; now, unless told.")] = None,
    policy: PolicyOption = None,
    scope: ScopeOption = None,
) -> Answer:
    from flows.drift.policy_history import diff_between
    from runstore.database import DatabaseRole

    moments = (moment_of(begin), datetime.now(UTC) if end is None else moment_of(end))
    with call.open_store() as store:
        database, actor = store.database(DatabaseRole.APP), store.scope(tenant, call.acting_as)
        document = diff_between(database, actor, scope or SCOPE, *moments, policy)
    return Answer(document, diff_blocks(document))


def _at(document: dict[str, Any]) -> Answer:
    rows = [
        (one["policy_id"], one["policy_type"].replace("_", " "), one["policy_name"], one["scope"])
        for one in document["policies"]
    ]
    empty = "No usable sync had begun by then." if not document["syncs"] else "The syncs found no policies."
    said = [
        f"Scope {one['scope']}: sync {one['id']}, {one['started_at']}{'' if one['complete'] else ', read in part'}."
        for one in document["syncs"]
    ]
    if more := document["not_listed"]:
        said.append(f"{more} more are not listed; --scope chooses among them.")
    return Answer(document, (Table(("Policy", "Type", "Name", "Scope"), rows, empty, ids=("Policy",)), *said))


def _who(version: Mapping[str, Any]) -> str:
    from flows.drift.attribution import who_and_when

    return who_and_when(version.get("changed_by"))


def _changes(version: Mapping[str, Any]) -> str:
    from flows.drift.reports.lines import some_changes

    if version["changes"] is None:
        return "its content is kept no longer"
    return some_changes(version["changes"])
