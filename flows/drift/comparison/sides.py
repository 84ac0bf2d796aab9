"""One side of a comparison: the states of its policies, and what its sync did not read.

Nothing unread is ever called removed, nor anything unread before called new. A sync knows a type when everything of the type
was enumerated. A single unread policy whose id is known is unknown alone. A file that could have held anything makes every type
unknown. A part that no policy of an export carries is unknown of every one of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from flows._policies.canonical import PROPERTIES, canonical
from flows._policies.stored import PolicyState
from flows._policies.tree import Tree
from flows._policies.types import BY_SLUG, FROM_EXPORTS
from flows._policies.unread import ANY_TYPE

SUBTYPE: Final = "@odata.type"
_BATCH: Final = 500


Pair = tuple[PolicyState, PolicyState]
"""One policy before and after."""

Bodies = Callable[[Iterable[bytes]], Mapping[bytes, Mapping[str, Any]]]
"""Content hashes → bodies; a hash whose body is not there is left out."""


def form_of(state: PolicyState, body: Mapping[str, Any], other_subtype: str | None = None) -> dict[str, Tree]:
    """The canonical form of a state. The subtype takes part only if the other side says one, too."""
    form = dict(canonical(state.policy_type, body))
    if state.subtype and other_subtype:
        form[PROPERTIES] = {**form[PROPERTIES], SUBTYPE: state.subtype}
    return form


def forms(
    states: Sequence[PolicyState], bodies: Bodies
) -> Iterator[tuple[PolicyState, dict[str, Tree], Mapping[str, Any]]]:
    """The states whose content is there, with its form and itself, fetched 500 at a time."""
    for start in range(0, len(states), _BATCH):
        batch = states[start : start + _BATCH]
        fetched = bodies({state.content_hash for state in batch})
        for state in batch:
            if (body := fetched.get(state.content_hash)) is not None:
                yield state, form_of(state, body), body


@dataclass(frozen=True, slots=True)
class Completeness:
    """The types, policies and parts one sync did not read. Empty for a sync that read everything.

    `items` counts what could not be read by type, `parts` the policies that came without a part, by part and type. An export
    leaves out the parts in `left_out` wherever they are empty; those in `in_files` it keeps in files of their own.
    """

    types: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    items: Mapping[str, int] = field(default_factory=dict[str, int])
    parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    left_out: frozenset[str] = frozenset()
    in_files: frozenset[str] = frozenset()
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

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Self:
        """From the shape that a sync stores, of which an older one may have less."""
        sets = {name: frozenset(stored.get(name, ())) for name in ("types", "policies", "left_out", "in_files")}
        asked = frozenset(stored.get("asked", FROM_EXPORTS))
        return cls(**sets, items=stored.get("items", {}), parts=stored.get("parts", {}), asked=asked)


WHOLE: Final = (Completeness(), Completeness())

Sides = tuple[Completeness, Completeness]
"""What the baseline and the current sync do not know."""
