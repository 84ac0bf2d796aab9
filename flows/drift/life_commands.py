"""`tenantatlas drift …`: decide about findings, keep rules and baselines, write reports."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.console import Table
from deployments.cli.options import TenantOption
from flows.drift.filter_commands import (
    AssigneeOption,
    PolicyOption,
    ScopeOption,
    SearchOption,
    SeverityOption,
    StateOption,
    TypeOption,
    moment_of,
)
from runstore.errors import BadInputError

if TYPE_CHECKING:
    from flows.drift.register.rules import IgnoreRule
    from runstore.database import Database
    from runstore.tenancy import TenantScope

FindingOption = Annotated[str, typer.Option("--finding", metavar="ID", help="The finding's id.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; others will read it.")]
ScopeKey = Annotated[str, typer.Option("--scope", metavar="KEY", help="The scope of the syncs.")]
Pattern = Annotated[str, typer.Option(metavar="PATTERN", help="With * and ?; case does not count.")]


class ReportFormat(StrEnum):
    """What a report is written as."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"


def add_life_commands(drift: typer.Typer) -> None:
    """Adds the commands to the group `drift`."""
    command(drift, "acknowledge", help="Mark a finding as seen.")(acknowledge)
    command(drift, "accept", help="Accept a finding's value, with an owner, a reason and an end.")(accept)
    command(drift, "reopen", help="Open an acknowledged or accepted finding again.")(reopen)
    command(drift, "history", help="The life of a finding.")(history)
    command(drift, "report", help="Write what is open, or what the filters ask for, as JSON, CSV or one HTML page.")(
        report
    )
    ignore = typer.Typer(help="Rules for changes nobody needs to see.", rich_markup_mode=None)
    drift.add_typer(ignore, name="ignore")
    command(ignore, "add", help="Add a rule, or with --preview only show what it would hide.")(ignore_add)
    command(ignore, "list", help="The tenant's rules.")(ignore_list)
    command(ignore, "remove", help="Take a rule away.")(ignore_remove)
    severity = typer.Typer(help="Rules for how severe a change is.", rich_markup_mode=None)
    drift.add_typer(severity, name="severity")
    command(severity, "add", help="Add a rule that comes before the built-in ones.")(severity_add)
    command(severity, "list", help="The tenant's rules, in the order they are tried.")(severity_list)
    command(severity, "remove", help="Take a rule away.")(ignore_remove)
    baseline = typer.Typer(help="The golden snapshot of a scope.", rich_markup_mode=None)
    drift.add_typer(baseline, name="baseline")
    command(baseline, "pin", help="Pin a sync, or the newest one.")(pin)
    command(baseline, "unpin", help="Take the pin off.")(unpin)


def acknowledge(call: Call, tenant: TenantOption, finding: FindingOption) -> Answer:
    from flows.drift.register.decisions import acknowledge as decide

    return _said(call, tenant, lambda database, scope: decide(database, scope, finding), "Acknowledged.")


def accept(
    call: Call,
    tenant: TenantOption,
    finding: FindingOption,
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")],
    reason: ReasonOption,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Until when, such as 2027-01-31.")
    ] = None,
) -> Answer:
    from flows.drift.register.decisions import accept as decide

    end = None if until is None else moment_of(until)
    return _said(
        call,
        tenant,
        lambda database, scope: decide(database, scope, finding, owner=owner, reason=reason, until=end),
        "Accepted.",
    )


def reopen(call: Call, tenant: TenantOption, finding: FindingOption) -> Answer:
    from flows.drift.register.decisions import reopen as decide

    return _said(call, tenant, lambda database, scope: decide(database, scope, finding), "Open again.")


def history(call: Call, tenant: TenantOption, finding: FindingOption) -> Answer:
    from uuid import UUID

    from flows.drift.register.reading import history as read

    try:
        finding_id = UUID(finding)
    except ValueError:
        raise BadInputError("A finding id is a UUID, as `tenantatlas drift findings` shows it.") from None
    document = _asked(call, tenant, lambda database, scope: {"events": read(database, scope, finding_id)})
    rows = [
        (
            event["at"],
            event["event"],
            event["from"],
            event["to"],
            event["actor"],
            *(event["detail"].get(name) for name in ("owner", "reason", "until")),
        )
        for event in document["events"]
    ]
    columns = ("When", "What", "From", "To", "Who", "Owner", "Reason", "Until")
    return Answer(document, (Table(columns, rows, "Nothing happened to it."),))


def report(
    call: Call,
    tenant: TenantOption,
    written_as: Annotated[ReportFormat, typer.Option("--format", help="What to write.")] = ReportFormat.HTML,
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Where; without it, stdout.")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="What this drift run found.")] = None,
    scope: ScopeOption = None,
    state: StateOption = None,
    severity: SeverityOption = None,
    policy_type: TypeOption = None,
    policy: PolicyOption = None,
    assignee: AssigneeOption = None,
    search: SearchOption = None,
) -> Answer | None:
    import orjson

    from flows.drift.register.filters import FindingFilter
    from flows.drift.register.reading import findings_document
    from flows.drift.register.report import csv_report, html_report

    values = {"state": state, "severity": severity, "policy_type": policy_type, "policy_id": policy}
    wanted = FindingFilter.checked({**values, "owner": assignee, "text": search, "scope_key": scope})
    document = _asked(call, tenant, lambda database, who: findings_document(database, who, run_id=run, wanted=wanted))
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
    return Answer(
        {"format": written_as.value, "output": str(output), "findings": count}, (f"{count} findings: {output}",)
    )


def ignore_add(
    call: Call,
    tenant: TenantOption,
    reason: ReasonOption = "",
    kind: Pattern = "",
    policy_type: Pattern = "",
    policy_name: Pattern = "",
    facet: Pattern = "",
    setting: Pattern = "",
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it would hide.")] = False,
) -> Answer:
    from flows.drift.register.rule_book import add_ignore, preview_ignore
    from flows.drift.register.rules import IgnoreRule

    rule: IgnoreRule = IgnoreRule(kind, policy_type, policy_name, facet, setting)
    if not preview:
        return _said(call, tenant, lambda database, scope: add_ignore(database, scope, rule, reason), "Added.")
    document = _asked(call, tenant, lambda database, scope: preview_ignore(database, scope, rule))
    rows = [
        (one["policy_name"], one["policy_type"], one["severity"], len(one["changes"])) for one in document["findings"]
    ]
    empty = "It would hide nothing."
    told = f"It would hide {document['hidden']} changes."
    return Answer(document, (told, Table(("Policy", "Type", "Severity", "Changes"), rows, empty)))


def ignore_list(call: Call, tenant: TenantOption) -> Answer:
    from flows.drift.register.rule_book import list_ignores

    document = _asked(call, tenant, list_ignores)
    names = ("id", "kind", "policy_type", "policy_name", "facet", "setting", "reason", "created_by")
    rows = [[rule[name] for name in names] for rule in document["rules"]]
    return Answer(document, (Table(names, rows, "No ignore rules."),))


def ignore_remove(
    call: Call, tenant: TenantOption, rule: Annotated[str, typer.Option("--rule", metavar="ID", help="The rule's id.")]
) -> Answer:
    from flows.drift.register.rule_book import remove_rule

    return _said(call, tenant, lambda database, scope: remove_rule(database, scope, rule), "Removed.")


def severity_add(
    call: Call,
    tenant: TenantOption,
    severity: Annotated[str, typer.Option("--severity", help="critical, high, medium, low or info.")],
    kind: Annotated[list[str] | None, typer.Option("--kind", help="A finding's kind; may be repeated.")] = None,
    policy_type: Pattern = "",
    facet: Pattern = "",
    setting: Pattern = "",
) -> Answer:
    from flows.drift.register.rule_book import add_severity

    return _said(
        call,
        tenant,
        lambda database, scope: add_severity(
            database, scope, severity, kinds=kind or (), policy_type=policy_type, facet=facet, setting=setting
        ),
        "Added; it counts from the next comparison on.",
    )


def severity_list(call: Call, tenant: TenantOption) -> Answer:
    from flows.drift.register.rule_book import list_severities

    document = _asked(call, tenant, list_severities)
    names = ("id", "severity", "kinds", "policy_type", "facet", "setting", "created_by")
    rows = [[", ".join(rule[name]) if name == "kinds" else rule[name] for name in names] for rule in document["rules"]]
    return Answer(document, (Table(names, rows, "No severity rules of the tenant's own."),))


def pin(
    call: Call,
    tenant: TenantOption,
    scope: ScopeKey = "default",
    sync: Annotated[str | None, typer.Option("--sync", metavar="ID", help="Without it, the newest one.")] = None,
    reason: ReasonOption = "",
) -> Answer:
    from flows.drift.register.rule_book import pin_baseline

    return _said(
        call,
        tenant,
        lambda database, actor: pin_baseline(database, actor, scope_key=scope, sync_id=sync, reason=reason),
        f"Pinned as the baseline of scope {scope}.",
    )


def unpin(call: Call, tenant: TenantOption, scope: ScopeKey = "default") -> Answer:
    from flows.drift.register.rule_book import unpin_baseline

    return _said(call, tenant, lambda database, actor: unpin_baseline(database, actor, scope), "No longer pinned.")


def _asked(call: Call, tenant: str, ask: Callable[[Database, TenantScope], dict[str, Any]]) -> dict[str, Any]:
    from runstore.database import DatabaseRole

    with call.open_store() as store:
        return ask(store.database(DatabaseRole.APP), store.scope(tenant, call.acting_as))


def _said(call: Call, tenant: str, ask: Callable[[Database, TenantScope], dict[str, Any]], told: str) -> Answer:
    return Answer(_asked(call, tenant, ask), (told,))
