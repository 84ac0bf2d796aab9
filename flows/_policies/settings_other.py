"""Settings of administrative templates and endpoint-security intents as trees keyed by their definitions."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import orjson

from flows._policies.json_shape import as_list, as_object, as_text
from flows._policies.noise import is_empty
from flows._policies.settings_catalog import generic, keyed
from flows._policies.tree import OWN, UNKNOWN, Tree, each_of

_BOUND: Final = re.compile(r"\('?([^')]+)'?\)/?$")

Json = Mapping[str, Any]


def definition_id(value: Json) -> str | None:
    """The id of the definition a definition value belongs to, however the export says it; `None` if it does not.

    Graph expands `definition`; an export made for re-import binds it by address; IntuneManagement adds `#Definition_Id`.
    """
    return _referred(value, "definition", "#Definition_Id", ("classType", "categoryPath", "displayName"))


def template_settings(properties: dict[str, Any]) -> dict[str, Tree]:
    """The settings of an administrative template, taken out of `properties`: definition id → enabled or disabled, with the
    presentation values it brings, each by its own definition.

    A value whose definition the export does not name is kept under the unknown mark.
    """
    if not isinstance(properties.get("definitionValues"), list):
        return {}
    definition_values = as_list(properties.pop("definitionValues"))
    ids = [definition_id(as_object(item)) for item in definition_values]
    return keyed(
        (identifier, _enabled(cast(Json, item)) if identifier is not None else generic(item, 0))
        for identifier, item in zip(ids, definition_values, strict=True)
    )


def _enabled(value: Json) -> dict[str, Tree]:
    node: dict[str, Tree] = {OWN: "enabled" if _truth(value.get("enabled")) else "disabled"}
    unnamed: list[Tree] = []
    for presented in as_list(value.get("presentationValues")):
        if not isinstance(presented, Mapping):
            continue
        shown = cast(Json, presented)
        key = _referred(shown, "presentation", "#Presentation_Id", ("label",))
        content = generic(shown["values"] if not is_empty(shown.get("values")) else shown.get("value"), 0)
        if key is None or key in node:
            unnamed.append({OWN: content} if not isinstance(content, dict) else content)
        else:
            node[key] = content
    return {**node, UNKNOWN: each_of(unnamed)} if unnamed else node


def intent_settings(properties: dict[str, Any]) -> dict[str, Tree]:
    """The settings of an intent, taken out of `properties`, or what an export made for import has instead: definition id → value.

    `valueJson` is read as the JSON it holds; `value` counts where there is no such text.
    """
    settings, delta = properties.pop("settings", None), properties.pop("settingsDelta", None)
    found: dict[str | None, Tree] = {}
    strangers: list[tuple[None, Tree]] = []
    for item in as_list(settings) or as_list(delta):
        setting = as_object(item)
        identifier = setting.get("definitionId")
        if not isinstance(identifier, str) or identifier in found:
            strangers.append((None, generic(item, 0)))
            continue
        value: Any = setting.get("value")
        text = setting.get("valueJson")
        if isinstance(text, str):
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError:
                value = text
        found[identifier] = generic(value, 0)
    return keyed([*found.items(), *strangers])


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
