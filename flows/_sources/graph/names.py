"""The jobs that read names from Graph: what Microsoft calls a setting, what a tenant calls its groups, users, roles and apps."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from flows._policies.groups import Group
from flows._policies.json_shape import as_dict, as_list, as_text
from flows._policies.known_names import Definition, DirectoryObject
from flows._policies.names import shown_name
from flows._policies.types import Lane
from flows._sources.graph.answers import Answer, Problem, Request
from flows._sources.graph.pump import NEXT_LINK, Job
from flows._sources.graph.reasons import GRAPH_POLICY_UNREADABLE

SETTINGS: Final = "beta/deviceManagement/configurationSettings"
INTENT_SETTINGS: Final = "beta/deviceManagement/settingDefinitions"
_CATEGORIES: Final = "beta/deviceManagement/configurationCategories"
GROUPS: Final = "GroupMember.Read.All"
_OF_GROUP: Final = "id,displayName,groupTypes,securityEnabled,membershipRule"
OBJECTS_AT_ONCE: Final = 1000
APPS_AT_ONCE: Final = 15
_DESCRIPTION_LIMIT: Final = 500


def read_definitions(asked: Sequence[tuple[str, str]]) -> Job[list[Definition | Problem]]:
    """What each of these settings (path of its catalogue, id) is called, or why not."""
    answers = yield [_intune(path, definition_id) for path, definition_id in asked]
    bodies = [answer.body for answer in answers if isinstance(answer, Answer)]
    ids = sorted({as_text(body.get("categoryId")) for body in bodies} - {""})
    named = yield [_intune(_CATEGORIES, one) for one in ids]
    # The name is empty where it cannot be read.
    categories = {
        one: shown_name(as_text(answer.body.get("displayName")))
        for one, answer in zip(ids, named, strict=True)
        if isinstance(answer, Answer)
    }
    return [
        answer if isinstance(answer, Problem) else _definition(definition_id, answer.body, categories)
        for (_, definition_id), answer in zip(asked, answers, strict=True)
    ]


def _intune(path: str, one: str) -> Request:
    return Request(f"{path}/{quote(one, safe='')}", Lane.INTUNE)


def _definition(definition_id: str, body: Mapping[str, Any], categories: Mapping[str, str]) -> Definition:
    options = {
        as_text(option.get("itemId")): shown_name(as_text(option.get("displayName")))
        for option in map(as_dict, as_list(body.get("options")))
    }
    return Definition(
        definition_id,
        shown_name(as_text(body.get("displayName"))),
        shown_name(as_text(body.get("description")), _DESCRIPTION_LIMIT),
        categories.get(as_text(body.get("categoryId")), ""),
        {key: name for key, name in options.items() if key and name},
    )


def read_objects(asked: Sequence[tuple[str, str]]) -> Job[list[DirectoryObject] | Problem]:
    """The groups, users and roles of these ids and kinds. A group or user that a whole answer leaves out was deleted."""
    kinds = dict(asked)
    answer = (yield [Request("v1.0/directoryObjects/getByIds", Lane.INTUNE, alone=True, ids=tuple(kinds))])[0]
    if isinstance(answer, Problem):
        return answer
    rows = [as_dict(row) for row in as_list(answer.body.get("value"))]
    found = {as_text(row.get("id")).lower(): shown_name(as_text(row.get("displayName"))) for row in rows}
    named = [DirectoryObject(one, kinds[one], name) for one, name in found.items() if one in kinds]
    # No list is not an answer.
    if NEXT_LINK in answer.body or not isinstance(answer.body.get("value"), list):
        return named
    gone = [one for one, kind in kinds.items() if one not in found and kind in ("group", "user")]
    return [*named, *(DirectoryObject(one, kinds[one], "", deleted=True) for one in gone)]


def read_apps(app_ids: Sequence[str]) -> Job[list[DirectoryObject] | Problem]:
    """The apps of these application ids, as far as the tenant has them: one that it has not may still be Microsoft's."""
    listed = quote(",".join(f"'{one}'" for one in app_ids), safe="',")
    path = f"v1.0/servicePrincipals?$filter=appId%20in%20({listed})&$select=appId,displayName"
    answer = (yield [Request(path, Lane.INTUNE)])[0]
    if isinstance(answer, Problem):
        return answer
    rows = [as_dict(row) for row in as_list(answer.body.get("value"))]
    pairs = [(as_text(row.get("appId")).lower(), shown_name(as_text(row.get("displayName")))) for row in rows]
    return [DirectoryObject(one, "app", name) for one, name in pairs if one and name]


def read_group(group_id: str) -> Job[Group | Problem]:
    """A group with its rule and the number of its members; one that is gone as deleted."""
    base = f"v1.0/groups/{quote(group_id, safe='')}"
    members = f"{base}/members?$count=true&$top=1&$select=id"
    answer, counted = yield [
        Request(f"{base}?$select={_OF_GROUP}", Lane.DIRECTORY),
        Request(members, Lane.DIRECTORY, counts=True),
    ]
    if isinstance(answer, Problem):
        return Group(group_id, deleted=True) if answer.is_missing else answer.of("group", GROUPS)
    body = answer.body
    if as_text(body.get("id")).lower() != group_id:
        return Problem(GRAPH_POLICY_UNREADABLE, None, {"policy_id": group_id})
    kinds = as_list(body.get("groupTypes"))
    kind = (
        "Microsoft 365" if "Unified" in kinds else "security" if body.get("securityEnabled") is True else "distribution"
    )
    count = counted.body.get("@odata.count") if isinstance(counted, Answer) else None
    return Group(
        group_id,
        shown_name(as_text(body.get("displayName"))),
        f"dynamic {kind}" if "DynamicMembership" in kinds else kind,
        as_text(body["membershipRule"]) if "membershipRule" in body else None,
        count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None,
    )
