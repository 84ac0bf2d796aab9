"""What a comparison cannot tell: whole policies that a side did not read, and parts that a side does not carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from flows._policies.unread import ANY_TYPE, unread_parts
from flows.drift.comparison.change import Change, Facet
from flows.drift.comparison.completeness import Completeness
from flows.drift.comparison.findings import Withheld
from flows.drift.comparison.states import SUBTYPE

BASELINE_INCOMPLETE: Final = "baseline_incomplete"
CURRENT_INCOMPLETE: Final = "current_incomplete"
NOT_COMPARED: Final = "not_compared"
PART_NOT_READ: Final = "part_not_read"
SECRETS_NOT_COMPARED: Final = "secrets_not_compared"

Sides = tuple[Completeness, Completeness]
"""What the baseline and the current sync do not know."""

WHOLE: Final[Sides] = (Completeness(), Completeness())

_FACETS: Final[Mapping[str, Facet]] = {
    "settings": Facet.SETTING,
    "definitionValues": Facet.SETTING,
    "assignments": Facet.ASSIGNMENT,
}


def told(
    changes: Iterable[Change],
    was: Mapping[str, Any],
    is_now: Mapping[str, Any],
    sides: Sides,
) -> list[Change]:
    """The changes without those in a part that one of the two bodies does not carry: such a part is unread, not removed.

    A side whose export leaves a part out where it is empty knows it to be empty. So does the other side of one that keeps
    it in files of its own: without such a file nothing tells the two apart.
    """
    baseline, current = sides
    unknown = (unread_parts(was) - baseline.left_out - current.in_files) | (
        unread_parts(is_now) - current.left_out - baseline.in_files
    )
    return (
        [change for change in changes if not any(_is_of(change, part) for part in unknown)]
        if unknown
        else list(changes)
    )


def asked_of_both(
    was: Mapping[str, Any], is_now: Mapping[str, Any], origins: tuple[str, str]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The two bodies, without what only one of them was asked for: v1.0 of Graph leaves out properties that beta has.

    Graph answers every property of the version it is asked under, null included, so one that is absent was not asked for.
    A body whose origin is no longer known counts as one of v1.0 beside one of beta.
    """
    versions = {origin.partition("/")[0] for origin in origins}
    if "beta" not in versions or not versions & {"v1.0", ""}:
        return was, is_now
    return _limited(dict(was), dict(is_now)), _limited(dict(is_now), dict(was))


def _limited(value: Any, other: Any) -> Any:
    """The value without properties that the other has not, wherever both have an object of one subtype."""
    if isinstance(value, dict) and isinstance(other, dict):
        own, held = cast(dict[str, Any], value), cast(dict[str, Any], other)
        if own.get(SUBTYPE) != held.get(SUBTYPE):
            return own
        return {key: _limited(item, held[key]) for key, item in own.items() if key in held}
    if isinstance(value, list) and isinstance(other, list):
        # Elements come and go; those of one subtype have the same properties.
        shapes: dict[Any, dict[str, Any]] = {}
        for item in cast(list[Any], other):
            if isinstance(item, dict):
                held = cast(dict[str, Any], item)
                shapes.setdefault(held.get(SUBTYPE), {}).update(held)
        return [_limited(item, shapes.get(_subtype(item), item)) for item in cast(list[Any], value)]
    return cast(Any, value)


def _subtype(item: Any) -> Any:
    return cast(dict[str, Any], item).get(SUBTYPE) if isinstance(item, dict) else None


def not_compared(held: Sequence[Withheld], baseline: Completeness, current: Completeness) -> list[Withheld]:
    """What was withheld, and beside it what neither side of it shows: nothing that was not read goes without a word.

    `held` are differences not believed. What a side could not read and none of them accounts for is counted once if both
    sides have as much of it, and on its own side otherwise.
    """
    found = list(held)
    left = {
        BASELINE_INCOMPLETE: _left(baseline, [one for one in held if one.reason_code == BASELINE_INCOMPLETE]),
        CURRENT_INCOMPLETE: _left(current, [one for one in held if one.reason_code == CURRENT_INCOMPLETE]),
    }
    both = left[BASELINE_INCOMPLETE] & left[CURRENT_INCOMPLETE]
    found += [Withheld(slug, count, NOT_COMPARED) for slug, count in both.items()]
    for reason, counts in left.items():
        for slug, count in (counts - both).items():
            same = next((one for one in found if (one.policy_type, one.reason_code) == (slug, reason)), None)
            if same is not None:
                found.remove(same)
            found.append(Withheld(slug, count + (same.count if same else 0), reason))
    for part in sorted(baseline.parts.keys() | current.parts.keys()):
        old, new = (Counter(side.parts.get(part, {})) for side in (baseline, current))
        # What lists of Graph leave out on both sides nobody expects; settings and assignments are what a policy is.
        lacking = old | new if part in _FACETS else (old | new) - (old & new)
        found += [Withheld(slug, count, PART_NOT_READ, part) for slug, count in lacking.items()]
    return found


def _left(side: Completeness, held: Sequence[Withheld]) -> Counter[str]:
    """How much of what a side could not read no withheld difference stands for, by type."""
    left = Counter(side.items)
    spare = 0
    for one in held:
        spare += max(0, one.count - left[one.policy_type])
        left[one.policy_type] -= one.count
    left[ANY_TYPE] -= spare
    return +left


def _is_of(change: Change, part: str) -> bool:
    facet = _FACETS.get(part)
    return change.facet is facet if facet else bool(change.steps) and change.steps[0] == part
