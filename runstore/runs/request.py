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
    never payloads. `context` is what a reader of the run sees of them.
    """

    operation: OperationType
    identity: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    item_ids: Sequence[str] = ()
    related: Sequence[RelatedLink] = ()
