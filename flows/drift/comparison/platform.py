"""Platform changes: a property that the service gave to every policy of a kind at once, or took from them all.

The service adds and removes properties; it does not turn a value that somebody chose, and it does not write `null` where a
value was. So only what one side does not spell out at all can be the platform's, and only where it is so everywhere.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from flows._policies.json_shape import as_list
from flows._policies.stored import Kind
from flows._policies.tree import unescaped
from flows.drift.comparison.changes import Change, ChangeKind, Element, Facet, Step
from flows.drift.comparison.findings import Finding, FindingKind
from flows.drift.comparison.severity import Severity
from flows.drift.comparison.sides import PolicyState

MINIMUM: Final = 3
"""Fewer policies than this are not a platform, even if they are all there are."""

MOST_VALUES: Final = 20
"""Values listed of a platform change that is not the same everywhere."""

_Place = tuple[str, str, ChangeKind]


@dataclass(slots=True)
class Platform:
    """Collects, finding by finding, what may be the platform's doing. `in_both` counts the policies of a kind both sides have."""

    in_both: Mapping[Kind, int]
    _touched: dict[_Place, dict[Kind, dict[str, Change]]] = field(
        default_factory=dict[_Place, dict[Kind, dict[str, Change]]]
    )

    def note(
        self, state: PolicyState, changes: Sequence[Change], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Keeps the changes that came or went with their very key."""
        for change in changes:
            if change.facet is not Facet.PROPERTY or change.kind is ChangeKind.CHANGED:
                continue
            if not _spelt_out(before if change.kind is ChangeKind.ADDED else after, change.steps):
                place = self._touched.setdefault((state.policy_type, change.path, change.kind), {})
                place.setdefault(state.kind, {})[state.policy_id] = change

    def settled(self, findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
        """The findings without what is the platform's, and one finding for each such place."""
        shared = {place: whom for place, kinds in self._touched.items() if (whom := self._everywhere(place[0], kinds))}
        if not shared:
            return list(findings), []
        platform = [
            Finding(
                FindingKind.PLATFORM,
                None,
                None,
                policy_type,
                Severity.INFO,
                (_most_common(list(whom.values())),),
                policies=tuple(sorted(whom)),
                notes=(f"in {len(whom)} policies, all of their kind",),
            )
            for (policy_type, *_), whom in shared.items()
        ]
        taken = {(policy_id, change.path) for whom in shared.values() for policy_id, change in whom.items()}
        kept: list[Finding] = []
        for finding in findings:
            changes = tuple(change for change in finding.changes if (finding.policy_id, change.path) not in taken)
            if finding.kind is not FindingKind.MODIFIED or len(changes) == len(finding.changes):
                kept.append(finding)
            elif changes:
                kept.append(replace(finding, changes=changes))
        return kept, platform

    def _everywhere(self, policy_type: str, kinds: Mapping[Kind, Mapping[str, Change]]) -> dict[str, Change]:
        """The policies touched, where they are all of their type, or all of a subtype; empty where they are not."""
        of_type = sum(count for kind, count in self.in_both.items() if kind[0] == policy_type)
        if MINIMUM <= of_type <= sum(map(len, kinds.values())):
            whole = list(kinds)
        else:
            whole = [kind for kind, whom in kinds.items() if MINIMUM <= self.in_both.get(kind, 0) <= len(whom)]
        return {policy_id: change for kind in whole for policy_id, change in kinds[kind].items()}


def _spelt_out(body: Mapping[str, Any], steps: Sequence[Step]) -> bool:
    """Whether the body has the key that the steps lead to, be it with `null`. An element that came or went is somebody's, whatever
    it holds: it counts as spelt out. In one that is on both sides the key is taken for new."""
    node: Any = body
    if isinstance(steps[-1], Element):
        return True
    for step in steps:
        if isinstance(step, Element) and step.single:
            # Told property by property, on the side where there is none as well.
            if not (members := as_list(node)):
                return True
            node = members[0]
            continue
        if isinstance(step, Element) or not isinstance(node, Mapping):
            return False
        if (name := unescaped(step)) not in node:
            return False
        node = cast(Mapping[str, Any], node)[name]
    return True


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
