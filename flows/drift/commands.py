"""`tenantatlas drift`: compare two syncs of a tenant, and read and report what stands open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Unpack
from uuid import UUID

import typer

from deployments.cli.call import Answer, Call, TenantOption, WaitOption, command
from deployments.cli.console import Block, Table
from flows.drift.decision_commands import add_decision_commands
from flows.drift.diff_commands import add_diff_commands
from flows.drift.filter_commands import Filters
from runstore.errors import BadInputError

if TYPE_CHECKING:
    from deployments.store_access import StoreAccess
    from runstore.runs.starter import StartRequest
    from runstore.tenancy import TenantScope


class ReportFormat(StrEnum):
    JSON = "json"
    CSV = "csv"
    HTML = "html"


def add_commands(app: typer.Typer) -> None:
    drift = typer.Typer(help="What changed between two syncs.", rich_markup_mode=None)
    app.add_typer(drift, name="drift")
    command(drift, "generate", help="Compare the two newest syncs of a scope, or the two named.")(generate)
    command(drift, "findings", help="List what is open, or what the filters ask for, or what one run found.")(findings)
    report_help = "Write what is open, or what the filters ask for, as JSON, CSV or one HTML page."
    command(drift, "report", help=report_help)(report)
    add_diff_commands(app, drift)
    add_decision_commands(drift)


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

    def request(store: StoreAccess, actor: TenantScope) -> StartRequest:
        database = store.database()
        return generate_request(database, actor, scope_key=scope, baseline=baseline, current=current, against=against)

    return start_request(call, tenant, request, wait=wait)


def findings(
    call: Call,
    tenant: TenantOption,
    include_ignored: Annotated[
        bool, typer.Option("--include-ignored", help="Show what ignore rules hide, too.")
    ] = False,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="SEVERITY", help="Exit code 1 if something open is as severe, or more."),
    ] = None,
    **filters: Unpack[Filters],
) -> Answer:
    from flows.drift.comparison.withheld import why_empty
    from flows.drift.register.reading import worst_open

    if fail_on is not None and filters["state"] is not None:
        raise BadInputError("--fail-on looks at what is open: leave out --state.")
    document = _document(call, tenant, filters, include_ignored=include_ignored)
    exit_code = 1 if fail_on is not None and worst_open(document, fail_on) else 0
    ids = _ids(document, tenant) if document["findings"] else []
    filtered = any(value for name, value in filters.items() if name not in ("run_id", "scope_key"))
    table = findings_table(document, why_empty(document, filtered=filtered), numbered=True)
    return Answer(document, (table, *ids, *_not_shown(document)), exit_code=exit_code)


def report(
    call: Call,
    tenant: TenantOption,
    written_as: Annotated[ReportFormat, typer.Option("--format", help="What to write.")] = ReportFormat.HTML,
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Where; without it, stdout.")] = None,
    **filters: Unpack[Filters],
) -> Answer | None:
    import orjson

    from flows.drift.reports.report import csv_report, html_report

    document = _document(call, tenant, filters)
    if written_as is ReportFormat.JSON:
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
    else:
        text = csv_report(document) if written_as is ReportFormat.CSV else html_report(document, tenant)
    if output is None:
        if call.as_json:
            return Answer({"format": written_as.value, "report": text})
        typer.echo(text, nl=False)
        return None
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError:
        raise BadInputError(
            f"The report cannot be written to {output}: choose a folder that exists and is yours."
        ) from None
    count = len(document["findings"])
    written = {"format": written_as.value, "output": str(output), "findings": count}
    return Answer(written, (f"{count} findings: {output}",))


def _document(call: Call, tenant: str, filters: Filters, *, include_ignored: bool = False) -> dict[str, Any]:
    from flows.drift.register.filters import FindingFilter
    from flows.drift.register.reading import findings_document

    given: dict[str, Any] = {**filters}
    run_id, wanted = given.pop("run_id"), FindingFilter.checked(given)
    return call.asked(tenant, partial(findings_document, run_id=run_id, wanted=wanted, include_ignored=include_ignored))


def findings_table(
    document: Mapping[str, Any], empty: str, title: str | None = None, *, numbered: bool = False
) -> Table:
    """The findings of the contract's document as a table for people; by whom, if a source with an audit log was read.

    A change that several policies share is one row.
    """
    from flows.drift.reports.summary import some_changes, told

    rows = [
        (
            number,
            _kind(entry.findings[0]),
            entry.policy,
            entry.findings[0]["policy_type"].replace("_", " "),
            entry.severity,
            ", ".join(dict.fromkeys(map(_standing, entry.findings))),
            some_changes(entry.shown),
            _by(entry.findings),
        )
        for number, entry in enumerate(told(document["findings"]), 1)
    ]
    columns = ("No.", "What", "Policy", "Type", "Severity", "Status", "Changed", "By whom")
    shown = slice(None if numbered else 1, None if any(row[-1] for row in rows) else -1)
    return Table(columns[shown], [row[shown] for row in rows], empty, title=title)


def _ids(document: Mapping[str, Any], tenant: str) -> list[Block]:
    """The findings' ids, which the commands that decide about one take.

    Beneath and not among the columns: an id is copied in one piece, and 36 of 80 characters would leave the others none.
    """
    from flows.drift.reports.summary import told

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
    from flows.drift.attribution import who_and_when

    return "; ".join(dict.fromkeys(filter(None, (who_and_when(one.get("changed_by")) for one in findings))))


def _kind(finding: Mapping[str, Any]) -> str:
    return finding["kind"].replace("_", " ")


def _standing(finding: Mapping[str, Any]) -> str:
    return f"{finding['status']} since {finding['since'][:10]}" if "since" in finding else str(finding["status"])


def _not_shown(document: Mapping[str, Any]) -> list[str]:
    from flows.drift.comparison.withheld import not_compared

    more = document["not_listed"]
    said = [f"{more} more findings are not listed; none is more severe than those that are."] if more else []
    if hidden := document["ignored"] if document["findings"] else 0:
        said.append(f"{hidden} changes are hidden by ignore rules; --include-ignored shows them.")
    return [*said, *filter(None, [not_compared(document["withheld"])])]
