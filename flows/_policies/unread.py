"""What one read of a source did not get: things that could not be read, and parts that an export does not carry.

An export made without assignments says nothing about them, and is not told apart from one of a policy that has none by
looking at the policy alone. So the body says which parts it lacks (`UNREAD`, which counts in the content hash), and the read
as a whole says which of them the export leaves out wherever they are empty.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from flows._policies.json_shape import as_list
from flows._policies.types import BY_SLUG

if TYPE_CHECKING:
    # For its types alone: a comparison, which is pure, comes by here.
    from flows._policies.protocol import PolicySource, SourceFailure, SourcePolicy

UNREAD: Final = "@tenantatlas.unread"
"""The property of a stored body that lists the parts its export does not carry."""

SELECTED: Final = "$select"
"""The part of a policy that is every property it was not asked for."""

_CHOSEN: Final = re.compile(r"#.*[(,]\w+[,)]")
"""A context whose list of properties has bare names; what is expanded has parentheses of its own."""

_LISTED: Final = frozenset(
    ("id", "displayName", "name", "createdDateTime", "lastModifiedDateTime", "modifiedDateTime", "version")
)
"""What a listing says of a policy. One that says no more was asked for no more, unless its type has no more (`only_named`)."""

ANY_TYPE: Final = "*"
"""The slug for what could have been of any type."""


def unread_parts(body: Mapping[str, Any]) -> frozenset[str]:
    """The names of the parts nothing is known of, as `UNREAD` lists them."""
    return frozenset(part for part in as_list(body.get(UNREAD)) if isinstance(part, str))


def is_complete(unread: Mapping[str, Any]) -> bool:
    """Whether a sync that keeps this (`Unread.of`) knows every policy there was, and each of them whole."""
    return not any(unread.get(name) for name in ("types", "policies", "items", "parts"))


def absent_parts(policy_type: str, body: Mapping[str, Any]) -> list[str]:
    """The parts that a policy of the type has and this body has no word of; in order. Of a type not known only `SELECTED`.

    What a list leaves out is such a part, and `SELECTED` where the answer was asked for some properties only.
    """
    entry = BY_SLUG.get(policy_type)
    said = {name for name, value in body.items() if name not in _LISTED and "@" not in name and value is not None}
    bare = not said and not (entry and any(one.only_named for one in entry.collections))
    selected = [SELECTED] if bare or _CHOSEN.search(str(body.get("@odata.context"))[:2000]) else []
    if entry is None:
        return selected
    names = {part.name for collection in entry.collections for part in collection.parts if part.in_exports}
    counts = {part.name: part.count_property for collection in entry.collections for part in collection.parts}
    # An intent made ready for import carries its settings as a delta.
    delta = {"settings"} if "settingsDelta" in body else set[str]()
    # Graph answers a list; null is what a client made of a part that it did not ask for. Lists of assignments that are empty
    # are null in some exports.
    there = {name for name, value in body.items() if value is not None or name == "assignments"}
    absent = selected + [name for name in names - there - delta if body.get(counts[name] or "") != 0]
    for collection in entry.collections:
        absent += () if any(body.get(name) for name in collection.only_by_id) else collection.only_by_id
    return sorted(absent)


def not_asked_for(policy_type: str, body: Mapping[str, Any]) -> frozenset[str]:
    """The parts that not every export carries and this body has no word of. Beside one that has them they are unread."""
    entry = BY_SLUG.get(policy_type)
    parts = (part for collection in entry.collections for part in collection.parts) if entry else ()
    return frozenset(part.name for part in parts if not part.in_exports and part.name not in body)


@dataclass(slots=True)
class Unread:
    """Counts while a source is read; `of` when it is exhausted. `types` are those that were not enumerated to their end."""

    types: set[str] = field(default_factory=set[str])
    policies: set[str] = field(default_factory=set[str])
    _items: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _parts: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    _known: set[str] = field(default_factory=set[str])

    def failed(self, item: SourceFailure) -> None:
        """Takes in a thing that could not be read. One that is not a policy leaves nothing unknown."""
        if item.no_policy and not item.foreign:
            return
        if item.policy_id:
            self.policies.add(item.policy_id)
        elif item.policy_id is None and not item.no_policy:
            self.types |= ({item.policy_type} if item.policy_type else item.possible_types) or {ANY_TYPE}
        only = next(iter(item.possible_types)) if len(item.possible_types) == 1 else ANY_TYPE
        self._items.setdefault(item.policy_type or only, set()).add(item.policy_id or item.item_id)

    def read(self, policy: SourcePolicy) -> None:
        """Takes in a policy that was read."""
        for part in unread_parts(policy.body):
            self._parts.setdefault(part, Counter())[policy.policy_type] += 1
        if "id" not in policy.body and policy.body.get("assignments"):
            # Who drops the id writes assignments where there are some, and no empty list where there are none.
            self._known.add("assignments")

    def of(self, source: PolicySource) -> dict[str, Any]:
        """What a sync keeps of a source that is exhausted: `types` not enumerated, `policies` unread by id, `items` unread by type,
        `parts` without which policies came (part → type → policies), and `left_out`: those the export leaves out where they are
        empty; `in_files` are those it keeps in files of their own, which is a way of leaving them out, too.

        As `asked` the types that were looked for if not those that exports hold, as `not_asked` what it saw of other kinds, by
        place.
        """
        beside = source.beside()
        left_out = self._known | beside.parts_in_files
        kept: dict[str, Any] = {
            "types": sorted(self.types),
            "policies": sorted(self.policies),
            "items": {slug: len(found) for slug, found in sorted(self._items.items())},
            "parts": {
                part: dict(sorted(of.items())) for part, of in sorted(self._parts.items()) if part not in left_out
            },
            "left_out": sorted(left_out),
            "in_files": sorted(beside.parts_in_files),
        }
        kept |= {"asked": sorted(beside.asked)} if beside.asked is not None else {}
        return {**kept, "not_asked": dict(beside.others)} if beside.others else kept


def others_words(unread: Mapping[str, Any]) -> str:
    """What was seen and not asked for, as words; empty where there was nothing: "3 in Applications, 1 in Terms"."""
    return ", ".join(f"{count} in {place}" for place, count in sorted(unread.get("not_asked", {}).items()))
