"""Which policies under two ids are one: made again, renamed, or only known by an id that was made up for want of one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flows._policies.canonical import ASSIGNMENTS, PROPERTIES, SCOPE_TAGS, content_hash
from flows._policies.recognise import is_made_up
from flows._policies.types import name_property
from flows.drift.comparison.diff import diff
from flows.drift.comparison.states import Bodies, Pair, PolicyState, content_of

ALIKE: Final = 0.5
"""Two policies of one name and type are one re-created if at least so much of their content is the same."""

BATCH: Final = 500


@dataclass(slots=True)
class Paired:
    """The pairs found, and the policies that really came or went."""

    added: list[PolicyState]
    removed: list[PolicyState]
    same: list[Pair] = field(default_factory=list[Pair])
    """One policy without an id of its own, whose made-up id moved: its file has another name."""
    renamed: list[Pair] = field(default_factory=list[Pair])
    recreated: list[Pair] = field(default_factory=list[Pair])


def paired(added: Sequence[PolicyState], removed: Sequence[PolicyState], bodies: Bodies) -> Paired:
    """Takes out of what came and what went the policies that are one. Where it would be a guess they stay apart."""
    found = Paired(list(added), list(removed))
    nameless = _nameless(found, bodies)
    found.same = _matched(
        found, _kind_and_name, lambda old, new: is_made_up(old.policy_id) and is_made_up(new.policy_id)
    )
    found.renamed = _matched(found, lambda state: nameless.get(state.policy_id), lambda old, new: True)
    found.recreated = _matched(found, _name, lambda old, new: _alike(old, new, bodies))
    return found


def _matched(
    found: Paired, key: Callable[[PolicyState], Hashable], agrees: Callable[[PolicyState, PolicyState], bool]
) -> list[Pair]:
    """The pairs of one key: of equal content first, then one that is left on each side, if it agrees."""
    olds, news = _by(found.removed, key), _by(found.added, key)
    pairs: list[Pair] = []
    for value in news.keys() & olds.keys():
        left, rest = list(olds[value]), list[PolicyState]()
        for new in news[value]:
            equal = next((old for old in left if old.content_hash == new.content_hash and agrees(old, new)), None)
            if equal is None:
                rest.append(new)
            else:
                left.remove(equal)
                pairs.append((equal, new))
        # With several of one key left, which became which would be a guess.
        if len(rest) == 1 and len(left) == 1 and agrees(left[0], rest[0]):
            pairs.append((left[0], rest[0]))
    taken = {id(state) for pair in pairs for state in pair}
    found.added = [state for state in found.added if id(state) not in taken]
    found.removed = [state for state in found.removed if id(state) not in taken]
    return sorted(pairs, key=lambda pair: pair[1].policy_id)


def _by(states: Iterable[PolicyState], key: Callable[[PolicyState], Hashable]) -> dict[Hashable, list[PolicyState]]:
    grouped: dict[Hashable, list[PolicyState]] = {}
    for state in states:
        if (value := key(state)) is not None:
            grouped.setdefault(value, []).append(state)
    return grouped


def _kind_and_name(state: PolicyState) -> Hashable:
    return (state.policy_type, state.subtype, state.platform, state.name) if is_made_up(state.policy_id) else None


def _name(state: PolicyState) -> Hashable:
    return (state.policy_type, " ".join(state.name.casefold().split()))


def _nameless(found: Paired, bodies: Bodies) -> Mapping[str, Hashable]:
    """Policy id → all it is but its name, for policies without ids on both sides."""
    sides = [[state for state in side if is_made_up(state.policy_id)] for side in (found.added, found.removed)]
    if not all(sides):
        return {}
    digests: dict[str, Hashable] = {}
    for state, body in _with_bodies([*sides[0], *sides[1]], bodies):
        form = dict(content_of(state, body, None).form)
        properties = dict(form[PROPERTIES])
        properties.pop(name_property(state.policy_type), None)
        form[PROPERTIES] = properties
        digests[state.policy_id] = (state.policy_type, state.subtype, content_hash(form))
    return digests


def _with_bodies(states: Sequence[PolicyState], bodies: Bodies) -> Iterator[tuple[PolicyState, Mapping[str, Any]]]:
    for start in range(0, len(states), BATCH):
        batch = states[start : start + BATCH]
        fetched = bodies({state.content_hash for state in batch})
        yield from ((state, fetched[state.content_hash]) for state in batch if state.content_hash in fetched)


def _alike(old: PolicyState, new: PolicyState, bodies: Bodies) -> bool:
    if old.content_hash == new.content_hash:
        return True
    found = bodies((old.content_hash, new.content_hash))
    if len(found) < 2:
        return False
    forms = [dict(content_of(state, found[state.content_hash], None).form) for state in (old, new)]
    for form in forms:
        # A policy that was made again mostly has no assignments yet.
        form.pop(ASSIGNMENTS, None)
        form.pop(SCOPE_TAGS, None)
    empty: dict[str, object] = {"type": new.policy_type}
    differing = len(diff(forms[0], forms[1]))
    sizes = [len(diff(empty, form)) for form in forms]
    return differing <= (1 - ALIKE) * max(sizes, default=0)
