"""A tenant's own rules: which changes to hide, and how severe a change is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from typing import Any

from sqlalchemy import Connection, select

from flows.drift.comparison.change import Facet
from flows.drift.comparison.severity import Severity, SeverityRule, most_severe
from flows.drift.comparison.severity_rules import DEFAULT_RULES
from flows.drift.tables import DriftIgnoreRule, DriftSeverityRule
from runstore.tenancy import TenantScope

MOST_RULES = 10_000


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """Patterns with `*` and `?`, case ignored; an empty one matches anything. `setting` is held against name and path."""

    kind: str = ""
    policy_type: str = ""
    policy_name: str = ""
    facet: str = ""
    setting: str = ""

    @property
    def of_changes(self) -> bool:
        """Whether the rule looks at changes, so that it hides some of a finding and leaves the rest."""
        return bool(self.facet or self.setting)

    def hides(self, finding: Mapping[str, Any], change: Mapping[str, Any] | None) -> bool:
        """Whether the rule hides this change of this finding, both in the JSON shape of the contract.

        `None` stands for a finding without changes, a policy that came or went: only rules that do not look at changes
        hide it.
        """
        fits = all(
            _fits(pattern, str(finding.get(key) or ""))
            for key, pattern in (
                ("kind", self.kind),
                ("policy_type", self.policy_type),
                ("policy_name", self.policy_name),
            )
        )
        if not fits or not self.of_changes:
            return fits
        if change is None:
            return False
        return _fits(self.facet, str(change.get("facet"))) and (
            _fits(self.setting, str(change.get("setting"))) or _fits(self.setting, str(change.get("path")))
        )


def without_ignored(
    findings: Sequence[Mapping[str, Any]], rules: Sequence[IgnoreRule]
) -> tuple[list[dict[str, Any]], int]:
    """The findings without hidden changes, those left empty by that taken out; and how many changes were hidden.

    A finding that has no changes counts as one; one that lost some is as severe as what is left of it.
    """
    shown: list[dict[str, Any]] = []
    hidden = 0
    for finding in findings:
        changes: list[Any] = list(finding["changes"])
        kept = [change for change in changes if not any(rule.hides(finding, change) for rule in rules)]
        if not changes and any(rule.hides(finding, None) for rule in rules):
            hidden += 1
            continue
        hidden += len(changes) - len(kept)
        if kept or not changes:
            # What is hidden must not make the rest look worse than it is.
            levels = [Severity(change["severity"]) for change in kept if "severity" in change]
            severity = most_severe(levels).value if len(kept) < len(changes) and levels else finding["severity"]
            shown.append({**finding, "severity": severity, "changes": kept})
    return shown, hidden


def ignore_rules(connection: Connection, scope: TenantScope) -> list[IgnoreRule]:
    """The tenant's ignore rules."""
    rows = connection.execute(
        select(
            DriftIgnoreRule.kind,
            DriftIgnoreRule.policy_type,
            DriftIgnoreRule.policy_name,
            DriftIgnoreRule.facet,
            DriftIgnoreRule.setting,
        )
        .where(DriftIgnoreRule.tenant_id == scope.tenant_id)
        .limit(MOST_RULES)
    )
    return [IgnoreRule(*row) for row in rows]


def severity_rules(connection: Connection, scope: TenantScope) -> list[SeverityRule]:
    """The tenant's own severity rules, oldest first, and then the built-in ones."""
    rows = connection.execute(
        select(DriftSeverityRule)
        .with_only_columns(
            DriftSeverityRule.severity,
            DriftSeverityRule.kinds,
            DriftSeverityRule.policy_type,
            DriftSeverityRule.facet,
            DriftSeverityRule.setting,
        )
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


def _as_expression(pattern: str) -> str:
    """A pattern with `*` and `?` as an expression that must match the whole text."""
    return f"^{translate(pattern)}" if pattern else ""


def _fits(pattern: str, value: str) -> bool:
    return not pattern or bool(_compiled(pattern).match(value))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # fnmatch's translation uses atomic groups: no pattern makes it backtrack catastrophically.
    return re.compile(translate(pattern), re.IGNORECASE | re.DOTALL)
