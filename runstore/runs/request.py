"""A request to start a run, as a producer makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runstore.runs.operation import OperationType
from runstore.runs.run import RelatedLink


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What to start.

    `identity` makes two requests identical (JSON values; sort what is a set). `parameters` are the flow's: strings and ids,
    never payloads. `context` is what a reader of the run sees of them. `joins` names keys of the context that are no part of the
    identity: an identical run that is active takes them over, unless it has one of them already. `paths` names parameters with a
    path of this machine, in which a folder may be called anything that is not known for a secret.
    """

    operation: OperationType
    identity: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    item_ids: Sequence[str] = ()
    related: Sequence[RelatedLink] = ()
    joins: Sequence[str] = ()
    paths: Sequence[str] = ()

    @property
    def joined(self) -> dict[str, Any]:
        """What an identical active run takes over."""
        return {name: self.context[name] for name in self.joins if self.context.get(name) is not None}
