"""The changes between two canonical forms of one policy.

Walks both trees together, by definition id and property name. A choice's own value, its children, each member of a
keyed collection are places of their own; a set of scalars is one place whose value is the set.

What names the elements of a collection, the policy type declares (`flows/_policies/content.py`): a name, a rule key, an OMA-URI.
It holds where every element of both sides has one and no two of a side share it. Where none holds the collection is a set: an
element that differs went, and another came.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from flows._policies.assignments import IDENTITIES
from flows._policies.canonical import ASSIGNMENTS, PROPERTIES, SCOPE_TAGS, SETTINGS, content_declared
from flows._policies.content import Content, Identity
from flows._policies.tree import EACH, LIST, OWN, Tree, comparable, comparable_tree, dumps, in_one_case, kind_of
from flows.drift.comparison.changes import MISSING, Change, Element, Facet, Step

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
    facet: Facet
    content: Content

    def both(self, before: Tree, after: Tree, steps: Steps) -> Iterator[Change]:
        if _same_scalar(before, after):
            return
        kinds = {
            kind_of(cast(dict[str, Any], side)) or "map" if isinstance(side, dict) else "leaf"
            for side in (before, after)
            if side is not MISSING
        }
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
    for mine, others, came in ((before, after, False), (after, before, True)):
        left = Counter(dumps(comparable_tree(element)) for element in others)
        for element in mine:
            key = dumps(comparable_tree(element))
            if left[key]:
                left[key] -= 1
            else:
                yield Change(facet, (*steps, Element()), *((MISSING, element) if came else (element, MISSING)))


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


def identity_for(elements: Sequence[Sequence[Tree]], content: Content, facet: Facet, name: str) -> Identity | None:
    """The properties whose values tell the elements of the collection `name` apart on every side; `None` if there are none."""
    everything = [element for side in elements for element in side]
    if not everything or not all(isinstance(element, dict) for element in everything):
        return None
    candidates: Iterable[Identity]
    if facet is Facet.ASSIGNMENT:
        candidates = IDENTITIES
    elif facet is Facet.SETTING:
        candidates = _naming_children(everything, content)
    else:
        candidates = content.identities(name)
    return next((one for one in candidates if all(_tells_apart(one, side) for side in elements)), None)


def identity_of(element: Tree, properties: Identity) -> Identity | None:
    """The values that name an element, as text, empty for one that is absent; `None` if all are."""
    values: list[str] = []
    for name in properties:
        value = cast(dict[str, Any], element).get(name)
        if isinstance(value, dict):
            node = cast(dict[str, Any], value)
            only = next(iter(node.values())) if len(node) == 1 else None
            # An object that names something, such as `mobileAppIdentifier`, has one text in it.
            value = only if OWN in node or isinstance(only, str) else None
        if isinstance(value, str) and value:
            values.append(in_one_case(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            values.append(str(comparable(value)))
        else:
            # Part of a compound name may be absent: "all devices" has no group.
            values.append("")
    return tuple(values) if any(values) else None


def _tells_apart(candidate: Identity, side: Sequence[Tree]) -> bool:
    values = [identity_of(element, candidate) for element in side]
    return None not in values and len(set(values)) == len(values)


def _naming_children(elements: Sequence[Tree], content: Content) -> list[Identity]:
    """The children that all elements have and that name one, those that end with "name" first."""
    if content.naming_child is None:
        return []
    shared = set[str].intersection(*(set(cast(dict[str, Any], element)) for element in elements))
    ends = ("name", "key", "id")

    def rank(child: str) -> tuple[int, str]:
        return (next((n for n, end in enumerate(ends) if child.lower().endswith(end)), len(ends)), child)

    return [(child,) for child in sorted(filter(content.naming_child.search, shared), key=rank)]
