"""`tenantatlas drift`: compare two syncs of a tenant, and read what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.console import Block, Table
from deployments.cli.options import TenantOption, WaitOption
from flows.drift.diff_commands import add_diff
from flows.drift.filter_commands import (
    AssigneeOption,
    PolicyOption,
    ScopeOption,
    SearchOption,
    SeverityOption,
    StateOption,
    TypeOption,
)
from flows.drift.history_commands import add_history_commands
from flows.drift.life_commands import add_life_commands
from runstore.errors import BadInputError

if TYPE_CHECKING:
    from deployments.store_access import StoreAccess
    from runstore.runs.starter import StartRequest
    from runstore.tenancy import TenantScope


def add_commands(app: typer.Typer) -> None:
    """Adds the group `drift`."""
    drift = typer.Typer(help="What changed between two syncs.", rich_markup_mode=None)
    app.add_typer(drift, name="drift")
    command(drift, "generate", help="Compare the two newest syncs of a scope, or the two named.")(generate)
    command(drift, "findings", help="List what is open, or what the filters ask for, or what one run found.")(findings)
    add_diff(drift)
    add_life_commands(drift)
    add_history_commands(app)


def generate(
    call: Call,
    tenant: TenantOption,
    scope: Annotated[str, typer.Option("--scope", metavar="KEY", help="Whose syncs are compared.")] = "default",
    baseline: Annotated[str | None, typer.Option("--baseline", metavar="ID", help="The earlier sync.")] = None,
    current: Annotated[str | None, typer.Option("--current", metavar="ID", help="The later sync.")] = None,
    against: Annotated[str | None, typer.Option("--against", metavar="previous|pinned", help="Which baseline.")] = None,
    wait: WaitOption = False,
) -> Answer:
    from deployments.cli.start_action import start_request
    from flows.drift.start import generate_request
    from runstore.database import DatabaseRole

    def request(store: StoreAccess, actor: TenantScope) -> StartRequest:
        database = store.database(DatabaseRole.APP)
        return generate_request(database, actor, scope_key=scope, baseline=baseline, current=current, against=against)

    return start_request(call, tenant, request, wait=wait)


def findings(
    call: Call,
    tenant: TenantOption,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="What this drift run found.")] = None,
    scope: ScopeOption = None,
    state: StateOption = None,
    severity: SeverityOption = None,
    policy_type: TypeOption = None,
    policy: PolicyOption = None,
    assignee: AssigneeOption = None,
    search: SearchOption = None,
    include_ignored: Annotated[
        bool, typer.Option("--include-ignored", help="Show what ignore rules hide, too.")
    ] = False,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="SEVERITY", help="Exit code 1 if something open is as severe, or more."),
    ] = None,
) -> Answer:
    from flows.drift.register.filters import FindingFilter
    from flows.drift.register.reading import findings_document, why_empty, worst_open
    from runstore.database import DatabaseRole

    if fail_on is not None and state is not None:
        raise BadInputError("--fail-on looks at what is open: leave out --state.")
    values = {"state": state, "severity": severity, "policy_type": policy_type, "policy_id": policy}
    values |= {"owner": assignee, "text": search, "scope_key": scope}
    with call.open_store() as store:
        actor = store.scope(tenant, call.acting_as)
        wanted = FindingFilter.checked(values)
        document = findings_document(
            store.database(DatabaseRole.APP), actor, run_id=run, wanted=wanted, include_ignored=include_ignored
        )
    exit_code = 1 if fail_on is not None and worst_open(document, fail_on) else 0
    ids = _ids(document, tenant) if document["findings"] else []
    empty = why_empty(document, filtered=any(value for name, value in values.items() if name != "scope_key"))
    blocks = (findings_table(document, empty, numbered=True), *ids, *_withheld(document))
    return Answer(document, blocks, exit_code=exit_code)


def findings_table(
    document: Mapping[str, Any], empty: str, title: str | None = None, *, numbered: bool = False
) -> Table:
    """The findings of the contract's document as a table for people; by whom, if a source with an audit log was read.

    A change that several policies share is one row.
    """
    from flows.drift.reports.groups import told
    from flows.drift.reports.lines import some_changes

    entries = told(document["findings"])
    who = [_by(entry.findings) for entry in entries]
    rows = [
        (
            *([number] if numbered else []),
            _kind(entry.findings[0]),
            entry.policy,
            entry.findings[0]["policy_type"].replace("_", " "),
            entry.severity,
            ", ".join(dict.fromkeys(map(_standing, entry.findings))),
            some_changes(entry.shown),
            *([by] if any(who) else []),
        )
        for number, (entry, by) in enumerate(zip(entries, who, strict=True), 1)
    ]
    columns = ("What", "Policy", "Type", "Severity", "Status", "Changed", *(["By whom"] if any(who) else []))
    return Table((*(["No."] if numbered else []), *columns), rows, empty, title=title)


def _ids(document: Mapping[str, Any], tenant: str) -> list[Block]:
    """The findings' ids, which the commands that decide about one take.

    Beneath and not among the columns: an id is copied in one piece, and 36 of 80 characters would leave the others none.
    """
    from flows.drift.reports.groups import told

    rows = [
        (number, UUID(finding["id"]), _kind(finding), finding["policy_name"], _by([finding]))
        for number, entry in enumerate(told(document["findings"]), 1)
        for finding in entry.findings
    ]
    columns = ("No.", "Finding", "What", "Policy", "By whom")
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    said = f"To decide about one: `tenantatlas drift acknowledge --tenant {tenant} --finding ID`, or accept, or reopen."
    return [Table(columns, rows, ""), said]


def _by(findings: Sequence[Mapping[str, Any]]) -> str:
    """Who changed them, each author once."""
    from flows.drift.attribution import who_and_when

    return "; ".join(dict.fromkeys(filter(None, (who_and_when(one.get("changed_by")) for one in findings))))


def _kind(finding: Mapping[str, Any]) -> str:
    return finding["kind"].replace("_", " ")


def _standing(finding: Mapping[str, Any]) -> str:
    """Where it stands, and since which day."""
    return f"{finding['status']} since {finding['since'][:10]}" if "since" in finding else str(finding["status"])


def _withheld(document: Mapping[str, Any]) -> list[str]:
    from flows.drift.register.words import not_compared

    more = document["not_listed"]
    said = [f"{more} more findings are not listed; none is more severe than those that are."] if more else []
    if hidden := document["ignored"] if document["findings"] else 0:
        said.append(f"{hidden} changes are hidden by ignore rules; --include-ignored shows them.")
    return said + ([not_compared(document["withheld"])] if document["withheld"] else [])
