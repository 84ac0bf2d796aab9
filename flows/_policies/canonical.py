"""The canonical form of a policy: what it configures and nothing else, so that equal configuration has an equal hash.

The form is versioned. When a rule here changes, `CANONICAL_VERSION` is raised: stored contents are then rehashed from
the body before two snapshots of different versions meet, so that a better rule never shows as drift.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, cast

from flows._policies.assignments import assignments_tree
from flows._policies.json_shape import as_list
from flows._policies.noise import MEANINGFUL_TYPES, ORDERED, is_empty, is_noise
from flows._policies.settings_catalog import settings_tree
from flows._policies.settings_other import intent_tree, template_tree
from flows._policies.tree import LIST, MAX_DEPTH, TooDeepError, Tree, digest, each_of, escaped, set_of

CANONICAL_VERSION: Final = 2

PROPERTIES: Final = "properties"
SETTINGS: Final = "settings"
ASSIGNMENTS: Final = "assignments"
SCOPE_TAGS: Final = "roleScopeTagIds"

CATALOG_TYPES: Final = frozenset({"settings_catalog", "settings_catalog_compliance", "reusable_setting"})
TEXTS: Final = frozenset(
    {
        "scriptContent",
        "detectionScriptContent",
        "remediationScriptContent",
        "rulesContent",
        "payload",
        "payloadJson",
        "encodedSettingXml",
        "configurationXml",
    }
)
"""Properties that carry a text in base64; they are compared and shown as the text."""

_DEFAULT_TAGS: Final = ["0"]
_NO_MEMBERS: Final[tuple[Any, ...]] = ({"$each": []}, {"$set": []}, {"$list": []})
_NO_TEMPLATE: Final = "00000000-0000-0000-0000-000000000000"

Json = Mapping[str, Any]


def canonical(policy_type: str, body: Json) -> dict[str, Tree]:
    """The canonical tree of a policy: `properties`, `settings`, `assignments`, `roleScopeTagIds`, and its `type`.

    `body` is the policy as Graph returns it, parts inlined, with full, minimal or no metadata. It is not changed.
    Raises TooDeepError for a policy that nests beyond all reason.
    """
    properties = dict(body)
    form: dict[str, Tree] = {"type": policy_type, SETTINGS: _settings(policy_type, properties)}
    assignments = properties.pop("assignments", None)
    form[ASSIGNMENTS] = assignments_tree(cast(list[Any], assignments) if isinstance(assignments, list) else [])
    form[SCOPE_TAGS] = _scope_tags(properties)
    form[PROPERTIES] = _properties(properties, None, 0)
    return form


def content_hash(form: Mapping[str, Tree]) -> bytes:
    """The 32 bytes that are equal for two canonical forms exactly if they configure the same."""
    return digest(dict(form))


def subtype_of(body: Json) -> str | None:
    """The policy's own `@odata.type` without its prefix; `None` where the export carries no metadata.

    It stays out of the hash, which has to be the same without metadata; a comparison treats two different
    subtypes as a change and an unknown one as equal to any.
    """
    name = body.get("@odata.type")
    return name.removeprefix("#").removeprefix("microsoft.graph.") if isinstance(name, str) and name else None


def _settings(policy_type: str, properties: dict[str, Any]) -> dict[str, Tree]:
    """The settings as a tree; takes what it read out of `properties` and leaves there what it has no rule for."""
    values = properties.get("definitionValues")
    if policy_type == "administrative_template" and isinstance(values, list):
        del properties["definitionValues"]
        return template_tree(cast(list[Any], values))
    settings = properties.get("settings")
    if policy_type == "endpoint_security_intent":
        # The delta is what an export made for import carries instead of the settings.
        delta = properties.pop("settingsDelta", None)
        properties.pop("settings", None)
        return intent_tree(as_list(settings) or as_list(delta))
    if policy_type in CATALOG_TYPES:
        if isinstance(settings, list):
            del properties["settings"]
            return settings_tree(cast(list[Any], settings))
        single = properties.get("settingInstance")
        if isinstance(single, Mapping):
            del properties["settingInstance"]
            return settings_tree([single])
    return {}


def _scope_tags(properties: dict[str, Any]) -> Tree:
    tags = properties.pop("roleScopeTagIds", None)
    other = properties.pop("roleScopeTags", None)
    chosen = tags if not is_empty(tags) else other
    names = [str(tag) for tag in cast(list[Any], chosen)] if isinstance(chosen, list) else []
    # A policy without tags carries the default one; Graph writes that out in some types and not in others.
    return set_of(names or _DEFAULT_TAGS)


def _properties(value: Any, parent: str | None, depth: int, holder: str | None = None) -> Tree:
    if depth > MAX_DEPTH:
        raise TooDeepError
    if isinstance(value, Mapping):
        return _object(cast(Json, value), parent, depth)
    if isinstance(value, list):
        read = (_properties(item, parent, depth + 1) for item in cast(list[Any], value))
        items = [item for item in read if not is_empty(item) and item not in _NO_MEMBERS]
        if parent in ORDERED:
            return {LIST: items}
        return each_of(items) if any(isinstance(item, dict) for item in items) else set_of(items)
    if isinstance(value, str) and parent is not None:
        if parent in TEXTS:
            return decoded(value)
        if holder in MEANINGFUL_TYPES and parent == "value":
            return decoded_markup(value)
        if parent == "notificationTemplateId" and value == _NO_TEMPLATE:
            return None
    return value


def _object(value: Json, parent: str | None, depth: int) -> dict[str, Tree]:
    node: dict[str, Tree] = {}
    for key, item in value.items():
        if key == "@odata.type" and parent in MEANINGFUL_TYPES:
            continue
        if is_noise(key, parent) or is_empty(item):
            continue
        child = _properties(item, key, depth + 1, parent)
        # What holds only bookkeeping is as good as absent; a description Graph never got reads "" or null.
        if (
            is_empty(child)
            or child in _NO_MEMBERS
            or (child == "" and key in ("description", "notificationTemplateId"))
        ):
            continue
        if parent == "scheduledActionsForRule" and key == "ruleName" and child in ("PasswordRequired", ""):
            # Graph wants this text on writing and mostly answers null on reading.
            continue
        node[escaped(key)] = child
    if parent in MEANINGFUL_TYPES and node:
        node["dataType"] = _data_type(value)
    return node


def _data_type(value: Json) -> str:
    """Integer, FloatingPoint, Boolean or String: what can be told without metadata as well, a file or a date being a text."""
    name = value.get("@odata.type")
    if isinstance(name, str):
        word = name.removeprefix("#").removeprefix("microsoft.graph.").removeprefix("omaSetting")
        return word if word in ("Integer", "FloatingPoint", "Boolean") else "String"
    content = value.get("value")
    if isinstance(content, bool):
        return "Boolean"
    if isinstance(content, int):
        return "Integer"
    return "FloatingPoint" if isinstance(content, float) else "String"


def decoded(value: str) -> str:
    """The text a base64 property holds; the value itself where it is no base64 or no text.

    A byte-order mark decides between UTF-8 and UTF-16; line ends stay as they are, since a script may depend on them.
    """
    try:
        # Some exporters break the lines.
        data = base64.b64decode("".join(value.split()) if "\n" in value else value, validate=True)
    except (binascii.Error, ValueError):
        return value
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return value
    return value if "\x00" in text else text


def decoded_markup(value: str) -> str:
    """The XML a base64 text holds, as a custom profile's files are kept; the value itself where it is anything else."""
    text = decoded(value)
    return text if text.lstrip().startswith("<") else value
