"""The `$batch` envelope: up to 20 reads out, and every one of them accounted for on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows._policies.json_shape import as_dict, as_list
from flows._sources.graph.answers import Outcome, Request, Setback, Trouble, judge


def batch_payload(requests: Sequence[Request]) -> dict[str, Any]:
    """The body of a `$batch`; the ids are the positions, and addresses are below the version."""
    return {
        "requests": [
            {"id": str(position), "method": "GET", "url": "/" + request.path.split("/", 1)[1]}
            for position, request in enumerate(requests)
        ]
    }


def batch_outcomes(body: object, count: int) -> list[Outcome]:
    """One outcome for each of the `count` reads sent, in their order, whatever order they came back in.

    An outer 200 says nothing about the parts: each is judged by its own status and `Retry-After`. A part that did not
    come back, or came back without a readable body, is a setback of its own. Ids that were not sent are ignored, and
    of an id that comes twice the first counts.
    """
    outcomes: list[Outcome] = [Setback(Trouble.UNANSWERED)] * count
    seen: set[int] = set()
    for raw in as_list(as_dict(body).get("responses")):
        part = as_dict(raw)
        name = part.get("id")
        if not isinstance(name, str) or not name.isascii() or not name.isdecimal():
            continue
        position = int(name)
        if position >= count or position in seen:
            continue
        seen.add(position)
        outcomes[position] = judge(part.get("status"), as_dict(part.get("headers")), part.get("body"))
    return outcomes
