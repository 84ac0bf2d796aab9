"""From the differences between two syncs to findings: added, removed, modified, renamed, re-created, and platform changes."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from flows._policies.assignments import told_by
from flows._policies.secrets import PREFIX, Fingerprint
from flows._policies.types import UNKNOWN_TYPE
from flows.drift.comparison.change import Change
from flows.drift.comparison.completeness import Completeness
from flows.drift.comparison.diff import diff
from flows.drift.comparison.findings import Comparison, Finding, FindingKind, Withheld
from flows.drift.comparison.moves import with_moves
from flows.drift.comparison.naming import carried
from flows.drift.comparison.not_read import (
    BASELINE_INCOMPLETE,
    CURRENT_INCOMPLETE,
    WHOLE,
    Sides,
    asked_of_both,
    not_compared,
    told,
)
from flows.drift.comparison.pairing import paired
from flows.drift.comparison.platform import Kind, Platform
from flows.drift.comparison.severity import Severity, SeverityRule, most_severe, severity_of
from flows.drift.comparison.severity_rules import DEFAULT_RULES
from flows.drift.comparison.states import Bodies, Pair, PolicyState, content_of

BATCH: Final = 50
"""Pairs whose bodies are held at once: memory stays the same however much differs."""

_UNKNOWN_TYPE_NOTE: Final = "policy type not known, compared by property path"


def compare(
    added: Sequence[PolicyState],
    removed: Sequence[PolicyState],
    differing: Sequence[Pair],
    in_both: Mapping[Kind, int],
    bodies: Bodies,
    *,
    baseline: Completeness = Completeness(),  # noqa: B008 - frozen
    current: Completeness = Completeness(),  # noqa: B008 - frozen
    rules: Sequence[SeverityRule] = DEFAULT_RULES,
    fingerprint: Fingerprint | None = None,
) -> Comparison:
    """The findings between two syncs, in a stable order, and what had to be withheld.

    `added` and `removed` are policies whose id only one sync has, `differing` those in both with another hash or
    subtype, `in_both` the number of policies of each kind that both have. `bodies` fetches content by hash.
    `fingerprint` is the tenant's: a script that an older rule stored as one fingerprint is known again by it.
    """
    # What one side was not asked for neither came nor went, and nobody waits for it.
    added = [state for state in added if baseline.asked_for(state.policy_type)]
    removed = [state for state in removed if current.asked_for(state.policy_type)]
    known_added = [state for state in added if baseline.knows(state.policy_type, state.policy_id)]
    known_removed = [state for state in removed if current.knows(state.policy_type, state.policy_id)]
    withheld = _withheld(added, known_added, BASELINE_INCOMPLETE) + _withheld(
        removed, known_removed, CURRENT_INCOMPLETE
    )
    withheld = not_compared(withheld, baseline, current)
    sides = (baseline, current)
    found = paired(known_added, known_removed, bodies)
    platform = Platform(in_both)
    hidden = _Hidden(fingerprint)
    findings = _changed(found.recreated, bodies, FindingKind.RECREATED, sides, hidden)
    findings += _changed([*found.same, *found.renamed], bodies, FindingKind.MODIFIED, sides, hidden)
    findings += _changed(differing, bodies, FindingKind.MODIFIED, sides, hidden, platform)
    findings, everywhere = platform.settled(findings)
    findings += [_whole(FindingKind.ADDED, state) for state in found.added]
    findings += [_whole(FindingKind.REMOVED, state) for state in found.removed]
    findings = with_moves(findings, found.added, found.removed, bodies)
    found_all = [rated(finding, rules) for finding in (*everywhere, *findings)]
    found_all.sort(
        key=lambda one: (one.severity.rank, one.policy_type, (one.policy_name or "").casefold(), one.subject)
    )
    return Comparison(found_all, sorted(withheld, key=lambda one: (one.policy_type, one.reason_code, one.part or "")))


def pair_changes(old: PolicyState, new: PolicyState, bodies: Bodies, sides: Sides = WHOLE) -> tuple[Change, ...]:
    """The changes between two states of a policy, with the names that the bodies carry.

    Empty when a body is missing on either side; a policy whose type is told differently is compared as the new type.
    """
    found = bodies((old.content_hash, new.content_hash))
    if old.content_hash not in found or new.content_hash not in found:
        return ()
    return _pair_changes(old, new, found[old.content_hash], found[new.content_hash], sides)


def _pair_changes(
    old: PolicyState, new: PolicyState, was: Mapping[str, Any], is_now: Mapping[str, Any], sides: Sides
) -> tuple[Change, ...]:
    as_new = replace(old, policy_type=new.policy_type)
    was, is_now = asked_of_both(was, is_now, (old.origin, new.origin))
    before = content_of(as_new, told_by(was, is_now), new.subtype)
    after = content_of(new, told_by(is_now, was), old.subtype)
    changes = told(diff(before.form, after.form), was, is_now, sides)
    return tuple(carried(changes, {**before.names, **after.names}))


@dataclass(frozen=True, slots=True)
class _Hidden:
    """Scripts in base64 that were stored as one fingerprint before their lines were kept: the same text is no change."""

    fingerprint: Fingerprint | None

    def holds(self, change: Change) -> bool:
        sides = (change.before, change.after)
        for known, text in (sides, sides[::-1]):
            if not (isinstance(known, str) and isinstance(text, str) and known.startswith(PREFIX) and "\n" in text):
                continue
            if self.fingerprint is not None and self.fingerprint(b64encode(text.encode()).decode()) == known:
                return True
        return False


def _changed(
    pairs: Sequence[Pair],
    bodies: Bodies,
    kind: FindingKind,
    sides: Sides,
    hidden: _Hidden,
    platform: Platform | None = None,
) -> list[Finding]:
    findings: list[Finding] = []
    nothing: Mapping[str, Any] = {}
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        fetched = bodies({state.content_hash for pair in batch for state in pair})
        for old, new in batch:
            was, is_now = (fetched.get(state.content_hash, nothing) for state in (old, new))
            compared = _pair_changes(old, new, was, is_now, sides) if was and is_now else ()
            changes = tuple(change for change in compared if not hidden.holds(change))
            if not changes and kind is FindingKind.MODIFIED:
                continue
            if platform is not None:
                platform.note(new, changes, was, is_now)
            notes = [_UNKNOWN_TYPE_NOTE] if new.policy_type == UNKNOWN_TYPE else []
            if kind is FindingKind.MODIFIED and old.name != new.name:
                notes.append(f"renamed, before: {old.name}")
            findings.append(
                Finding(
                    kind,
                    new.policy_id,
                    new.name,
                    new.policy_type,
                    Severity.LOW,
                    changes,
                    old.policy_id if old.policy_id != new.policy_id else None,
                    notes=tuple(notes),
                    before_hash=old.content_hash,
                    after_hash=new.content_hash,
                    origin=new.origin,
                )
            )
    return findings


def _whole(kind: FindingKind, state: PolicyState) -> Finding:
    came = kind is FindingKind.ADDED
    return Finding(
        kind,
        state.policy_id,
        state.name,
        state.policy_type,
        Severity.LOW,
        before_hash=None if came else state.content_hash,
        after_hash=state.content_hash if came else None,
    )


def rated(finding: Finding, rules: Sequence[SeverityRule]) -> Finding:
    """The finding and each of its changes with the severity that the rules give it."""
    told = (finding.kind, finding.policy_type, finding.policy_name or "")
    levels = [severity_of(*told, (change,), rules) for change in finding.changes]
    if not levels:
        return replace(finding, severity=severity_of(*told, (), rules))
    changes = tuple(
        change.with_extra(severity=level.value) for change, level in zip(finding.changes, levels, strict=True)
    )
    return replace(finding, severity=most_severe(levels), changes=changes)


def _withheld(states: Sequence[PolicyState], known: Sequence[PolicyState], reason: str) -> list[Withheld]:
    counts = Counter(state.policy_type for state in states)
    counts.subtract(Counter(state.policy_type for state in known))
    return [Withheld(policy_type, count, reason) for policy_type, count in counts.items() if count]
