"""Keeping a tenant's rules: what to hide, what is how severe, and which sync is the pinned baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from flows._policies.snapshots import find_sync, newest_usable
from flows.drift.comparison.change import Facet
from flows.drift.comparison.findings import FindingKind
from flows.drift.comparison.severity import Severity
from flows.drift.operation import DEFAULT_SCOPE
from flows.drift.register.hiding import keep_hidden, rules_held
from flows.drift.register.reading import findings_document
from flows.drift.register.rules import MOST_RULES, IgnoreRule, without_ignored
from flows.drift.tables import DriftBaseline, DriftIgnoreRule, DriftSeverityRule
from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.fence.redaction import looks_secret, scrub_text
from runstore.ids import checked_id
from runstore.tenancy import Permission, TenantScope

PATTERN_LIMIT = 500


def preview_ignore(database: Database, scope: TenantScope, rule: IgnoreRule) -> dict[str, Any]:
    """What a rule would hide of what is open, beyond what is hidden now; nothing is stored.

    `hidden` counts changes (a policy that came or went counts as one), `findings` those that would vanish or shrink.
    """
    _check(rule)
    shown = findings_document(database, scope)["findings"]
    _, hidden = without_ignored(shown, [rule])
    touched = [finding for finding in shown if without_ignored([finding], [rule])[1]]
    return {"rule": asdict(rule), "hidden": hidden, "findings": touched}


def add_ignore(database: Database, scope: TenantScope, rule: IgnoreRule, reason: str) -> dict[str, Any]:
    """Stores an ignore rule; it hides from now on, and nothing it hides is lost. BadInputError for one without a pattern."""
    scope.require(Permission.OPERATE)
    _check(rule)
    said = " ".join(scrub_text(reason).split())[:PATTERN_LIMIT]
    if not said:
        raise BadInputError("An ignore rule needs a reason: say why these changes need not be seen.")
    rule_id = uuid4()
    with database.transaction(scope) as connection:
        rules_held(connection, scope, change=True)
        connection.execute(
            insert(DriftIgnoreRule).values(
                id=rule_id, tenant_id=scope.tenant_id, reason=said, created_by=scope.actor.label, **asdict(rule)
            )
        )
        keep_hidden(connection, scope)
        record_audit(connection, scope, "drift.ignore_added", str(rule_id), {**asdict(rule), "reason": said})
    return {"rule": {"id": str(rule_id), **asdict(rule), "reason": said}}


def list_ignores(database: Database, scope: TenantScope) -> dict[str, Any]:
    """The tenant's ignore rules, oldest first."""
    scope.require(Permission.VIEW)
    names = ("id", "kind", "policy_type", "policy_name", "facet", "setting", "reason", "created_by", "created_at")
    with database.transaction(scope) as connection:
        rows = connection.execute(
            select(*(getattr(DriftIgnoreRule, name) for name in names))
            .where(DriftIgnoreRule.tenant_id == scope.tenant_id)
            .order_by(DriftIgnoreRule.created_at, DriftIgnoreRule.id)
            .limit(MOST_RULES)
        ).mappings()
        return {"rules": [{**row, "id": str(row["id"]), "created_at": row["created_at"].isoformat()} for row in rows]}


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
    if severity not in [level.value for level in Severity]:
        raise BadInputError(f"The severity must be one of {', '.join(Severity)}.")
    if any(kind not in [known.value for known in FindingKind] for kind in kinds):
        raise BadInputError(f"A kind must be one of {', '.join(FindingKind)}.")
    if facet and facet not in [known.value for known in Facet]:
        raise BadInputError(f"A facet must be one of {', '.join(Facet)}.")
    _check(IgnoreRule(",".join(kinds), policy_type, "", facet, setting))
    rule_id = uuid4()
    values = {"kinds": list(kinds), "policy_type": policy_type, "facet": facet, "setting": setting}
    with database.transaction(scope) as connection:
        connection.execute(
            insert(DriftSeverityRule).values(
                id=rule_id, tenant_id=scope.tenant_id, severity=severity, created_by=scope.actor.label, **values
            )
        )
        record_audit(connection, scope, "drift.severity_added", str(rule_id), {"severity": severity, **values})
    return {"rule": {"id": str(rule_id), "severity": severity, **values}}


def list_severities(database: Database, scope: TenantScope) -> dict[str, Any]:
    """The tenant's severity rules in the order they are tried, before the built-in ones."""
    scope.require(Permission.VIEW)
    names = ("id", "severity", "kinds", "policy_type", "facet", "setting", "created_by", "created_at")
    with database.transaction(scope) as connection:
        rows = connection.execute(
            select(*(getattr(DriftSeverityRule, name) for name in names))
            .where(DriftSeverityRule.tenant_id == scope.tenant_id)
            .order_by(DriftSeverityRule.created_at, DriftSeverityRule.id)
        ).mappings()
        return {"rules": [{**row, "id": str(row["id"]), "created_at": row["created_at"].isoformat()} for row in rows]}


def pin_baseline(
    database: Database,
    scope: TenantScope,
    *,
    scope_key: str = DEFAULT_SCOPE,
    sync_id: str | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """Pins a sync (the newest usable one if none is named) as the scope's golden snapshot, in place of an earlier one.

    NotFoundError for an id the tenant has no sync of; BadInputError for one of another scope, unfinished, or empty.
    """
    scope.require(Permission.OPERATE)
    with database.transaction(scope) as connection:
        if sync_id is None:
            newest = newest_usable(connection, scope, scope_key, limit=1)
            if not newest:
                raise BadInputError(
                    f"Scope {scope_key!r} has no finished sync to pin: run `tenantatlas inventory sync`."
                )
            sync = newest[0]
        else:
            found = find_sync(connection, scope, _sync_id(sync_id))
            if found is None:
                raise NotFoundError(f"Tenant {scope.slug!r} has no sync {sync_id}.")
            sync = found
        if sync.scope != scope_key or not sync.is_usable:
            raise BadInputError(f"Sync {sync.id} cannot be pinned: it must be a finished sync of scope {scope_key!r}.")
        said = " ".join(scrub_text(reason).split())[:PATTERN_LIMIT]
        values = {"sync_id": sync.id, "pinned_by": scope.actor.label, "reason": said}
        key = {"tenant_id": scope.tenant_id, "scope": scope_key}
        connection.execute(
            upsert(DriftBaseline)
            .values(**key, **values)
            .on_conflict_do_update(index_elements=["tenant_id", "scope"], set_={**values, "pinned_at": func.now()})
        )
        record_audit(connection, scope, "drift.baseline_pinned", str(sync.id), {"scope": scope_key, "reason": said})
    return {"baseline": {"scope": scope_key, "sync": sync.as_json(), "pinned_by": scope.actor.label, "reason": said}}


def pinned_baselines(database: Database, scope: TenantScope) -> dict[str, dict[str, Any]]:
    """The pinned baseline of each scope that has one: `sync_id`, `pinned_by`, `pinned_at` and `reason`."""
    scope.require(Permission.VIEW)
    names = ("scope", "sync_id", "pinned_by", "pinned_at", "reason")
    with database.transaction(scope) as connection:
        rows = connection.execute(
            select(*(getattr(DriftBaseline, name) for name in names))
            .where(DriftBaseline.tenant_id == scope.tenant_id)
            .limit(MOST_RULES)
        ).mappings()
        return {row["scope"]: {**row} for row in rows}


def unpin_baseline(database: Database, scope: TenantScope, scope_key: str = DEFAULT_SCOPE) -> dict[str, Any]:
    """Takes the pin off; NotFoundError when the scope has none."""
    scope.require(Permission.OPERATE)
    with database.transaction(scope) as connection:
        gone = connection.execute(
            delete(DriftBaseline)
            .where(DriftBaseline.tenant_id == scope.tenant_id, DriftBaseline.scope == scope_key)
            .returning(DriftBaseline.sync_id)
        ).scalar_one_or_none()
        if gone is None:
            raise NotFoundError(f"Scope {scope_key!r} of tenant {scope.slug!r} has no pinned baseline.")
        record_audit(connection, scope, "drift.baseline_unpinned", str(gone), {"scope": scope_key})
    return {"unpinned": str(gone)}


def _sync_id(value: str) -> UUID:
    return checked_id(value, "A sync id is a UUID, as `tenantatlas inventory list` shows it.")


def _check(rule: IgnoreRule) -> None:
    patterns = [value for value in asdict(rule).values() if value]
    if not any(pattern.strip("*?") for pattern in patterns):
        raise BadInputError("A rule needs at least one pattern that does not match everything.")
    if any(len(pattern) > PATTERN_LIMIT or "\x00" in pattern for pattern in patterns):
        raise BadInputError(f"A pattern has at most {PATTERN_LIMIT} characters and no NUL.")
    if any(looks_secret(pattern) for pattern in patterns):
        raise BadInputError("A pattern holds what looks like a secret, and patterns are kept: put * in its place.")
