"""Settings of administrative templates and endpoint-security intents as trees keyed by their definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import orjson

from flows._policies.json_shape import as_list, as_object, as_text
from flows._policies.noise import is_empty
from flows._policies.settings_catalog import generic
from flows._policies.tree import OWN, UNKNOWN, Tree, each_of

_BOUND: Final = re.compile(r"\('?([^')]+)'?\)/?$")

Json = Mapping[str, Any]


def template_settings(properties: dict[str, Any]) -> dict[str, Tree]:
    """The settings of an administrative template; takes them out of `properties`."""
    if not isinstance(properties.get("definitionValues"), list):
        return {}
    return template_tree(as_list(properties.pop("definitionValues")))


def intent_settings(properties: dict[str, Any]) -> dict[str, Tree]:
    """The settings of an intent; takes them out of `properties`, with what an export made for import has instead of them."""
    settings, delta = properties.pop("settings", None), properties.pop("settingsDelta", None)
    return intent_tree(as_list(settings) or as_list(delta))


def definition_id(value: Json) -> str | None:
    """The id of the definition a definition value belongs to, however the export says it; `None` if it does not.

    Graph expands `definition`; an export made for re-import binds it by address; IntuneManagement adds `#Definition_Id`.
    """
    return _referred(value, "definition", "#Definition_Id", ("classType", "categoryPath", "displayName"))


def presentation_id(value: Json) -> str | None:
    """The id of the presentation a presentation value belongs to; `None` if the export does not say."""
    return _referred(value, "presentation", "#Presentation_Id", ("label",))


def template_tree(definition_values: Sequence[Any]) -> dict[str, Tree]:
    """Definition id → enabled or disabled, with the presentation values it brings, each by its own definition.

    A value whose definition the export does not name is kept under the unknown mark.
    """
    nodes: dict[str, Tree] = {}
    repeated: dict[str, list[Tree]] = {}
    strangers: list[Tree] = []
    for item in definition_values:
        identifier = definition_id(cast(Json, item)) if isinstance(item, Mapping) else None
        if identifier is None:
            strangers.append(generic(item, 0))
            continue
        value = cast(Json, item)
        node: dict[str, Tree] = {OWN: "enabled" if _truth(value.get("enabled")) else "disabled"}
        presentations = value.get("presentationValues")
        unnamed: list[Tree] = []
        for presented in cast(list[Any], presentations) if isinstance(presentations, list) else []:
            if not isinstance(presented, Mapping):
                continue
            shown = cast(Json, presented)
            key = presentation_id(shown)
            content = generic(shown["values"] if not is_empty(shown.get("values")) else shown.get("value"), 0)
            if key is None or key in node:
                unnamed.append({OWN: content} if not isinstance(content, dict) else content)
            else:
                node[key] = content
        if unnamed:
            node[UNKNOWN] = each_of(unnamed)
        if identifier in nodes:
            repeated.setdefault(identifier, [nodes[identifier]]).append(node)
        else:
            nodes[identifier] = node
    for identifier, several in repeated.items():
        nodes[identifier] = each_of(several)
    if strangers:
        nodes[UNKNOWN] = each_of(strangers)
    return nodes


def intent_tree(settings: Sequence[Any]) -> dict[str, Tree]:
    """Definition id → value. `valueJson` is read as the JSON it holds; `value` counts where there is no such text."""
    nodes: dict[str, Tree] = {}
    strangers: list[Tree] = []
    for item in settings:
        identifier = cast(Json, item).get("definitionId") if isinstance(item, Mapping) else None
        if not isinstance(identifier, str) or identifier in nodes:
            strangers.append(generic(item, 0))
            continue
        setting = cast(Json, item)
        value: Any = setting.get("value")
        text = setting.get("valueJson")
        if isinstance(text, str):
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError:
                value = text
        nodes[identifier] = generic(value, 0)
    if strangers:
        nodes[UNKNOWN] = each_of(strangers)
    return nodes


def _referred(value: Json, name: str, remark: str, described: tuple[str, ...]) -> str | None:
    expanded = as_object(value.get(name))
    bound = value.get(f"{name}@odata.bind")
    if as_text(expanded.get("id")):
        return as_text(expanded["id"]).lower()
    if isinstance(bound, str) and (found := _BOUND.search(bound)):
        return found.group(1).lower()
    remarked = value.get(remark)
    if isinstance(remarked, str) and remarked:
        return remarked.lower()
    words = [text for key in described if (text := as_text(expanded.get(key)))]
    return " / ".join(words) or None


def _truth(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")
