"""What names the elements of a collection, so that two states of one element are compared with each other.

The policy type declares it (`flows/_policies/content.py`): a name, a rule key, an OMA-URI. It holds where every element of both
sides has one and no two of a side share it. Where none holds the collection is a set: an element that differs went, and
another came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from flows._policies.assignments import IDENTITIES
from flows._policies.content import Content, Identity
from flows._policies.tree import OWN, Tree, comparable, dumps
from flows.drift.comparison.change import Facet

_PREFERRED: Final = ("name", "key", "id")


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
    for candidate in candidates:
        if all(_tells_apart(candidate, side) for side in elements):
            return candidate
    return None


def identity_of(element: Tree, properties: tuple[str, ...]) -> tuple[str, ...] | None:
    """The values that name an element, as text; `None` if one is absent."""
    values: list[str] = []
    for name in properties:
        value = cast(dict[str, Any], element).get(name)
        if isinstance(value, dict):
            node = cast(dict[str, Any], value)
            value = node[OWN] if set(node) == {OWN} else _only(node)
        if isinstance(value, str) and value:
            values.append(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            values.append(str(comparable(value)))
        elif len(properties) > 1:
            # Part of a compound name may be absent: "all devices" has no group.
            values.append("")
        else:
            return None
    return tuple(values) if any(values) else None


def _only(node: dict[str, Any]) -> str | None:
    """The one text inside an identifying object such as `mobileAppIdentifier`."""
    texts = [value for value in node.values() if isinstance(value, str)]
    return texts[0] if len(texts) == 1 and len(node) == 1 else None


def _tells_apart(candidate: tuple[str, ...], side: Sequence[Tree]) -> bool:
    seen: set[bytes] = set()
    for element in side:
        values = identity_of(element, candidate)
        if values is None:
            return False
        key = dumps(values)
        if key in seen:
            return False
        seen.add(key)
    return True


def _naming_children(elements: Sequence[Tree], content: Content) -> list[Identity]:
    if content.naming_child is None:
        return []
    shared: set[str] = set(cast(dict[str, Any], elements[0]))
    for element in elements[1:]:
        shared &= set(cast(dict[str, Any], element))
    named = [child for child in shared if content.naming_child.search(child)]
    return [(child,) for child in sorted(named, key=_rank)]


def _rank(child: str) -> tuple[int, str]:
    lowered = child.lower()
    return (next((n for n, word in enumerate(_PREFERRED) if lowered.endswith(word)), len(_PREFERRED)), child)
