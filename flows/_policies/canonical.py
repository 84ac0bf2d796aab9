"""The canonical form of a policy: what it configures and nothing else, so that equal configuration has an equal hash.

The form is versioned. When a rule here changes, `CANONICAL_VERSION` is raised: stored contents are then rehashed from
the body before two snapshots of different versions meet, so that a better rule never shows as drift.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from flows._policies.assignments import assignments_tree
from flows._policies.base64_text import decoded, decoded_document
from flows._policies.content import DEFAULT, PROSE, TEXTS, Content
from flows._policies.json_shape import as_list, as_object
from flows._policies.noise import is_empty, is_noise
from flows._policies.tree import LIST, MAX_DEPTH, TooDeepError, Tree, digest, each_of, escaped, set_of
from flows._policies.types import BY_SLUG
from flows._policies.unread import UNREAD, unread_parts

CANONICAL_VERSION: Final = 6

PROPERTIES: Final = "properties"
SETTINGS: Final = "settings"
ASSIGNMENTS: Final = "assignments"
SCOPE_TAGS: Final = "roleScopeTagIds"

_DEFAULT_TAGS: Final = ["0"]
_NO_MEMBERS: Final[tuple[Any, ...]] = ({"$each": []}, {"$set": []}, {"$list": []})

Json = Mapping[str, Any]


def content_declared(policy_type: object) -> Content:
    """What the type declares of its content; the default for a type that is not known."""
    entry = BY_SLUG.get(policy_type) if isinstance(policy_type, str) else None
    return entry.content if entry else DEFAULT


def canonical(policy_type: str, body: Json) -> dict[str, Tree]:
    """The canonical tree of a policy: `properties`, `settings`, `assignments`, `roleScopeTagIds`, and its `type`.

    `body` is the policy as Graph returns it, parts inlined, with full, minimal or no metadata. It is not changed.
    Raises TooDeepError for a policy that nests beyond all reason.
    """
    properties = dict(body)
    properties.pop(UNREAD, None)
    content = content_declared(policy_type)
    form: dict[str, Tree] = {"type": policy_type, SETTINGS: content.settings(properties) if content.settings else {}}
    assignments = properties.pop("assignments", None)
    form[ASSIGNMENTS] = assignments_tree(cast(list[Any], assignments) if isinstance(assignments, list) else [])
    form[SCOPE_TAGS] = _scope_tags(properties)
    form[PROPERTIES] = _Reader(content).read(properties)
    return form


def content_hash(form: Mapping[str, Tree]) -> bytes:
    """The 32 bytes that are equal for two canonical forms exactly if they configure the same."""
    return digest(dict(form))


def body_hash(body: Json, form: Mapping[str, Tree]) -> bytes:
    """The content hash of a stored body whose canonical form this is: not to know a part is another content than to know it
    to be empty."""
    unread = sorted(unread_parts(body))
    return content_hash({**form, "unread": unread} if unread else form)


def subtype_of(body: Json) -> str | None:
    """The policy's own `@odata.type` without its prefix; `None` where the export carries no metadata.

    It stays out of the hash, which has to be the same without metadata; a comparison treats two different
    subtypes as a change and an unknown one as equal to any.
    """
    name = body.get("@odata.type")
    return name.removeprefix("#").removeprefix("microsoft.graph.") if isinstance(name, str) and name else None


def _scope_tags(properties: dict[str, Any]) -> Tree:
    tags = properties.pop("roleScopeTagIds", None)
    other = properties.pop("roleScopeTags", None)
    chosen = tags if not is_empty(tags) else other
    # A role assignment has the tags themselves, whose names are theirs.
    names = [str(as_object(tag).get("id", tag)) for tag in as_list(chosen)]
    # A policy without tags carries the default one; Graph writes that out in some types and not in others.
    return set_of(names or _DEFAULT_TAGS)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads properties as a tree by what their type declares. `parent` is the property a value stands under, `holder` the
    one that the object with that property stands under."""

    content: Content

    def read(self, value: Any, parent: str | None = None, holder: str | None = None, depth: int = 0) -> Tree:
        if depth > MAX_DEPTH:
            raise TooDeepError
        if isinstance(value, (dict, Mapping)):
            return self._object(cast(Json, value), parent, depth)
        if isinstance(value, list):
            read = (self.read(item, parent, holder, depth + 1) for item in cast(list[Any], value))
            items = [item for item in read if not is_empty(item) and item not in _NO_MEMBERS]
            if self.content.is_ordered(parent, holder):
                return {LIST: items}
            return each_of(items) if any(isinstance(item, dict) for item in items) else set_of(items)
        if isinstance(value, str) and parent is not None:
            return self._text(value, parent, holder)
        return value

    def _text(self, value: str, parent: str, holder: str | None) -> str:
        if parent in TEXTS:
            return decoded(value)
        if holder in self.content.typed and parent == "value":
            return decoded_document(value)
        if "\r" in value:
            # Outside scripts a line's end is the exporter's; JSON edited on another system comes back with its own.
            value = value.replace("\r\n", "\n").replace("\r", "\n")
        if parent in PROSE:
            return "\n".join(line.rstrip() for line in value.split("\n")).rstrip()
        return value

    def _object(self, value: Json, parent: str | None, depth: int) -> dict[str, Tree]:
        node: dict[str, Tree] = {}
        for key, item in value.items():
            if key == "@odata.type" and parent in self.content.typed:
                continue
            if is_noise(key, parent, self.content) or is_empty(item):
                continue
            child = self.read(item, key, parent, depth + 1)
            # What holds only bookkeeping is as good as absent.
            if is_empty(child) or child in _NO_MEMBERS or self.content.is_nothing(key, child):
                continue
            node[escaped(key)] = child
        if parent in self.content.typed and node:
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
