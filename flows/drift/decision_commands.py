"""`tenantatlas drift …`: decide about findings, keep rules and baselines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli.call import Answer, Call, TenantOption, command
from deployments.cli.console import Table
from flows.drift.filter_commands import moment_of

if TYPE_CHECKING:
    from runstore.database import Database
    from runstore.tenancy import TenantScope

FindingOption = Annotated[str, typer.Option("--finding", metavar="ID", help="The finding's id.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; others will read it.")]
RuleOption = Annotated[str, typer.Option("--rule", metavar="ID", help="The rule's id.")]
ScopeKey = Annotated[str, typer.Option("--scope", metavar="KEY", help="The scope of the syncs.")]
Pattern = Annotated[str, typer.Option(metavar="PATTERN", help="With * and ?; case does not count.")]


def add_decision_commands(drift: typer.Typer) -> None:
    command(drift, "acknowledge", help="Mark a finding as seen.")(acknowledge)
    command(drift, "accept", help="Accept a finding's value, with an owner, a reason and an end.")(accept)
    command(drift, "reopen", help="Open an acknowledged or accepted finding again.")(reopen)
    command(drift, "reveal", help="Show the opaque words of a finding, where the tenant's owner allows it.")(reveal)
    command(drift, "history", help="The life of a finding.")(history)
    ignore = typer.Typer(help="Rules for changes nobody needs to see.", rich_markup_mode=None)
    drift.add_typer(ignore, name="ignore")
    command(ignore, "add", help="Add a rule, or with --preview only show what it would hide.")(ignore_add)
    command(ignore, "list", help="The tenant's rules.")(ignore_list)
    command(ignore, "remove", help="Take a rule away.")(rule_remove)
    severity = typer.Typer(help="Rules for how severe a change is.", rich_markup_mode=None)
    drift.add_typer(severity, name="severity")
    command(severity, "add", help="Add a rule that comes before the built-in ones.")(severity_add)
    command(severity, "list", help="The tenant's rules, in the order they are tried.")(severity_list)
    command(severity, "remove", help="Take a rule away.")(rule_remove)
    baseline = typer.Typer(help="The golden snapshot of a scope.", rich_markup_mode=None)
    drift.add_typer(baseline, name="baseline")
    command(baseline, "pin", help="Pin a sync, or the newest one.")(pin)
    command(baseline, "unpin", help="Take the pin off.")(unpin)


def done(call: Call, tenant: str, act: Callable[[Database, TenantScope], dict[str, Any]], told: str) -> Answer:
    """Does it, and says so."""
    return Answer(call.asked(tenant, act), (told,))


def acknowledge(call: Call, tenant: TenantOption, finding: FindingOption) -> Answer:
    from flows.drift.register.decisions import Decision, decide_one
    from flows.drift.register.lifecycle import FindingStatus

    seen = Decision(FindingStatus.ACKNOWLEDGED)
    return done(call, tenant, partial(decide_one, finding_id=finding, decision=seen), "Acknowledged.")


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
    from flows.drift.register.decisions import Decision, decide_one

    accepted = Decision.accepting(owner, reason, None if until is None else moment_of(until))
    return done(call, tenant, partial(decide_one, finding_id=finding, decision=accepted), "Accepted.")


def reopen(call: Call, tenant: TenantOption, finding: FindingOption) -> Answer:
    from flows.drift.register.decisions import Decision, decide_one
    from flows.drift.register.lifecycle import FindingStatus

    again = Decision(FindingStatus.OPEN)
    return done(call, tenant, partial(decide_one, finding_id=finding, decision=again), "Open again.")


def reveal(call: Call, tenant: TenantOption, finding: FindingOption) -> Answer:
    from flows.drift.register.reading import reveal as read

    document = call.asked(tenant, partial(read, finding_id=finding))
    rows = [(one["fingerprint"], one["value"]) for one in document["values"]]
    nothing = (
        "No word of it is kept: it was synced before revealing was allowed, or it holds secrets that are never shown."
    )
    return Answer(document, (Table(("Fingerprint", "Word"), rows, nothing),))


def history(call: Call, tenant: TenantOption, finding: FindingOption) -> Answer:
    from flows.drift.register.reading import history as read
    from runstore.ids import checked_id

    finding_id = checked_id(finding, "A finding id is a UUID, as `tenantatlas drift findings` shows it.")
    document = {"events": call.asked(tenant, partial(read, finding_id=finding_id))}
    names = ("at", "event", "from", "to", "actor", "owner", "reason", "until")
    rows = [[{**event, **event["detail"]}.get(name) for name in names] for event in document["events"]]
    columns = ("When", "What", "From", "To", "Who", "Owner", "Reason", "Until")
    return Answer(document, (Table(columns, rows, "Nothing happened to it."),))


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
    from flows.drift.register.ignore_rules import IgnoreRule
    from flows.drift.register.rule_book import add_ignore, preview_ignore

    rule = IgnoreRule(kind, policy_type, policy_name, facet, setting)
    if not preview:
        return done(call, tenant, partial(add_ignore, rule=rule, reason=reason), "Added.")
    document = call.asked(tenant, partial(preview_ignore, rule=rule))
    names = ("policy_name", "policy_type", "severity")
    rows = [(*(one[name] for name in names), len(one["changes"])) for one in document["findings"]]
    table = Table(("Policy", "Type", "Severity", "Changes"), rows, "It would hide nothing.")
    return Answer(document, (f"It would hide {document['hidden']} changes.", table))


def ignore_list(call: Call, tenant: TenantOption) -> Answer:
    from flows.drift.register.rule_book import list_ignores

    document = call.asked(tenant, list_ignores)
    names = ("id", "kind", "policy_type", "policy_name", "facet", "setting", "reason", "created_by")
    rows = [[rule[name] for name in names] for rule in document["rules"]]
    return Answer(document, (Table(names, rows, "No ignore rules."),))


def rule_remove(call: Call, tenant: TenantOption, rule: RuleOption) -> Answer:
    from flows.drift.register.rule_book import remove_rule

    return done(call, tenant, partial(remove_rule, rule_id=rule), "Removed.")


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

    patterns = {"policy_type": policy_type, "facet": facet, "setting": setting}
    act = partial(add_severity, severity=severity, kinds=kind or (), **patterns)
    return done(call, tenant, act, "Added; it counts from the next comparison on.")


def severity_list(call: Call, tenant: TenantOption) -> Answer:
    from flows.drift.register.rule_book import list_severities

    document = call.asked(tenant, list_severities)
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
    from flows.drift.start import pin_baseline

    act = partial(pin_baseline, scope_key=scope, sync_id=sync, reason=reason)
    return done(call, tenant, act, f"Pinned as the baseline of scope {scope}.")


def unpin(call: Call, tenant: TenantOption, scope: ScopeKey = "default") -> Answer:
    from flows.drift.start import unpin_baseline

    return done(call, tenant, partial(unpin_baseline, scope_key=scope), "No longer pinned.")
