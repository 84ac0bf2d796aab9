"""What a sync does not know, so that nothing unread is ever called removed, nor anything unread before called new.

A sync knows a type when everything of the type was enumerated. A single unread policy whose id is known is unknown
alone. A file that could have held anything makes every type unknown. A part that no policy of an export carries is unknown of
every one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flows._policies.types import BY_SLUG, FROM_EXPORTS
from flows._policies.unread import ANY_TYPE

_EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Completeness:
    """The types, policies and parts one sync did not read. Empty for a sync that read everything.

    `items` counts what could not be read by type, `parts` the policies that came without a part, by part and type. An export
    leaves out the parts in `left_out` wherever they are empty; those in `in_files` it keeps in files of their own.
    """

    types: frozenset[str] = field(default_factory=frozenset[str])
    policies: frozenset[str] = field(default_factory=frozenset[str])
    items: Mapping[str, int] = field(default_factory=dict[str, int])
    parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    left_out: frozenset[str] = field(default_factory=frozenset[str])
    in_files: frozenset[str] = field(default_factory=frozenset[str])
    asked: frozenset[str] | None = None
    """The types it was asked for; `None` for all there are. The others are not unread: nobody wanted them."""

    def asked_for(self, policy_type: str) -> bool:
        """Whether policies of the type were looked for."""
        return self.asked is None or policy_type in self.asked or policy_type not in BY_SLUG

    def knows(self, policy_type: str, policy_id: str) -> bool:
        """Whether "not there" can be believed of this policy."""
        if policy_id in self.policies or not self.asked_for(policy_type):
            return False
        # What was not recognised may be of a type that was: then it is known under another slug.
        return ANY_TYPE not in self.types and policy_type not in self.types

    def as_json(self) -> dict[str, Any]:
        """The stored shape."""
        return {
            "types": sorted(self.types),
            "policies": sorted(self.policies),
            "items": dict(self.items),
            "parts": {part: dict(of) for part, of in self.parts.items()},
            "left_out": sorted(self.left_out),
            "in_files": sorted(self.in_files),
            **({"asked": sorted(self.asked)} if self.asked and self.asked != FROM_EXPORTS else {}),
        }

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Completeness:
        """From the stored shape, of which an older sync may have less."""
        sets = {name: frozenset(stored.get(name, ())) for name in ("types", "policies", "left_out", "in_files")}
        asked = frozenset(stored.get("asked", FROM_EXPORTS))
        return cls(**sets, items=stored.get("items", _EMPTY), parts=stored.get("parts", _EMPTY), asked=asked)

    @classmethod
    def of(cls, types: Iterable[str], policies: Iterable[str]) -> Completeness:
        """From what a source's ledger and failures say."""
        return cls(frozenset(types), frozenset(policies))
