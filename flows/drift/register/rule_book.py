"""Keeping a tenant's own rules: what to hide, and what is how severe."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fnmatch import translate
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select

from flows.drift.comparison.changes import Facet
from flows.drift.comparison.findings import FindingKind
from flows.drift.comparison.severity import DEFAULT_RULES, Severity, SeverityRule
from flows.drift.register.ignore_rules import MOST_RULES, IgnoreRule, keep_hidden, rules_held, without_ignored
from flows.drift.register.reading import findings_document
from flows.drift.tables import DriftIgnoreRule, DriftSeverityRule
from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.fence.redaction import looks_secret, scrub_text
from runstore.ids import checked_id
from runstore.tenancy import Permission, TenantScope

PATTERN_LIMIT: Final = 500
_Rules = type[DriftIgnoreRule] | type[DriftSeverityRule]


def preview_ignore(database: Database, scope: TenantScope, rule: IgnoreRule) -> dict[str, Any]:
    """What a rule would hide of what is open, beyond what is hidden now; nothing is stored.

    `hidden` counts changes (a policy that came or went counts as one), `findings` those that would vanish or shrink.
    """
    _check(asdict(rule))
    shown = findings_document(database, scope)["findings"]
    _, hidden = without_ignored(shown, [rule])
    touched = [finding for finding in shown if without_ignored([finding], [rule])[1]]
    return {"rule": asdict(rule), "hidden": hidden, "findings": touched}


def add_ignore(database: Database, scope: TenantScope, rule: IgnoreRule, reason: str) -> dict[str, Any]:
    """Stores an ignore rule; it hides from now on, and nothing it hides is lost. BadInputError for one without a pattern."""
    scope.require(Permission.OPERATE)
    _check(asdict(rule))
    said = " ".join(scrub_text(reason).split())[:PATTERN_LIMIT]
    if not said:
        raise BadInputError("An ignore rule needs a reason: say why these changes need not be seen.")
    return _added(database, scope, DriftIgnoreRule, {**asdict(rule), "reason": said})


def list_ignores(database: Database, scope: TenantScope) -> dict[str, Any]:
    """The tenant's ignore rules, oldest first."""
    names = ("id", "kind", "policy_type", "policy_name", "facet", "setting", "reason", "created_by", "created_at")
    return _listed(database, scope, DriftIgnoreRule, names)


def add_severity(
    database: Database,
    scope: TenantScope,
    severity: str,
    *,
    kinds: Sequence[str] = (),
    policy_type: str = "",
    facet: str = "",
    setting: str = "",
) -> dict[str, Any]:
    """Stores a severity rule, which comes before the built-in ones from the next comparison on.

    BadInputError for an unknown severity or kind, and for a rule that matches everything.
    """
    scope.require(Permission.OPERATE)
    if severity not in list(Severity):
        raise BadInputError(f"The severity must be one of {', '.join(Severity)}.")
    if any(kind not in list(FindingKind) for kind in kinds):
        raise BadInputError(f"A kind must be one of {', '.join(FindingKind)}.")
    if facet and facet not in list(Facet):
        raise BadInputError(f"A facet must be one of {', '.join(Facet)}.")
    patterns = {"policy_type": policy_type, "facet": facet, "setting": setting}
    _check({"kinds": ",".join(kinds), **patterns})
    return _added(database, scope, DriftSeverityRule, {"severity": severity, "kinds": list(kinds), **patterns})


def list_severities(database: Database, scope: TenantScope) -> dict[str, Any]:
    """The tenant's severity rules in the order they are tried, before the built-in ones."""
    names = ("id", "severity", "kinds", "policy_type", "facet", "setting", "created_by", "created_at")
    return _listed(database, scope, DriftSeverityRule, names)


def severity_rules(connection: Connection, scope: TenantScope) -> list[SeverityRule]:
    """The tenant's own severity rules, oldest first, and then the built-in ones."""
    columns = (getattr(DriftSeverityRule, name) for name in ("severity", "kinds", "policy_type", "facet", "setting"))
    rows = connection.execute(
        select(*columns)
        .where(DriftSeverityRule.tenant_id == scope.tenant_id)
        .order_by(DriftSeverityRule.created_at, DriftSeverityRule.id)
    )
    own = [
        SeverityRule(
            Severity(severity),
            frozenset(kinds),
            _as_expression(policy_type),
            Facet(facet) if facet else None,
            _as_expression(setting),
        )
        for severity, kinds, policy_type, facet, setting in rows
    ]
    return [*own, *DEFAULT_RULES]


def remove_rule(database: Database, scope: TenantScope, rule_id: str) -> dict[str, Any]:
    """Takes an ignore or severity rule away; NotFoundError when the tenant has none of that id."""
    scope.require(Permission.OPERATE)
    wanted = checked_id(
        rule_id, "A rule id is a UUID, as `tenantatlas drift ignore list` or `drift severity list` shows it."
    )
    with database.transaction(scope) as connection:
        rules_held(connection, scope, change=True)
        for table in (DriftIgnoreRule, DriftSeverityRule):
            gone = connection.execute(
                delete(table).where(table.tenant_id == scope.tenant_id, table.id == wanted).returning(table.id)
            ).all()
            if gone:
                if table is DriftIgnoreRule:
                    keep_hidden(connection, scope)
                record_audit(connection, scope, "drift.rule_removed", rule_id)
                return {"removed": rule_id}
    raise NotFoundError(f"Tenant {scope.slug!r} has no rule {rule_id}.")


def _added(database: Database, scope: TenantScope, table: _Rules, values: dict[str, Any]) -> dict[str, Any]:
    rule_id = uuid4()
    hides = table is DriftIgnoreRule
    with database.transaction(scope) as connection:
        if hides:
            rules_held(connection, scope, change=True)
        made = {"id": rule_id, "tenant_id": scope.tenant_id, "created_by": scope.actor.label, **values}
        connection.execute(insert(table).values(made))
        if hides:
            keep_hidden(connection, scope)
        verb = "drift.ignore_added" if hides else "drift.severity_added"
        record_audit(connection, scope, verb, str(rule_id), values)
    return {"rule": {"id": str(rule_id), **values}}


def _listed(database: Database, scope: TenantScope, table: _Rules, names: Sequence[str]) -> dict[str, Any]:
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        rows = connection.execute(
            select(*(getattr(table, name) for name in names))
            .where(table.tenant_id == scope.tenant_id)
            .order_by(table.created_at, table.id)
            .limit(MOST_RULES)
        ).mappings()
        return {"rules": [{**row, "id": str(row["id"]), "created_at": row["created_at"].isoformat()} for row in rows]}


def _as_expression(pattern: str) -> str:
    """A pattern with `*` and `?` as an expression that must match the whole text."""
    return f"^{translate(pattern)}" if pattern else ""


def _check(rule: Mapping[str, str]) -> None:
    patterns = [value for value in rule.values() if value]
    if not any(pattern.strip("*?") for pattern in patterns):
        raise BadInputError("A rule needs at least one pattern that does not match everything.")
    if any(len(pattern) > PATTERN_LIMIT or "\x00" in pattern for pattern in patterns):
        raise BadInputError(f"A pattern has at most {PATTERN_LIMIT} characters and no NUL.")
    if any(looks_secret(pattern) for pattern in patterns):
        raise BadInputError("A pattern holds what looks like a secret, and patterns are kept: put * in its place.")
