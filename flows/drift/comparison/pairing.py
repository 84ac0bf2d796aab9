"""What belongs together under two ids: policies made again or renamed, and settings that left one policy for another."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from flows._policies.canonical import ASSIGNMENTS, PROPERTIES, SCOPE_TAGS, content_hash
from flows._policies.recognise import is_made_up
from flows._policies.types import name_property
from flows.drift.comparison.changes import Change, ChangeKind, Facet
from flows.drift.comparison.findings import Finding, FindingKind
from flows.drift.comparison.policy_diff import diff
from flows.drift.comparison.sides import Bodies, Pair, PolicyState, form_of, forms

ALIKE: Final = 0.5
"""Two policies of one name and type are one re-created if at least so much of their content is the same."""

_WHOM: Final = frozenset({ASSIGNMENTS, SCOPE_TAGS})

_Place = tuple[str, bytes]
"""The path of a setting, and its value."""


@dataclass(slots=True)
class Paired:
    """The pairs found, and the policies that really came or went."""

    added: list[PolicyState]
    removed: list[PolicyState]
    differing: list[Pair] = field(default_factory=list[Pair])
    same: list[Pair] = field(default_factory=list[Pair])
    """One policy without an id of its own, whose made-up id moved: its file has another name."""
    renamed: list[Pair] = field(default_factory=list[Pair])
    recreated: list[Pair] = field(default_factory=list[Pair])


def paired(
    added: Sequence[PolicyState], removed: Sequence[PolicyState], differing: Sequence[Pair], bodies: Bodies
) -> Paired:
    """Takes out of what came and what went the policies that are one. Where it would be a guess they stay apart.

    Several policies of one name and kind without ids are known by their files' names, which tools number again when one of them
    goes: there a policy of equal content is the same one before that of an equal file name is.
    """
    found = Paired(list(added), list(removed))
    olds, news = (
        _by((*removed, *(old for old, _ in differing)), _named),
        _by((*added, *(new for _, new in differing)), _named),
    )
    several = {name for side in (olds, news) for name, states in side.items() if len(states) > 1}
    for pair in differing:
        if _named(pair[1]) in several:
            found.removed.append(pair[0])
            found.added.append(pair[1])
        else:
            found.differing.append(pair)
    found.same = _matched(found, _named, lambda old, new: True)
    nameless = _nameless(found, bodies)
    for rest in (0, 1):
        found.renamed += _matched(
            found,
            lambda state, rest=rest: nameless[state.policy_id][rest] if state.policy_id in nameless else None,
            lambda old, new: True,
            alike=rest == 0,
        )
    found.recreated = _matched(
        found,
        lambda state: (state.policy_type, " ".join(state.name.casefold().split())),
        lambda old, new: _alike(old, new, bodies),
    )
    return found


def _matched(
    found: Paired,
    key: Callable[[PolicyState], Hashable],
    agrees: Callable[[PolicyState, PolicyState], bool],
    alike: bool = False,
) -> list[Pair]:
    """The pairs of one key: of equal content first, of one id next, then one that is left on each side, if it agrees.

    With `alike` all of one key are the same but for their names: as many on each side are paired in the order of those.
    """
    olds, news = _by(found.removed, key), _by(found.added, key)
    pairs: list[Pair] = []
    for value in news.keys() & olds.keys():
        left, rest = (sorted(side[value], key=lambda state: state.name) for side in (olds, news))
        for mark in ("content_hash", "policy_id", "policy_type"):
            # With several of one key left, which became which would be a guess.
            if mark == "policy_type" and not (len(left) == len(rest) and (alike or len(rest) == 1)):
                break
            for new in tuple(rest):
                same = (old for old in left if getattr(old, mark) == getattr(new, mark) and agrees(old, new))
                if (old := next(same, None)) is not None:
                    left.remove(old)
                    rest.remove(new)
                    pairs.append((old, new))
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


def _named(state: PolicyState) -> Hashable:
    """What names a policy without an id of its own; `None` for others."""
    return (*state.kind, state.platform, state.name) if is_made_up(state.policy_id) else None


def _nameless(found: Paired, bodies: Bodies) -> Mapping[str, tuple[Hashable, Hashable]]:
    """Policy id → all it is but its name, and but whom it reaches as well, for policies without ids on both sides."""
    sides = [[state for state in side if is_made_up(state.policy_id)] for side in (found.added, found.removed)]
    if not all(sides):
        return {}
    digests: dict[str, tuple[Hashable, Hashable]] = {}
    for state, form, _ in forms([*sides[0], *sides[1]], bodies):
        form[PROPERTIES] = {**form[PROPERTIES]}
        form[PROPERTIES].pop(name_property(state.policy_type), None)
        content = {key: part for key, part in form.items() if key not in _WHOM}
        digests[state.policy_id] = ((*state.kind, content_hash(form)), (*state.kind, content_hash(content)))
    return digests


def _alike(old: PolicyState, new: PolicyState, bodies: Bodies) -> bool:
    if old.content_hash == new.content_hash:
        return True
    found = bodies((old.content_hash, new.content_hash))
    if len(found) < 2:
        return False
    # A policy that was made again mostly has no assignments yet.
    before, after = (
        {key: part for key, part in form_of(state, found[state.content_hash]).items() if key not in _WHOM}
        for state in (old, new)
    )
    most = max(len(diff({"type": new.policy_type}, form)) for form in (before, after))
    return len(diff(before, after)) <= (1 - ALIKE) * most


def with_moves(
    findings: Sequence[Finding], added: Sequence[PolicyState], removed: Sequence[PolicyState], bodies: Bodies
) -> list[Finding]:
    """The findings, with `moved_to` and `moved_from` on settings that one policy lost and exactly one other gained.

    Policies that came or went as a whole count as well: a new policy that takes settings over from an old one.
    """
    gained: dict[_Place, set[str]] = {}
    lost: dict[_Place, set[str]] = {}
    names = {finding.policy_id: finding.policy_name or "" for finding in findings if finding.policy_id}
    for finding in findings:
        for change in finding.changes if finding.policy_id else ():
            if _may_move(change) and not change.is_generic:
                side = gained if change.kind is ChangeKind.ADDED else lost
                side.setdefault(_place(change), set()).add(finding.policy_id or "")
    if not gained and not lost:
        return list(findings)
    whole = {finding.policy_id for finding in findings if finding.kind in (FindingKind.ADDED, FindingKind.REMOVED)}
    for states, wanted, side in ((added, lost, gained), (removed, gained, lost)):
        for state, form, _ in forms([one for one in states if one.policy_id in whole], bodies):
            for change in diff({}, {key: part for key, part in form.items() if key not in (PROPERTIES, *_WHOM)}):
                if (place := _place(change)) in wanted:
                    side.setdefault(place, set()).add(state.policy_id)

    def marked(change: Change) -> Change:
        if not _may_move(change):
            return change
        takers, givers = gained.get(_place(change), set()), lost.get(_place(change), set())
        # Several takers or givers of one value would make the pairing a guess.
        if len(takers) != 1 or len(givers) != 1 or takers == givers:
            return change
        came = change.kind is ChangeKind.ADDED
        (other,) = givers if came else takers
        said = {"policy_id": other, "policy_name": names.get(other, "")}
        return change.with_extra(**{"moved_from" if came else "moved_to": said})

    return [replace(finding, changes=tuple(map(marked, finding.changes))) for finding in findings]


def _may_move(change: Change) -> bool:
    return change.facet is Facet.SETTING and change.kind is not ChangeKind.CHANGED


def _place(change: Change) -> _Place:
    _, path, before, after = change.signature
    return (path, before or after)
