"""Settings-catalog settings as a tree: definition id → value, children below their choice, no list position anywhere.

Graph wraps every value in a typed object, and adds template references, positional ids and metadata around it. What
counts is which definition has which value, what it brings along, and which instances a collection holds.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from flows._policies.base64_text import decoded_document
from flows._policies.json_shape import as_list
from flows._policies.noise import is_empty, is_metadata
from flows._policies.tree import EACH, LIST, MAX_DEPTH, OWN, SET, UNKNOWN, TooDeepError, Tree, each_of, escaped, set_of

STATE: Final = "valueState"
ENCRYPTED: Final = "encryptedValueToken"
HELD: Final = "secret:set"
"""What stands for a secret that Graph only hands out as a token: tokens differ between two reads of one secret."""

_REFERENCES: Final = frozenset({"settingInstanceTemplateReference", "settingValueTemplateReference"})
_KNOWN: Final = frozenset(
    {
        "settingDefinitionId",
        "simpleSettingValue",
        "simpleSettingCollectionValue",
        "choiceSettingValue",
        "choiceSettingCollectionValue",
        "groupSettingValue",
        "groupSettingCollectionValue",
        *_REFERENCES,
    }
)

NAMING_CHILD: Final = re.compile(
    r"(?:^|[_.-])(?:(?:rule|profile|display|policy|list|entry|account|network)?(?:name|id|key)|identifier|guid|uuid"
    r"|bundleidentifier|bundleid|packagename|packageid|appid|appidentifier|generickey_keytobereplaced|generickey"
    r"|ssid|userid|hostname|domain)$",
    re.IGNORECASE,
)
"""The settings that name an instance of a collection, by the end of their definition id: a rule's name, an app's id."""

_ORDERED: Final = re.compile(
    r"homescreenlayout_(?:dock|pages)|(?:ondemandrules|dns_?servers?|dnsserver(?:address|list)\w*|serveraddresses|"
    r"dns_?suffix(?:es|searchlist)?|searchdomains|searchlist|ciphersuites?)$",
    re.IGNORECASE,
)
"""Collections a device follows in order: what is shown where, the first rule that matches, the first server that answers.
Firewall, attack-surface and app-control rules are none of them: a block wins over an allow wherever it stands."""

_NOTHING: Final[tuple[Any, ...]] = (None, {}, {EACH: []}, {SET: []}, {LIST: []})
"""A value of null, and a group or collection without members, configure nothing: they equal one that is not there."""

Json = Mapping[str, Any]


def catalog_settings(properties: dict[str, Any]) -> dict[str, Tree]:
    """The settings of a catalogue policy, or the one of a reusable setting; takes them out of `properties`."""
    if isinstance(properties.get("settings"), list):
        return settings_tree(as_list(properties.pop("settings")))
    if isinstance(properties.get("settingInstance"), Mapping):
        return settings_tree([properties.pop("settingInstance")])
    return {}


def settings_tree(settings: Sequence[Any]) -> dict[str, Tree]:
    """The tree of a policy's `settings`; elements without a setting instance are kept under the unknown mark.

    Raises TooDeepError beyond `MAX_DEPTH` levels of children.
    """
    instances: list[Any] = []
    for setting in settings:
        if isinstance(setting, (dict, Mapping)):
            wrapped = cast(Json, setting)
            instances.append(wrapped.get("settingInstance", wrapped))
        else:
            instances.append(setting)
    return _nodes(instances, 0)


def _nodes(instances: Sequence[Any], depth: int) -> dict[str, Tree]:
    if depth > MAX_DEPTH:
        raise TooDeepError
    found: list[tuple[str | None, Tree]] = []
    for instance in instances:
        identifier = cast(Json, instance).get("settingDefinitionId") if isinstance(instance, (dict, Mapping)) else None
        if isinstance(identifier, str) and identifier:
            found.append((escaped(identifier), _node(cast(Json, instance), depth)))
        else:
            found.append((None, generic(instance, depth)))
    return keyed((identifier, node) for identifier, node in found if node not in _NOTHING)


def keyed(nodes: Iterable[tuple[str | None, Tree]]) -> dict[str, Tree]:
    """The nodes by definition id, several of one id as a collection; those without an id under the unknown mark."""
    by_id: dict[str, list[Tree]] = {}
    strangers: list[Tree] = []
    for identifier, node in nodes:
        (strangers if identifier is None else by_id.setdefault(identifier, [])).append(node)
    tree = {identifier: several[0] if len(several) == 1 else each_of(several) for identifier, several in by_id.items()}
    return {**tree, UNKNOWN: each_of(strangers)} if strangers else tree


def _node(instance: Json, depth: int) -> Tree:
    choice = instance.get("choiceSettingValue")
    if isinstance(choice, (dict, Mapping)):
        return _choice(cast(Json, choice), depth)
    if "simpleSettingValue" in instance:
        return _simple(instance["simpleSettingValue"], depth)
    ordered = bool(_ORDERED.search(str(instance.get("settingDefinitionId"))))
    collection = instance.get("simpleSettingCollectionValue")
    if isinstance(collection, list):
        values = [_simple(item, depth) for item in cast(list[Any], collection)]
        return {LIST: values} if ordered else _collection(values)
    choices = instance.get("choiceSettingCollectionValue")
    if isinstance(choices, list):
        return _collection(
            [_choice(cast(Json, item), depth) for item in cast(list[Any], choices) if isinstance(item, (dict, Mapping))]
        )
    group = instance.get("groupSettingValue")
    if isinstance(group, (dict, Mapping)):
        return _nodes(as_list(cast(Json, group).get("children")), depth + 1)
    groups = instance.get("groupSettingCollectionValue")
    if isinstance(groups, list):
        members = [cast(Json, item) for item in cast(list[Any], groups) if isinstance(item, (dict, Mapping))]
        nodes = [node for member in members if (node := _nodes(as_list(member.get("children")), depth + 1))]
        return {LIST: nodes} if ordered else each_of(nodes)
    rest = {key: value for key, value in instance.items() if key not in _KNOWN and not is_metadata(key)}
    kept = generic(rest, depth)
    return {UNKNOWN: kept} if kept else {}


def _choice(value: Json, depth: int) -> Tree:
    chosen = value.get("value")
    children = as_list(value.get("children"))
    if not children:
        return generic(chosen, depth)
    return {OWN: chosen, **_nodes(children, depth + 1)}


def _simple(value: Any, depth: int) -> Tree:
    if not isinstance(value, (dict, Mapping)):
        return value
    simple = cast(Json, value)
    if simple.get(STATE) == ENCRYPTED:
        return HELD
    inner: Any = simple.get("value")
    if isinstance(inner, str):
        text = decoded_document(inner)
        return text.replace("\r\n", "\n") if text is inner else text
    return generic(inner, depth)


def _collection(values: list[Tree]) -> Tree:
    # Held secrets look alike and are several all the same.
    if any(isinstance(value, dict) or value == HELD for value in values):
        return each_of(values)
    return set_of(values)


def generic(value: Any, depth: int) -> Tree:
    """Anything as a tree by property name, without metadata and emptiness; arrays are sets or collections.

    Raises TooDeepError beyond `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise TooDeepError
    if isinstance(value, (dict, Mapping)):
        cleaned = {
            escaped(key): generic(item, depth + 1)
            for key, item in cast(Json, value).items()
            if not is_metadata(key) and not is_empty(item)
        }
        return {key: item for key, item in cleaned.items() if item not in _NOTHING}
    if isinstance(value, list):
        items = (generic(item, depth + 1) for item in cast(list[Any], value))
        return _collection([item for item in items if item not in _NOTHING])
    return value
