"""Assignments as a tree: who gets the policy, with which filter, included or excluded, and under which intent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from flows._policies.content import DEFAULT
from flows._policies.json_shape import GUID, as_list, as_object, as_text
from flows._policies.noise import is_empty, is_noise
from flows._policies.settings_catalog import generic
from flows._policies.tree import Tree, comparable_tree, dumps, each_of

_TARGETS: Final = {
    "groupassignmenttarget": ("group", "include"),
    "exclusiongroupassignmenttarget": ("group", "exclude"),
    "alldevicesassignmenttarget": ("all_devices", "include"),
    "alllicensedusersassignmenttarget": ("all_users", "include"),
    "configurationmanagercollectionassignmenttarget": ("collection", "include"),
}
_NOTHING: Final = frozenset({"", "none", "00000000-0000-0000-0000-000000000000"})
_FILTER_ID: Final = "deviceAndAppManagementAssignmentFilterId"
_FILTER_TYPE: Final = "deviceAndAppManagementAssignmentFilterType"
_NAMES: Final = ("groupDisplayName", "groupName", "#CustomRef_GroupName")
_FILTER_NAMES: Final = (
    f"{_FILTER_ID[:-2]}DisplayName",
    f"{_FILTER_ID[:-2]}Name",
    "filterName",
    "#CustomRef_FilterName",
)
_NO_GUID: Final = "00000000-0000-0000-0000-000000000000"

RULE: Final = "membershipRule"
"""What a sync adds to a target: the membership rule of its group, where `group.sync` read it (`flows._policies.groups`)."""

KIND: Final = "groupType"
"""What newer versions of IntuneCD add to a target."""
_FACTS: Final = (RULE, KIND)

IDENTITIES: Final = (
    ("target", "id", "name"),
    ("target", "id", "name", "mode"),
    ("target", "id", "name", "mode", "intent"),
)
"""The properties that tell one assignment of a policy from another: the group's id, or its name where an export has no id."""

Json = Mapping[str, Any]


def assignments_tree(assignments: Sequence[Any]) -> dict[str, Tree]:
    """The collection of a policy's assignments; ids and sources, which are made up at every read, are left out."""
    return each_of(_one(cast(Json, item)) for item in assignments if isinstance(item, Mapping))


def _one(assignment: Json) -> dict[str, Tree]:
    target = as_object(assignment.get("target"))
    kind, mode = _kind(target)
    node: dict[str, Tree] = {"target": kind, "mode": mode}
    identifier = target.get("groupId") or target.get("collectionId") or assignment.get("targetGroupId")
    if isinstance(identifier, str) and identifier:
        node["id"] = identifier.lower()
    elif name := _said(target, _NAMES):
        node["name"] = name
    filter_id = as_text(target.get(_FILTER_ID))
    chosen = _said(target, _FILTER_NAMES) if filter_id.lower() in _NOTHING else filter_id
    filter_type = as_text(target.get(_FILTER_TYPE)).lower()
    if chosen:
        # Some exports write the filter's name where Graph has its id: a name keeps its case.
        node["filter"] = chosen.lower() if GUID.fullmatch(chosen) else chosen
        node["filter_mode"] = filter_type or "include"
    handled = {"groupId", "collectionId", "targetGroupId", _FILTER_ID, _FILTER_TYPE, "target", *_NAMES, *_FILTER_NAMES}
    for source, parent in ((target, "target"), (assignment, "assignments")):
        for key, value in source.items():
            if key in handled or is_noise(key, parent, DEFAULT) or is_empty(value):
                continue
            node[key] = generic(value, 0)
    return node


def told_by(body: Json, other: Json) -> Json:
    """The body, its assignments with what only the other side says of them; `body` itself where they say it all.

    Without `@odata.type` an excluded group reads like an included one, and all devices like all users. Which it is cannot
    be told from the one side, so where the other side has the same assignment with a type, that is what it is. In the
    same way a group or filter known by name alone has the id that the other side gives this name, if it gives one, and a group
    whose kind or membership rule was not read has the one that was read for the other side.
    """
    own = [cast(Json, item) for item in as_list(body.get("assignments")) if isinstance(item, Mapping)]
    elsewhere = [as_object(item) for item in as_list(other.get("assignments"))]
    facts = {group: facts for item in elsewhere if (facts := _facts(item)) for group in _groups_of(item)}
    unsaid = [_unsaid(item, facts) for item in own]
    if not any(unsaid) and all(_type_of(item) and not _nameless_id(item) for item in own):
        return body
    own = [
        {**item, "target": {**as_object(item.get("target")), **more}} for item, more in zip(own, unsaid, strict=True)
    ]
    groups = _ids_by_name(elsewhere, "groupId", _NAMES)
    filters = _ids_by_name(elsewhere, _FILTER_ID, _FILTER_NAMES)
    own = [_with_ids(item, groups, filters) for item in own]
    types: dict[bytes, list[str]] = {}
    for item in elsewhere:
        if name := _type_of(item):
            types.setdefault(_apart_from_type(item), []).append(name)
    told: list[Json] = []
    # Those that say their type take it first.
    for item in sorted(own, key=lambda item: not _type_of(item)):
        name, left = _type_of(item), types.get(_apart_from_type(item), [])
        if name in left:
            left.remove(name)
        elif left and not name:
            item = {**item, "target": {**as_object(item.get("target")), "@odata.type": left.pop(0)}}
        told.append(item)
    return {**body, "assignments": told}


def _nameless_id(assignment: Json) -> bool:
    node = _one(assignment)
    return "name" in node or not GUID.fullmatch(node.get("filter", _NO_GUID))


def _ids_by_name(assignments: Sequence[Json], key: str, names: Sequence[str]) -> dict[str, str]:
    """Name → id, for the names that mean one id."""
    found: dict[str, set[str]] = {}
    for item in assignments:
        target = as_object(item.get("target"))
        identifier, name = as_text(target.get(key)), _said(target, names)
        if name and GUID.fullmatch(identifier):
            found.setdefault(name, set()).add(identifier)
    return {name: next(iter(ids)) for name, ids in found.items() if len(ids) == 1}


def _with_ids(assignment: Json, groups: Mapping[str, str], filters: Mapping[str, str]) -> Json:
    node = _one(assignment)
    known = {"groupId": groups.get(node.get("name", "")), _FILTER_ID: filters.get(node.get("filter", ""))}
    added = {key: identifier for key, identifier in known.items() if identifier}
    return {**assignment, "target": {**as_object(assignment.get("target")), **added}} if added else assignment


def _said(target: Json, names: Sequence[str]) -> str:
    return next((text for key in names if (text := as_text(target.get(key)))), "")


def _type_of(assignment: Json) -> str:
    return as_text(as_object(assignment.get("target")).get("@odata.type"))


def _apart_from_type(assignment: Json) -> bytes:
    return dumps(comparable_tree({**_one(assignment), "target": None, "mode": None, **dict.fromkeys(_FACTS)}))


def _groups_of(assignment: Json) -> list[str]:
    """The id and the name of the group it targets, as far as it says them."""
    target = as_object(assignment.get("target"))
    return [group for group in (as_text(target.get("groupId")).lower(), _said(target, _NAMES)) if group]


def _facts(assignment: Json) -> Json:
    target = as_object(assignment.get("target"))
    return {key: target[key] for key in _FACTS if target.get(key) is not None}


def _unsaid(assignment: Json, facts: Mapping[str, Json]) -> Json:
    """What the other side knows of the group and this assignment does not say; nothing of a group that became another kind."""
    own = _facts(assignment)
    known = next((facts[group] for group in _groups_of(assignment) if group in facts), own)
    one_kind = len({one[KIND] for one in (own, known) if KIND in one}) < 2
    return {key: value for key, value in known.items() if key not in own and one_kind}


def names_of(assignments: Sequence[Any]) -> dict[str, str]:
    """Group or filter id → name, for the assignments whose export says both."""
    targets = [as_object(as_object(item).get("target")) for item in assignments]
    pairs = [
        (target, key, names) for target in targets for key, names in (("groupId", _NAMES), (_FILTER_ID, _FILTER_NAMES))
    ]
    return {
        identifier.lower(): name
        for target, key, names in pairs
        if (identifier := as_text(target.get(key))) and (name := _said(target, names))
    }


def _kind(target: Json) -> tuple[str, str]:
    name = target.get("@odata.type")
    if isinstance(name, str):
        word = name.removeprefix("#").removeprefix("microsoft.graph.")
        known = _TARGETS.get(word.lower())
        return known or (word, "include")
    # Without metadata only a plain group can be told from the rest.
    return ("group", "include") if target.get("groupId") or _said(target, _NAMES) else ("unknown", "include")
