"""The jobs that read names from Graph: what Microsoft calls a setting, what a tenant calls its groups, users, roles and apps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from flows._policies.json_shape import as_dict, as_list, as_text
from flows._policies.known_names import Definition, DirectoryObject
from flows._policies.names import shown_name
from flows._policies.types import Lane
from flows._sources.graph.answers import Problem, Request
from flows._sources.graph.paging import NEXT_LINK
from flows._sources.graph.pump import Job

SETTINGS: Final = "beta/deviceManagement/configurationSettings"
INTENT_SETTINGS: Final = "beta/deviceManagement/settingDefinitions"
_CATEGORIES: Final = "beta/deviceManagement/configurationCategories"
OBJECTS_AT_ONCE: Final = 1000
APPS_AT_ONCE: Final = 15
_DESCRIPTION_LIMIT: Final = 500


def read_definition(path: str, definition_id: str) -> Job[tuple[Definition, str] | Problem]:
    """A definition, its category not named yet, and the category's id."""
    answer = (yield [Request(f"{path}/{quote(definition_id, safe='')}", Lane.INTUNE)])[0]
    if isinstance(answer, Problem):
        return answer
    body = answer.body
    options = {
        as_text(option.get("itemId")): shown_name(as_text(option.get("displayName")))
        for option in map(as_dict, as_list(body.get("options")))
    }
    found = Definition(
        definition_id,
        shown_name(as_text(body.get("displayName"))),
        shown_name(as_text(body.get("description")), _DESCRIPTION_LIMIT),
        "",
        {key: name for key, name in options.items() if key and name},
    )
    return found, as_text(body.get("categoryId"))


def read_category(category_id: str) -> Job[tuple[str, str]]:
    """A category's id and name; the name is empty where it cannot be read."""
    answer = (yield [Request(f"{_CATEGORIES}/{quote(category_id, safe='')}", Lane.INTUNE)])[0]
    name = "" if isinstance(answer, Problem) else shown_name(as_text(answer.body.get("displayName")))
    return category_id, name


def read_objects(asked: Sequence[tuple[str, str]]) -> Job[list[DirectoryObject] | Problem]:
    """The groups, users and roles of these ids and kinds. A group or user that a whole answer leaves out was deleted."""
    kinds = dict(asked)
    answer = (yield [Request("v1.0/directoryObjects/getByIds", Lane.INTUNE, alone=True, ids=tuple(kinds))])[0]
    if isinstance(answer, Problem):
        return answer
    rows = [as_dict(row) for row in as_list(answer.body.get("value"))]
    found = {as_text(row.get("id")).lower(): shown_name(as_text(row.get("displayName"))) for row in rows}
    named = [DirectoryObject(one, kinds[one], name) for one, name in found.items() if one in kinds]
    # No list is no answer.
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
