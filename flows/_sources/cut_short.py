"""Whether a policy lost content on its way into the file, and what says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows._policies.json_shape import as_list
from flows._policies.types import BY_SLUG
from flows._sources import folder_reasons as reasons
from flows._sources.forms import is_cut
from flows._sources.forms.graph import NEXT
from runstore.reasons import ReasonCode


def why_cut(policy_type: str, body: Mapping[str, Any]) -> ReasonCode | None:
    """The reason a policy that was read is not whole; `None` for one that is, as far as it says.

    A part that is absent altogether is another matter (`flows._policies.unread`): the rest of such a policy is known.
    """
    if is_cut(dict(body)):
        return reasons.VALUE_CUT
    if any(key.endswith(NEXT) and value for key, value in body.items()):
        return reasons.PART_CUT
    entry = BY_SLUG.get(policy_type)
    for part in (part for collection in entry.collections for part in collection.parts) if entry else ():
        said = body.get(part.count_property) if part.count_property else None
        if part.name in body and isinstance(said, int) and said > len(as_list(body[part.name])):
            return reasons.PART_CUT
    return None
