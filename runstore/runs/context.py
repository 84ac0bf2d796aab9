"""What a run's context says in words. The rest of a context is figures and ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

NOTICE: Final = "Notice"


def context_sentences(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the context says in words, each under a name: why nothing follows the run, what its producer wants to be read
    (`notice`), and what reading Graph cost.

    Producers write it, so nothing is taken for text that is none.
    """
    graph = context.get("graph")
    cost = cast("Mapping[str, Any]", graph).get("summary") if isinstance(graph, Mapping) else None
    said = (("Nothing follows", context.get("then_why")), (NOTICE, context.get("notice")), ("Microsoft Graph", cost))
    return [(name, words) for name, words in said if isinstance(words, str) and words]
