"""The changes between two canonical forms of one policy.

Walks both trees together, by definition id and property name. A choice's own value, its children, each member of a
keyed collection are places of their own; a set of scalars is one place whose value is the set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from flows._policies.canonical import ASSIGNMENTS, PROPERTIES, SCOPE_TAGS, SETTINGS, content_declared
from flows._policies.content import Content, Identity
from flows._policies.tree import EACH, LIST, OWN, Tree, comparable_tree, dumps, kind_of
from flows.drift.comparison.change import MISSING, Change, Element, Facet, Step
from flows.drift.comparison.identity import identity_for, identity_of

PARTS: Final[tuple[tuple[str, Facet], ...]] = (
    (PROPERTIES, Facet.PROPERTY),
    (SETTINGS, Facet.SETTING),
    (ASSIGNMENTS, Facet.ASSIGNMENT),
    (SCOPE_TAGS, Facet.SCOPE_TAG),
)

Steps = tuple[Step, ...]


def diff(before: Mapping[str, Tree], after: Mapping[str, Tree]) -> list[Change]:
    """Every place where two canonical forms differ, in a stable order; empty exactly if their hashes are equal."""
    changes: list[Change] = []
    content = content_declared(after.get("type", before.get("type")))
    for part, facet in PARTS:
        root: Steps = () if part in (PROPERTIES, SETTINGS) else (part,)
        walk = _Walk(facet, content)
        found = list(walk.both(before.get(part, MISSING), after.get(part, MISSING), root))
        changes.extend(sorted(found, key=lambda change: (change.path, change.kind, change.signature)))
    return changes


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through one part of both forms at once."""

    facet: Facet
    content: Content

    def both(self, before: Tree, after: Tree, steps: Steps) -> Iterator[Change]:
        if _same_scalar(before, after):
            return
        kinds = {_kind(side) for side in (before, after) if side is not MISSING}
        if kinds == {EACH}:
            yield from self._each(_members(before), _members(after), steps)
        elif kinds == {LIST} and (pairs := self._in_step(before, after, steps)):
            for step, one, other in pairs:
                yield from self.both(one, other, (*steps, step))
        elif kinds <= {"map", "leaf"} and "map" in kinds:
            yield from self._maps(_as_map(before), _as_map(after), steps)
        elif not _equal(before, after):
            yield Change(self.facet, steps, before, after)

    def _maps(self, before: dict[str, Any] | None, after: dict[str, Any] | None, steps: Steps) -> Iterator[Change]:
        # An object without content is still a place of its own when the other side has nothing there.
        if (before is None and not after) or (after is None and not before):
            empty: Tree = {}
            yield Change(self.facet, steps, MISSING if before is None else empty, MISSING if after is None else empty)
            return
        old, new = before or {}, after or {}
        for key in sorted(old.keys() | new.keys()):
            yield from self.both(old.get(key, MISSING), new.get(key, MISSING), (*steps, key))

    def _each(self, before: list[Tree], after: list[Tree], steps: Steps) -> Iterator[Change]:
        identity = self._identity((before, after), steps)
        if identity is not None:
            old = {cast(Identity, identity_of(element, identity)): element for element in before}
            new = {cast(Identity, identity_of(element, identity)): element for element in after}
            for values in sorted(old.keys() | new.keys()):
                one, other = old.get(values, MISSING), new.get(values, MISSING)
                step = Element(identity, values)
                # An assignment, or an element that came or went as a whole, reads best as one thing; a setting's element
                # is still told setting by setting.
                came_or_went = one is MISSING or other is MISSING
                whole = self.facet is Facet.ASSIGNMENT or (self.facet is Facet.PROPERTY and came_or_went)
                if not whole:
                    yield from self.both(one, other, (*steps, step))
                elif not _equal(one, other):
                    yield Change(self.facet, (*steps, step), one, other)
            return
        if len(before) <= 1 and len(after) <= 1 and self.facet is not Facet.ASSIGNMENT:
            one, other = (side[0] if side else MISSING for side in (before, after))
            yield from self.both(one, other, (*steps, Element(single=True)))
            return
        yield from _as_set(before, after, steps, self.facet)

    def _in_step(self, before: Tree, after: Tree, steps: Steps) -> list[tuple[Element, Tree, Tree]] | None:
        """The elements of two ordered lists side by side, if both name the same ones in the same order."""
        if before is MISSING or after is MISSING:
            return None
        sides = (before[LIST], after[LIST])
        identity = self._identity(sides, steps)
        if identity is None:
            return None
        old, new = ([cast(Identity, identity_of(element, identity)) for element in side] for side in sides)
        if old != new:
            return None
        return [(Element(identity, values), *pair) for values, pair in zip(old, zip(*sides, strict=True), strict=True)]

    def _identity(self, sides: tuple[list[Tree], list[Tree]], steps: Steps) -> Identity | None:
        name = next((step for step in reversed(steps) if isinstance(step, str)), "")
        return identity_for(sides, self.content, self.facet, name)


def _as_set(before: list[Tree], after: list[Tree], steps: Steps, facet: Facet) -> Iterator[Change]:
    kept: dict[bytes, int] = {}
    for element in after:
        key = dumps(comparable_tree(element))
        kept[key] = kept.get(key, 0) + 1
    for element in before:
        key = dumps(comparable_tree(element))
        if kept.get(key, 0):
            kept[key] -= 1
        else:
            yield Change(facet, (*steps, Element()), element, MISSING)
    for element in after:
        key = dumps(comparable_tree(element))
        if kept.get(key, 0):
            kept[key] -= 1
            yield Change(facet, (*steps, Element()), MISSING, element)


def _kind(tree: Tree) -> str:
    if not isinstance(tree, dict):
        return "leaf"
    node = cast(dict[str, Any], tree)
    return kind_of(node) or "map"


def _members(tree: Tree) -> list[Tree]:
    return [] if tree is MISSING else cast(list[Tree], tree[EACH])


def _as_map(tree: Tree) -> dict[str, Any] | None:
    if tree is MISSING:
        return None
    return cast(dict[str, Any], tree) if isinstance(tree, dict) else {OWN: tree}


def _same_scalar(before: Tree, after: Tree) -> bool:
    """Whether the sides are one text, number or truth value: most are, and need no look at what kind of node they are."""
    return type(before) is type(after) and isinstance(before, (str, int)) and before == after


def _equal(before: Tree, after: Tree) -> bool:
    if before is MISSING or after is MISSING:
        return before is after
    # As bytes: Python holds True equal to 1, a canonical form does not.
    return dumps(comparable_tree(before)) == dumps(comparable_tree(after))
