"""What a comparison cannot tell: whole policies that a side did not read, and parts that a side does not carry."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from flows._policies.json_shape import as_list, as_object
from flows._policies.types import label_of
from flows._policies.unread import ANY_TYPE, SELECTED, UNREAD, not_asked_for, others_words, unread_parts
from flows.drift.comparison.changes import Change, Facet
from flows.drift.comparison.findings import Withheld
from flows.drift.comparison.sides import SUBTYPE, Completeness, Pair, Sides

BASELINE_INCOMPLETE: Final = "baseline_incomplete"
CURRENT_INCOMPLETE: Final = "current_incomplete"
NOT_COMPARED: Final = "not_compared"
PART_NOT_READ: Final = "part_not_read"
SECRETS_NOT_COMPARED: Final = "secrets_not_compared"

_FACETS: Final[Mapping[str, Facet]] = {
    "settings": Facet.SETTING,
    "definitionValues": Facet.SETTING,
    "settingInstance": Facet.SETTING,
    "assignments": Facet.ASSIGNMENT,
    "roleScopeTags": Facet.SCOPE_TAG,
}


def of_parts_read(
    changes: Sequence[Change],
    pair: Pair,
    was: Mapping[str, Any],
    is_now: Mapping[str, Any],
    sides: Sides,
    held: Counter[tuple[str, str]] | None = None,
) -> Sequence[Change]:
    """The changes without those in a part that one of the two bodies does not carry: such a part is unread, not removed.

    `held` counts by type and part the policies of which one file has a part that the other side's was not asked for.

    A side whose export leaves a part out where it is empty knows it to be empty. So does the other side of one that keeps
    it in files of its own: without such a file nothing tells the two apart.
    """
    baseline, current = sides
    unread = unread_parts(was) - baseline.left_out - current.in_files
    unread |= unread_parts(is_now) - current.left_out - baseline.in_files
    kind = pair[1].policy_type
    for state, body in zip(pair, (was, is_now), strict=True):
        for part in frozenset[str]() if is_of_graph(state.origin) else not_asked_for(kind, body):
            if any(_is_in(part, one) for one in changes):
                unread |= {part}
                if held is not None:
                    held[kind, part] += 1
    if not unread:
        return changes
    return [one for one in changes if not any(_is_in(part, one) for part in unread)]


def _is_in(part: str, change: Change) -> bool:
    return change.facet is _FACETS[part] if part in _FACETS else part in change.steps[:1]


def asked_of_both(
    was: Mapping[str, Any], is_now: Mapping[str, Any], origins: tuple[str, str]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The two bodies, without what only one of them was asked for: v1.0 of Graph leaves out properties that beta has.

    Graph answers every property of the version it is asked under, null included, so one that is absent was not asked for.
    A body whose origin is no longer known counts as one of v1.0 beside one of beta; a file may say it in its context. Of one
    that was asked for some properties only (`SELECTED`) the others are not compared.
    """
    if SELECTED in unread_parts(was) | unread_parts(is_now):
        both = (was.keys() & is_now.keys()) | {UNREAD}
        return {key: was[key] for key in both & was.keys()}, {key: is_now[key] for key in both & is_now.keys()}
    contexts = (_GRAPH.match(str(body.get("@odata.context"))) for body in (was, is_now))
    versions = {said[1] if said else _version(origin) for said, origin in zip(contexts, origins, strict=True)}
    if "beta" not in versions or not versions & {"v1.0", ""}:
        return was, is_now
    return _limited(dict(was), dict(is_now)), _limited(dict(is_now), dict(was))


def is_of_graph(origin: str) -> bool:
    """Whether a policy was read from Graph, or where is no longer known: not from a file."""
    return _version(origin) in ("beta", "v1.0", "")


def _version(origin: str) -> str:
    return origin.partition("/")[0]


_GRAPH: Final = re.compile(r"https://[^/]+/(beta|v1\.0)/")


def _limited(value: Any, other: Any) -> Any:
    """The value without properties that the other has not, wherever both have an object of one subtype."""
    if isinstance(value, dict) and isinstance(other, dict):
        own, held = cast(dict[str, Any], value), cast(dict[str, Any], other)
        if own.get(SUBTYPE) != held.get(SUBTYPE):
            return own
        return {key: _limited(item, held[key]) for key, item in own.items() if key in held}
    if isinstance(value, list) and isinstance(other, list):
        # Elements come and go; those of one subtype have the same properties.
        shapes: dict[Any, dict[str, Any]] = {}
        for item in filter(None, map(as_object, as_list(cast(object, other)))):
            shapes.setdefault(item.get(SUBTYPE), {}).update(item)
        return [_limited(item, shapes.get(as_object(item).get(SUBTYPE), item)) for item in as_list(cast(object, value))]
    return cast(Any, value)


def with_unread(held: Sequence[Withheld], baseline: Completeness, current: Completeness) -> list[Withheld]:
    """What was withheld, and beside it what neither side of it shows: nothing that was not read goes without a word.

    `held` are differences not believed. What a side could not read and none of them accounts for is counted once if both
    sides have as much of it, and on its own side otherwise.
    """
    counts = Counter({(one.policy_type, one.reason_code): one.count for one in held})
    left = {
        reason: _left(side, [one for one in held if one.reason_code == reason])
        for side, reason in ((baseline, BASELINE_INCOMPLETE), (current, CURRENT_INCOMPLETE))
    }
    both = left[BASELINE_INCOMPLETE] & left[CURRENT_INCOMPLETE]
    for reason, more in {NOT_COMPARED: both, **{reason: of_one - both for reason, of_one in left.items()}}.items():
        counts.update({(slug, reason): count for slug, count in more.items()})
    found = [Withheld(slug, count, reason) for (slug, reason), count in counts.items()]
    for part in sorted(baseline.parts.keys() | current.parts.keys()):
        old, new = (Counter(side.parts.get(part, {})) for side in (baseline, current))
        # What lists of Graph leave out on both sides nobody expects; the rest is what a policy is.
        lacking = (old | new) - (old & new) if part in _BESIDE else old | new
        found += [Withheld(slug, count, PART_NOT_READ, part) for slug, count in lacking.items()]
    return found


def _left(side: Completeness, held: Sequence[Withheld]) -> Counter[str]:
    """How much of what a side could not read no withheld difference stands for, by type."""
    left = Counter(side.items)
    spare = 0
    for one in held:
        spare += max(0, one.count - left[one.policy_type])
        left[one.policy_type] -= one.count
    left[ANY_TYPE] -= spare
    return +left


_PARTS: Final = {
    "settings": "settings",
    "definitionValues": "settings",
    "assignments": "assignments",
    "scheduledActionsForRule": "actions for non-compliance",
    "localizedNotificationMessages": "messages",
    "settingInstance": "settings",
    "scriptContent": "content",
    SELECTED: "properties",
}
_BESIDE: Final = ("scheduledActionsForRule", "localizedNotificationMessages")
_WHY: Final = {
    BASELINE_INCOMPLETE: "may not be new: not everything of that type could be read before",
    CURRENT_INCOMPLETE: "may still be there: not everything of that type could be read now",
    NOT_COMPARED: "could be read neither before nor now",
}


def withheld_words(entry: Mapping[str, Any]) -> str:
    """One entry of `withheld` for people: how many policies of which type, and why they are not told about."""
    slug = entry["policy_type"]
    policies = f"{entry['count']} {'of an unknown type' if slug == ANY_TYPE else label_of(slug)}"
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
