"""What is said to people of what a comparison could not tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flows._policies.types import label_of
from flows._policies.unread import ANY_TYPE, others_words
from flows.drift.comparison.not_read import (
    BASELINE_INCOMPLETE,
    CURRENT_INCOMPLETE,
    NOT_COMPARED,
    PART_NOT_READ,
    SECRETS_NOT_COMPARED,
)

_PARTS: Final = {
    "settings": "settings",
    "definitionValues": "settings",
    "assignments": "assignments",
    "scheduledActionsForRule": "actions for non-compliance",
    "localizedNotificationMessages": "messages",
}
_WHY: Final = {
    BASELINE_INCOMPLETE: "may not be new: not everything of that type could be read before",
    CURRENT_INCOMPLETE: "may still be there: not everything of that type could be read now",
    NOT_COMPARED: "could be read neither before nor now",
}


def withheld_words(entry: Mapping[str, Any]) -> str:
    """One entry of `withheld` for people: how many policies of which type, and why they are not told about."""
    policies = f"{entry['count']} {_noun(entry['policy_type'])}"
    if entry["reason_code"] == SECRETS_NOT_COMPARED:
        return f"secrets in {policies}: a folder and a stored sync can only tell that they are there"
    if entry["reason_code"] == PART_NOT_READ:
        part = _PARTS.get(entry.get("part") or "", entry.get("part") or "a part")
        return f"{part} of {policies}: an export does not have them"
    return f"{policies}: {_WHY.get(entry['reason_code'], entry['reason_code'].replace('_', ' '))}"


def not_compared(entries: Sequence[Mapping[str, Any]]) -> str:
    """One sentence that says what was not compared; empty when everything was."""
    return f"Not compared: {'; '.join(map(withheld_words, entries))}." if entries else ""


def why_empty(document: Mapping[str, Any], *, filtered: bool = False) -> str:
    """One sentence for a document without findings: nothing compared yet, nothing that the filters (`filtered`) let through,
    all of it hidden by rules, nothing open, or no drift between the two syncs of one comparison."""
    if not document["comparisons"]:
        return "Nothing has been compared yet; generate drift once two syncs of a scope are finished."
    if filtered:
        return "No finding matches these filters."
    nothing = "Nothing is open" if document.get("view") == "register" else "Nothing drifted"
    # Only two sides compared on the spot say what each could not read.
    unread = any(document.get("unread", {}).values())
    read = " in what was read" if document["withheld"] or unread else ""
    if document["ignored"]:
        return f"{nothing}{read} but what ignore rules hide: {document['ignored']} changes."
    return f"{nothing}{read}."


def unread_words(document: Mapping[str, Any]) -> list[str]:
    """What could not be read on either side of two compared on the spot, a sentence each, each once."""
    return list(dict.fromkeys(one["message"] for side in document.get("unread", {}).values() for one in side))


def not_asked_words(document: Mapping[str, Any]) -> str:
    """One sentence on what was seen and not asked for, on the side that has more of it; empty where there was nothing."""
    sides = document.get("not_asked", {}).values()
    counts = {place: max(side.get(place, 0) for side in sides) for side in sides for place in side}
    others = others_words({"not_asked": counts})
    return f"Not asked for, since they are not policies: {others}." if others else ""


def _noun(slug: str) -> str:
    return "of an unknown type" if slug == ANY_TYPE else label_of(slug)
