"""From the differences between two syncs to findings: added, removed, modified, re-created, and platform changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from flows._policies.assignments import told_by
from flows._policies.canonical import ASSIGNMENTS, SCOPE_TAGS
from flows._policies.types import UNKNOWN_TYPE
from flows.drift.comparison.change import Change, ChangeKind, Facet
from flows.drift.comparison.completeness import Completeness
from flows.drift.comparison.diff import diff
from flows.drift.comparison.findings import Comparison, Finding, FindingKind, Withheld
from flows.drift.comparison.moves import with_moves
from flows.drift.comparison.naming import named
from flows.drift.comparison.severity import DEFAULT_RULES, Severity, SeverityRule, most_severe, severity_of
from flows.drift.comparison.states import Bodies, PolicyState, content_of

BASELINE_INCOMPLETE: Final = "baseline_incomplete"
CURRENT_INCOMPLETE: Final = "current_incomplete"

BATCH: Final = 50
"""Pairs whose bodies are held at once: memory stays the same however much differs."""

SHARE: Final = 0.5
MINIMUM_COMING: Final = 3
MINIMUM_CHANGING: Final = 5
"""A platform change touches more than half of a type's policies, and at least so many of them: three where a key
appears or disappears everywhere at once, five where values change the same way, which people do to a few policies."""

ALIKE: Final = 0.5
"""Two policies of one name and type are one re-created if at least so much of their content is the same."""

_UNKNOWN_TYPE_NOTE: Final = "policy type not known, compared by property path"

MOST_VALUES: Final = 20
"""Values listed of a platform change that is not the same everywhere."""

Pair = tuple[PolicyState, PolicyState]
_Shared = tuple[str, str, str, str, bytes, bytes]


def compare(
    added: Sequence[PolicyState],
    removed: Sequence[PolicyState],
    differing: Sequence[Pair],
    in_both: Mapping[str, int],
    bodies: Bodies,
    *,
    baseline: Completeness = Completeness(),  # noqa: B008 - frozen
    current: Completeness = Completeness(),  # noqa: B008 - frozen
    rules: Sequence[SeverityRule] = DEFAULT_RULES,
) -> Comparison:
    """The findings between two syncs, in a stable order, and what had to be withheld.

    `added` and `removed` are policies whose id only one sync has, `differing` those in both with another hash or
    subtype, `in_both` the number of policies of each type that both have. `bodies` fetches content by hash.
    """
    known_added = [state for state in added if baseline.knows(state.policy_type, state.policy_id)]
    known_removed = [state for state in removed if current.knows(state.policy_type, state.policy_id)]
    withheld = _withheld(added, known_added, BASELINE_INCOMPLETE) + _withheld(
        removed, known_removed, CURRENT_INCOMPLETE
    )
    pairs = _recreated(known_added, known_removed, bodies)
    gone = {old.policy_id for old, _ in pairs}
    come = {new.policy_id for _, new in pairs}
    changed = _changed(pairs, bodies, FindingKind.RECREATED)
    changed += _changed(differing, bodies, FindingKind.MODIFIED)
    changed, platform = _platform(changed, in_both)
    whole = [_whole(FindingKind.ADDED, state) for state in known_added if state.policy_id not in come]
    whole += [_whole(FindingKind.REMOVED, state) for state in known_removed if state.policy_id not in gone]
    findings = with_moves([*changed, *whole], known_added, known_removed, bodies)
    rated = [_rated(finding, rules) for finding in (*platform, *findings)]
    rated.sort(key=lambda one: (one.severity.rank, one.policy_type, (one.policy_name or "").casefold(), one.subject))
    return Comparison(rated, sorted(withheld, key=lambda one: (one.policy_type, one.reason_code)))


def pair_changes(old: PolicyState, new: PolicyState, bodies: Bodies) -> tuple[Change, ...]:
    """The changes between two states of a policy, with the names people know the settings by.

    Empty when a body is missing on either side; a policy whose type is told differently is compared as the new type.
    """
    return _pair_changes(old, new, bodies((old.content_hash, new.content_hash)))


def _pair_changes(old: PolicyState, new: PolicyState, found: Mapping[bytes, Mapping[str, Any]]) -> tuple[Change, ...]:
    if old.content_hash not in found or new.content_hash not in found:
        return ()
    as_new = replace(old, policy_type=new.policy_type)
    was, is_now = found[old.content_hash], found[new.content_hash]
    before = content_of(as_new, told_by(was, is_now), new.subtype)
    after = content_of(new, told_by(is_now, was), old.subtype)
    return tuple(named(diff(before.form, after.form), {**before.names, **after.names}))


def _changed(pairs: Sequence[Pair], bodies: Bodies, kind: FindingKind) -> list[Finding]:
    findings: list[Finding] = []
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        fetched = bodies({state.content_hash for pair in batch for state in pair})
        for old, new in batch:
            changes = _pair_changes(old, new, fetched)
            if not changes and kind is FindingKind.MODIFIED:
                continue
            notes = (_UNKNOWN_TYPE_NOTE,) if new.policy_type == UNKNOWN_TYPE else ()
            previous = old.policy_id if kind is FindingKind.RECREATED else None
            findings.append(
                Finding(
                    kind,
                    new.policy_id,
                    new.name,
                    new.policy_type,
                    Severity.LOW,
                    changes,
                    previous,
                    notes=notes,
                    before_hash=old.content_hash,
                    after_hash=new.content_hash,
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


def _rated(finding: Finding, rules: Sequence[SeverityRule]) -> Finding:
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


def _recreated(added: Sequence[PolicyState], removed: Sequence[PolicyState], bodies: Bodies) -> list[Pair]:
    """Removed and added policies that are one: same type and name, and content that is the same for the most part."""
    olds = _by_name(removed)
    pairs: list[Pair] = []
    for key, news in _by_name(added).items():
        left = list(olds.get(key, ()))
        rest: list[PolicyState] = []
        for new in news:
            same = next((old for old in left if old.content_hash == new.content_hash), None)
            if same is None:
                rest.append(new)
            else:
                left.remove(same)
                pairs.append((same, new))
        # With several of one name left, which became which would be a guess.
        if len(rest) == 1 and len(left) == 1 and _alike(left[0], rest[0], bodies):
            pairs.append((left[0], rest[0]))
    return pairs


def _by_name(states: Iterable[PolicyState]) -> dict[tuple[str, str], list[PolicyState]]:
    found: dict[tuple[str, str], list[PolicyState]] = {}
    for state in states:
        found.setdefault((state.policy_type, " ".join(state.name.casefold().split())), []).append(state)
    return found


def _alike(old: PolicyState, new: PolicyState, bodies: Bodies) -> bool:
    found = bodies((old.content_hash, new.content_hash))
    if len(found) < len({old.content_hash, new.content_hash}):
        return False
    forms = [dict(content_of(state, found[state.content_hash], None).form) for state in (old, new)]
    for form in forms:
        # A policy that was made again mostly has no assignments yet.
        form.pop(ASSIGNMENTS, None)
        form.pop(SCOPE_TAGS, None)
    empty: dict[str, object] = {}
    differing = len(diff(forms[0], forms[1]))
    sizes = [len(diff(empty, form)) for form in forms]
    return differing <= (1 - ALIKE) * max(sizes, default=0)


def _platform(findings: Sequence[Finding], in_both: Mapping[str, int]) -> tuple[list[Finding], list[Finding]]:
    """Takes changes that most policies of a type share out of their findings and makes one finding of each place."""
    touched: dict[_Shared, dict[str, Change]] = {}
    for finding in findings:
        for change in finding.changes if finding.kind is FindingKind.MODIFIED else ():
            # Whom a policy is for and who may see it is never the platform's doing.
            if change.facet in (Facet.SETTING, Facet.PROPERTY):
                touched.setdefault(_shared(finding, change), {})[finding.policy_id or ""] = change
    shared = {key: whom for key, whom in touched.items() if _is_platform(key, len(whom), in_both)}
    if not shared:
        return list(findings), []
    places: dict[tuple[str, str, str], list[_Shared]] = {}
    for key in shared:
        places.setdefault((key[0], key[1], key[2]), []).append(key)
    platform: list[Finding] = []
    for (policy_type, *_), keys in places.items():
        changes = tuple(_most_common(list(shared[key].values())) for key in keys)
        policies = tuple(sorted({policy_id for key in keys for policy_id in shared[key]}))
        platform.append(
            Finding(FindingKind.PLATFORM, None, None, policy_type, Severity.INFO, changes, policies=policies)
        )
    kept: list[Finding] = []
    for finding in findings:
        changes = tuple(change for change in finding.changes if _shared(finding, change) not in shared)
        if finding.kind is not FindingKind.MODIFIED or len(changes) == len(finding.changes):
            kept.append(finding)
        elif changes:
            kept.append(replace(finding, changes=changes))
    return kept, platform


def _shared(finding: Finding, change: Change) -> _Shared:
    """What two policies must have in common for their changes to be one: type, place, and what happened there.

    A property that comes or goes everywhere at once is one thing whatever its values; a setting is somebody's choice, so
    it has to come or go with one value.
    """
    facet, path, before, after = change.signature
    if change.kind is not ChangeKind.CHANGED and change.facet is Facet.PROPERTY and not path.endswith("[]"):
        return (finding.policy_type, facet, path, change.kind, b"", b"")
    return (finding.policy_type, facet, path, change.kind, before, after)


def _most_common(changes: Sequence[Change]) -> Change:
    """One change that stands for all; with `values` where they differ: each with the number of policies it is in."""
    counts = Counter(change.signature for change in changes)
    by_value = {change.signature: change for change in changes}
    ordered = sorted(counts, key=lambda signature: (-counts[signature], signature))
    first = by_value[ordered[0]]
    if len(ordered) == 1:
        return first
    side = "before" if first.kind is ChangeKind.REMOVED else "after"
    listed = [{side: by_value[one].as_json()[side], "policies": counts[one]} for one in ordered[:MOST_VALUES]]
    return first.with_extra(values=listed)


def _is_platform(key: _Shared, policies: int, in_both: Mapping[str, int]) -> bool:
    minimum = MINIMUM_CHANGING if key[3] == ChangeKind.CHANGED else MINIMUM_COMING
    return policies >= minimum and policies > SHARE * in_both.get(key[0], 0)


def counts_by_kind(changes: Iterable[Change]) -> dict[ChangeKind, int]:
    """How many changes of each kind there are."""
    return dict(Counter(change.kind for change in changes))
