"""What a sync does not know, so that nothing unread is ever called removed, nor anything unread before called new.

A sync knows a type when everything of the type was enumerated. A single unread policy whose id is known is unknown
alone. A file that could have held anything makes every type unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ANY_TYPE = "*"


@dataclass(frozen=True, slots=True)
class Completeness:
    """The types and policies one sync did not read. Empty for a sync that read everything."""

    types: frozenset[str] = field(default_factory=frozenset[str])
    policies: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def is_complete(self) -> bool:
        """Whether the sync knows everything there was."""
        return not self.types and not self.policies

    def knows(self, policy_type: str, policy_id: str) -> bool:
        """Whether "not there" can be believed of this policy."""
        if policy_id in self.policies:
            return False
        # What was not recognised may be of a type that was: then it is known under another slug.
        return ANY_TYPE not in self.types and policy_type not in self.types

    def as_json(self) -> dict[str, Any]:
        """The stored shape."""
        return {"types": sorted(self.types), "policies": sorted(self.policies)}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Completeness:
        """From the stored shape."""
        return cls(frozenset(stored.get("types", ())), frozenset(stored.get("policies", ())))

    @classmethod
    def of(cls, types: Iterable[str], policies: Iterable[str]) -> Completeness:
        """From what a source's ledger and failures say."""
        return cls(frozenset(types), frozenset(policies))
