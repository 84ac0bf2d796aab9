"""Assignments as a tree: who gets the policy, with which filter, included or excluded, and under which intent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from flows._policies.json_shape import as_list, as_object, as_text
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

IDENTITY: Final = ("target", "id")
"""The properties that tell one assignment of a policy from another."""

Json = Mapping[str, Any]


def assignments_tree(assignments: Sequence[Any]) -> dict[str, Tree]:
    """The collection of a policy's assignments; ids and sources, which are made up at every read, are left out."""
    return each_of(_one(cast(Json, item)) for item in assignments if isinstance(item, Mapping))


def _one(assignment: Json) -> Tree:
    target = as_object(assignment.get("target"))
    kind, mode = _kind(target)
    node: dict[str, Tree] = {"target": kind, "mode": mode}
    identifier = target.get("groupId") or target.get("collectionId") or assignment.get("targetGroupId")
    if isinstance(identifier, str) and identifier:
        node["id"] = identifier.lower()
    filter_id = target.get(_FILTER_ID)
    filter_type = target.get(_FILTER_TYPE)
    if isinstance(filter_id, str) and filter_id.lower() not in _NOTHING:
        node["filter"] = filter_id.lower()
        node["filter_mode"] = as_text(filter_type).lower() or "include"
    handled = {"groupId", "collectionId", "targetGroupId", _FILTER_ID, _FILTER_TYPE, "target", *_NAMES}
    for source, parent in ((target, "target"), (assignment, "assignments")):
        for key, value in source.items():
            if key in handled or is_noise(key, parent) or is_empty(value):
                continue
            node[key] = generic(value, 0)
    return node


def told_by(body: Json, other: Json) -> Json:
    """The body, its assignments without metadata as the other side's types tell them; `body` itself where all say theirs.

    Without `@odata.type` an excluded group reads like an included one, and all devices like all users. Which it is cannot
    be told from the one side, so where the other side has the same assignment with a type, that is what it is.
    """
    own = [cast(Json, item) for item in as_list(body.get("assignments")) if isinstance(item, Mapping)]
    if all(map(_type_of, own)):
        return body
    types: dict[bytes, list[str]] = {}
    for item in map(as_object, as_list(other.get("assignments"))):
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


def _type_of(assignment: Json) -> str:
    return as_text(as_object(assignment.get("target")).get("@odata.type"))


def _apart_from_type(assignment: Json) -> bytes:
    return dumps(comparable_tree({**_one(assignment), "target": None, "mode": None}))


def group_names(assignments: Sequence[Any]) -> dict[str, str]:
    """Group id → name, for the assignments whose export says one."""
    names: dict[str, str] = {}
    for item in assignments:
        found = as_object(as_object(item).get("target"))
        identifier = found.get("groupId")
        name = next((text for key in _NAMES if isinstance(text := found.get(key), str) and text), None)
        if isinstance(identifier, str) and name:
            names[identifier.lower()] = name
    return names


def _kind(target: Json) -> tuple[str, str]:
    name = target.get("@odata.type")
    if isinstance(name, str):
        word = name.removeprefix("#").removeprefix("microsoft.graph.")
        known = _TARGETS.get(word.lower())
        return known or (word, "include")
    # Without metadata only a plain group can be told from the rest.
    return ("group", "include") if target.get("groupId") else ("unknown", "include")
