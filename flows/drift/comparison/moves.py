"""Settings that left one policy and turned up in another with the same value: said beside removed and added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from flows._policies.canonical import ASSIGNMENTS, PROPERTIES, SCOPE_TAGS
from flows._policies.tree import UNKNOWN
from flows.drift.comparison.change import MISSING, Change, ChangeKind, Facet
from flows.drift.comparison.diff import diff
from flows.drift.comparison.findings import Finding, FindingKind
from flows.drift.comparison.states import Bodies, PolicyState, content_of

Place = tuple[str, str, bytes]

BATCH = 500


def with_moves(
    findings: Sequence[Finding],
    added: Sequence[PolicyState],
    removed: Sequence[PolicyState],
    bodies: Bodies,
) -> list[Finding]:
    """The findings, with `moved_to` and `moved_from` on settings that one policy lost and exactly one other gained.

    Policies that came or went as a whole count as well: a new policy that takes settings over from an old one.
    """
    gained: dict[Place, set[str]] = {}
    lost: dict[Place, set[str]] = {}
    names: dict[str, str] = {}
    for finding in findings:
        if finding.policy_id is None:
            continue
        names[finding.policy_id] = finding.policy_name or ""
        for change in finding.changes:
            _note(change, finding.policy_id, gained, lost)
    if not gained and not lost:
        return list(findings)
    whole = {finding.policy_id for finding in findings if finding.kind in (FindingKind.ADDED, FindingKind.REMOVED)}
    for states, came in ((added, True), (removed, False)):
        wanted = lost if came else gained
        for state, change in _contents([one for one in states if one.policy_id in whole], bodies):
            place = _place(change)
            if place in wanted:
                (gained if came else lost).setdefault(place, set()).add(state.policy_id)
    return [_marked(finding, gained, lost, names) for finding in findings]


def _note(change: Change, policy_id: str, gained: dict[Place, set[str]], lost: dict[Place, set[str]]) -> None:
    if change.facet is not Facet.SETTING or UNKNOWN in change.steps:
        return
    if change.kind is ChangeKind.ADDED:
        gained.setdefault(_place(change), set()).add(policy_id)
    elif change.kind is ChangeKind.REMOVED:
        lost.setdefault(_place(change), set()).add(policy_id)


def _place(change: Change) -> Place:
    _, path, before, after = change.signature
    return (change.facet, path, before or after)


def _contents(states: Sequence[PolicyState], bodies: Bodies) -> Iterator[tuple[PolicyState, Change]]:
    for start in range(0, len(states), BATCH):
        batch = states[start : start + BATCH]
        fetched = bodies({state.content_hash for state in batch})
        for state in batch:
            body = fetched.get(state.content_hash)
            if body is None:
                continue
            form = {key: part for key, part in content_of(state, body, None).form.items() if key not in _NOT_SETTINGS}
            for change in diff({}, form):
                yield state, change


_NOT_SETTINGS = frozenset({PROPERTIES, ASSIGNMENTS, SCOPE_TAGS})


def _marked(
    finding: Finding, gained: dict[Place, set[str]], lost: dict[Place, set[str]], names: dict[str, str]
) -> Finding:
    changes: list[Change] = []
    for change in finding.changes:
        other: set[str] = set()
        if change.facet is Facet.SETTING and change.kind is not ChangeKind.CHANGED:
            place = _place(change)
            here, there = gained.get(place, set()), lost.get(place, set())
            # Several takers or givers of one value would make the pairing a guess.
            if len(here) == 1 and len(there) == 1 and here != there:
                other = there if change.before is MISSING else here
        word = "moved_from" if change.before is MISSING else "moved_to"
        one = next(iter(other), None)
        extra: dict[str, Any] = {word: {"policy_id": one, "policy_name": names.get(one, "")}} if one else {}
        changes.append(change.with_extra(**extra) if extra else change)
    return replace(finding, changes=tuple(changes))
