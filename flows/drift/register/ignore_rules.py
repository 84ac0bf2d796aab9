"""A tenant's ignore rules: which changes nobody needs to see, and what they hide of each finding.

What they hide is kept beside the finding, so that a list need not read every change to know. A finding's three columns speak of
what its last run found. They count only while `hidden_run_id` is `last_run_id`: a finding that has moved since, by a worker that
does not know them too, is shown until somebody looks again.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import translate
from functools import cache
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, func, select, update

from flows._policies.sealing import Seals
from flows.drift.comparison.severity import Severity, most_severe
from flows.drift.register.filters import AS_IT_STANDS
from flows.drift.register.lifecycle import FindingStatus
from flows.drift.tables import DriftFinding, DriftIgnoreRule, DriftRunFinding
from runstore.tenancy import TenantScope

MOST_RULES: Final = 10_000
_FINDINGS: Final = cast(Table, DriftFinding.__table__)
_BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """Patterns with `*` and `?`, case ignored; an empty one matches anything. `setting` is held against name and path."""

    kind: str = ""
    policy_type: str = ""
    policy_name: str = ""
    facet: str = ""
    setting: str = ""

    def hides(self, finding: Mapping[str, Any], change: Mapping[str, Any] | None) -> bool:
        """Whether the rule hides this change of this finding, both in the JSON shape of the contract.

        `None` stands for a finding without changes, a policy that came or went: only rules that do not look at changes
        hide it.
        """
        patterns = {"kind": self.kind, "policy_type": self.policy_type, "policy_name": self.policy_name}
        if not all(_fits(pattern, finding.get(key)) for key, pattern in patterns.items()):
            return False
        if not (self.facet or self.setting):
            return True
        return (
            change is not None
            and _fits(self.facet, change.get("facet"))
            and (_fits(self.setting, change.get("setting")) or _fits(self.setting, change.get("path")))
        )


def _fits(pattern: str, value: object) -> bool:
    return not pattern or bool(_compiled(pattern).match(str(value or "")))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # fnmatch's translation uses atomic groups: no pattern makes it backtrack catastrophically.
    return re.compile(translate(pattern), re.IGNORECASE | re.DOTALL)


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
        kept = [change for change in changes or [None] if not any(rule.hides(finding, change) for rule in rules)]
        hidden += max(len(changes), 1) - len(kept)
        if kept:
            # What is hidden must not make the rest look worse than it is.
            levels = [Severity(change["severity"]) for change in kept if change and "severity" in change]
            severity = most_severe(levels).value if len(kept) < len(changes) and levels else finding["severity"]
            shown.append({**finding, "severity": severity, "changes": kept if changes else []})
    return shown, hidden


def ignore_rules(connection: Connection, scope: TenantScope) -> list[IgnoreRule]:
    columns = (getattr(DriftIgnoreRule, one.name) for one in fields(IgnoreRule))
    rows = connection.execute(select(*columns).where(DriftIgnoreRule.tenant_id == scope.tenant_id).limit(MOST_RULES))
    return [IgnoreRule(*row) for row in rows]


def rules_held(connection: Connection, scope: TenantScope, *, change: bool) -> None:
    """Waits until the rules stay as they are to the end of the transaction, or with `change` until nobody else goes by them."""
    key = int.from_bytes(hashlib.sha256(f"ignore rules {scope.tenant_id}".encode()).digest()[:8], "big", signed=True)
    lock = func.pg_advisory_xact_lock if change else func.pg_advisory_xact_lock_shared
    connection.execute(select(lock(key)))


def keep_hidden(connection: Connection, scope: TenantScope, finding_ids: Sequence[UUID] | None = None) -> None:
    """Writes down what the rules hide of these findings, or of all that are not resolved. The rules must be held."""
    rules = ignore_rules(connection, scope)
    if finding_ids is None:
        standing = select(DriftFinding.id).where(
            DriftFinding.tenant_id == scope.tenant_id, DriftFinding.status != FindingStatus.RESOLVED.value
        )
        finding_ids = connection.execute(standing).scalars().all()
    elif not rules:
        # What was found now has a run of its own, which no older note speaks of.
        return
    for start in range(0, len(finding_ids), _BATCH):
        _keep(connection, scope, finding_ids[start : start + _BATCH], rules)


def _keep(connection: Connection, scope: TenantScope, finding_ids: Sequence[UUID], rules: Sequence[IgnoreRule]) -> None:
    kept, found = DriftFinding, DriftRunFinding
    noted = (kept.id, kept.last_run_id, kept.hidden_run_id, kept.hidden_changes, kept.shown_severity)
    last = (found.tenant_id == kept.tenant_id) & (found.run_id == kept.last_run_id) & (found.finding_id == kept.id)
    rows = connection.execute(
        select(*noted, *AS_IT_STANDS, found.policy_type, found.policy_name)
        .join(found, last)
        .where(kept.tenant_id == scope.tenant_id, kept.id.in_(finding_ids))
    ).mappings()
    changed: list[dict[str, Any]] = []
    seals = Seals(connection, scope)
    for row in rows:
        changes: Any = seals.opened_json(row["changes"], row["id"].bytes) if rules else None
        shown, hidden = without_ignored([{**row, "changes": changes}], rules) if rules else ([], 0)
        run = row["last_run_id"] if hidden else None
        left = shown[0]["severity"] if hidden and shown else None
        if (run, hidden, left) != (row["hidden_run_id"], row["hidden_changes"], row["shown_severity"]):
            changed.append({"known_id": row["id"], "new_run": run, "new_hidden": hidden, "new_severity": left})
    if changed:
        values: dict[str, Any] = {
            "hidden_run_id": bindparam("new_run"),
            "hidden_changes": bindparam("new_hidden"),
            "shown_severity": bindparam("new_severity"),
        }
        connection.execute(update(_FINDINGS).where(_FINDINGS.c.id == bindparam("known_id")).values(values), changed)
