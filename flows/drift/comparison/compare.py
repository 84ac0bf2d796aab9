"""From the differences between two syncs to findings: added, removed, modified, renamed, re-created, and platform changes."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flows._policies.assignments import told_by
from flows._policies.canonical import PROPERTIES, SETTINGS
from flows._policies.names import names_in
from flows._policies.secrets import PREFIX, Fingerprint
from flows._policies.stored import Kind
from flows._policies.types import UNKNOWN_TYPE
from flows._policies.unread import SELECTED, unread_parts
from flows.drift.comparison.changes import MISSING, Change
from flows.drift.comparison.findings import Comparison, Finding, FindingKind, Withheld
from flows.drift.comparison.names import carried
from flows.drift.comparison.pairing import paired, with_moves
from flows.drift.comparison.platform import Platform
from flows.drift.comparison.policy_diff import diff
from flows.drift.comparison.severity import DEFAULT_RULES, Severity, SeverityRule, most_severe, severity_of
from flows.drift.comparison.sides import WHOLE, Bodies, Completeness, Pair, PolicyState, Sides, form_of, forms
from flows.drift.comparison.withheld import (
    BASELINE_INCOMPLETE,
    CURRENT_INCOMPLETE,
    PART_NOT_READ,
    asked_of_both,
    is_of_graph,
    of_parts_read,
    with_unread,
)

BATCH: Final = 50
"""Pairs whose bodies are held at once: memory stays the same however much differs."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Policies only one sync has, and those both have with different content or subtype; `in_both` counts all both have by kind."""

    added: Sequence[PolicyState]
    removed: Sequence[PolicyState]
    differing: Sequence[Pair]
    in_both: Mapping[Kind, int]


def compare(
    found: Differences,
    bodies: Bodies,
    sides: Sides = WHOLE,
    *,
    rules: Sequence[SeverityRule] = DEFAULT_RULES,
    fingerprint: Fingerprint | None = None,
) -> Comparison:
    """The findings between two syncs, in a stable order, and what had to be withheld.

    `bodies` fetches content by hash. `fingerprint` is the tenant's: a script that an older rule stored as one fingerprint is
    known again by it.
    """
    baseline, current = sides
    # What one side was not asked for neither came nor went, and nobody waits for it.
    added, new = _believed(found.added, baseline, BASELINE_INCOMPLETE)
    removed, gone = _believed(found.removed, current, CURRENT_INCOMPLETE)
    pairs, platform = paired(added, removed, found.differing, bodies), Platform(found.in_both)
    of_pairs = _Changed(bodies, sides, fingerprint)
    findings = [
        *of_pairs.findings(pairs.recreated, FindingKind.RECREATED),
        *of_pairs.findings([*pairs.same, *pairs.renamed], FindingKind.MODIFIED),
        *of_pairs.findings(pairs.differing, FindingKind.MODIFIED, platform),
    ]
    findings, everywhere = platform.settled(findings)
    findings += [_whole(FindingKind.ADDED, state) for state in pairs.added]
    findings += [_whole(FindingKind.REMOVED, state) for state in pairs.removed]
    findings = with_moves(findings, pairs.added, pairs.removed, bodies)
    inside = levels_inside(FindingKind.ADDED, pairs.added, bodies, rules)
    inside |= levels_inside(FindingKind.REMOVED, pairs.removed, bodies, rules)
    rated_all = [rated(one, rules, inside.get(one.policy_id or "")) for one in (*everywhere, *findings)]
    rated_all.sort(
        key=lambda one: (one.severity.rank, one.policy_type, (one.policy_name or "").casefold(), one.subject)
    )
    withheld = with_unread([*new, *gone], baseline, current)
    withheld += [Withheld(slug, count, PART_NOT_READ, part) for (slug, part), count in of_pairs.held.items()]
    return Comparison(rated_all, sorted(withheld, key=lambda one: (one.policy_type, one.reason_code, one.part or "")))


def _believed(
    states: Sequence[PolicyState], other: Completeness, reason: str
) -> tuple[list[PolicyState], list[Withheld]]:
    """Those of which the other side can tell that it has none, and how many it cannot tell of."""
    # A folder cannot say whether it was asked for a type of which it holds nothing.
    asked = [state for state in states if other.asked_for(state.policy_type) or not is_of_graph(state.origin)]
    believed = [state for state in asked if other.knows(state.policy_type, state.policy_id)]
    counts = Counter(state.policy_type for state in asked) - Counter(state.policy_type for state in believed)
    return believed, [Withheld(policy_type, count, reason) for policy_type, count in counts.items()]


def pair_changes(
    old: PolicyState,
    new: PolicyState,
    bodies: Mapping[bytes, Mapping[str, Any]],
    sides: Sides = WHOLE,
    held: Counter[tuple[str, str]] | None = None,
) -> tuple[Change, ...]:
    """The changes between two states of a policy, with the names that the bodies (by hash) carry.

    Empty when a body is missing on either side; a policy whose type is told differently is compared as the new type.
    """
    was, is_now = bodies.get(old.content_hash), bodies.get(new.content_hash)
    if was is None or is_now is None:
        return ()
    as_new = replace(old, policy_type=new.policy_type)
    whole = (was, is_now)
    was, is_now = asked_of_both(was, is_now, (old.origin, new.origin))
    said = is_of_graph(new.origin) or any(SELECTED in unread_parts(one) for one in whole)
    if held is not None and (was, is_now) != whole and not said:
        held[new.policy_type, SELECTED] += 1
    before = told_by(was, is_now)
    after = told_by(is_now, was)
    changes = diff(form_of(as_new, before, new.subtype), form_of(new, after, old.subtype))
    changes = of_parts_read(changes, (old, new), was, is_now, sides, held)
    return tuple(carried(changes, {**names_in(before), **names_in(after)})) if changes else ()


@dataclass(frozen=True, slots=True)
class _Changed:
    bodies: Bodies
    sides: Sides
    fingerprint: Fingerprint | None
    held: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def findings(self, pairs: Sequence[Pair], kind: FindingKind, platform: Platform | None = None) -> Iterator[Finding]:
        for start in range(0, len(pairs), BATCH):
            batch = pairs[start : start + BATCH]
            fetched = self.bodies({state.content_hash for pair in batch for state in pair})
            for old, new in batch:
                found = pair_changes(old, new, fetched, self.sides, self.held)
                changes = tuple(change for change in found if not self._is_same_script(change))
                if not changes and kind is FindingKind.MODIFIED:
                    continue
                if platform is not None:
                    platform.note(new, changes, fetched[old.content_hash], fetched[new.content_hash])
                yield _finding(kind, old, new, changes)

    def _is_same_script(self, change: Change) -> bool:
        """Whether a script in base64 was stored as one fingerprint before its lines were kept, and is the same text."""
        sides = (change.before, change.after)
        return self.fingerprint is not None and any(
            isinstance(kept, str)
            and isinstance(text, str)
            and kept.startswith(PREFIX)
            and "\n" in text
            and self.fingerprint(b64encode(text.encode()).decode()) == kept
            for kept, text in (sides, sides[::-1])
        )


def _finding(kind: FindingKind, old: PolicyState, new: PolicyState, changes: tuple[Change, ...]) -> Finding:
    notes = ["policy type not known, compared by property path"] if new.policy_type == UNKNOWN_TYPE else []
    if kind is FindingKind.MODIFIED and old.name != new.name:
        notes.append(f"renamed, before: {old.name}")
    return Finding(
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


def _whole(kind: FindingKind, state: PolicyState) -> Finding:
    before, after = (None, state.content_hash) if kind is FindingKind.ADDED else (state.content_hash, None)
    about = (state.policy_id, state.name, state.policy_type, Severity.LOW)
    return Finding(kind, *about, before_hash=before, after_hash=after)


_HOLDS_ANYTHING: Final = frozenset({"settings_catalog", "administrative_template", "device_configuration"})
_SAYS_NOTHING: Final[tuple[Any, ...]] = (MISSING, False, 0, "", "notConfigured", "none", "userDefined", "deviceDefault")


def levels_inside(
    kind: FindingKind, states: Sequence[PolicyState], bodies: Bodies, rules: Sequence[SeverityRule]
) -> dict[str, Severity]:
    """Policy id → how severe the most severe thing is that it configures, for types that do not tell how much they matter."""
    levels: dict[str, Severity] = {}
    # The same few hundred settings are in many policies.
    known: dict[tuple[object, ...], Severity] = {}
    for state, form, body in forms([one for one in states if one.policy_type in _HOLDS_ANYTHING], bodies):
        changes = diff({}, {key: part for key, part in form.items() if key in ("type", SETTINGS, PROPERTIES)})
        found: set[Severity] = set()
        for one in carried((one for one in changes if one.after not in _SAYS_NOTHING), names_in(body)):
            place = (state.policy_type, one.facet, one.path, *one.extra.get("names", {}).values())
            if place not in known:
                known[place] = severity_of(kind, state.policy_type, state.name, one, rules)
            found.add(known[place])
        levels[state.policy_id] = most_severe(found)
    return levels


def rated(finding: Finding, rules: Sequence[SeverityRule], inside: Severity | None = None) -> Finding:
    """The finding and each of its changes with the severity that the rules give it.

    A policy that came or went protects, or opens, what it has configured, whatever it is called: `inside` says how severe that is.
    """
    about = (finding.kind, finding.policy_type, finding.policy_name or "")
    if not finding.changes:
        level = severity_of(*about, None, rules)
        if inside is not None and inside.at_least(Severity.HIGH):
            level = most_severe([inside, level])
        return replace(finding, severity=level)
    levels = [severity_of(*about, change, rules) for change in finding.changes]
    changes = [change.with_extra(severity=level.value) for change, level in zip(finding.changes, levels, strict=True)]
    return replace(finding, severity=most_severe(levels), changes=tuple(changes))
