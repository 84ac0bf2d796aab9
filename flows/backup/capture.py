"""What is asked of a place that policies are captured from, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flows._policies.protocol import SourcePolicy
from flows._policies.types import POLICY_TYPES
from runstore.runs.run import Failure

Capture = SourcePolicy | Failure


@dataclass(frozen=True, slots=True)
class Selection:
    """The policies to capture as (id, type), by type. `failures` are for what could not be found out; then a retry has
    to find out again."""

    policies: list[tuple[str, str]]
    failures: list[Failure] = field(default_factory=list[Failure])


class CaptureSource(Protocol):
    """A place policies are captured from."""

    def select(self, policy_ids: Sequence[str] | None) -> Selection:
        """The policies named, or every one there is when `None`."""
        ...

    def fetch(self, policies: Sequence[tuple[str, str]]) -> Iterator[Capture]:
        """Each policy once, as it is now or why not."""
        ...

    def cost(self) -> Mapping[str, Any]:
        """What it cost so far, for the run's context."""
        ...


def by_type(policies: Mapping[str, str]) -> list[tuple[str, str]]:
    """Policies of a type side by side, in table order: a batch then mostly asks one kind of thing."""
    order = {entry.slug: number for number, entry in enumerate(POLICY_TYPES)}
    return sorted(policies.items(), key=lambda each: (order.get(each[1], len(order)), each[1], each[0]))
