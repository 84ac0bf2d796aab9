"""Names for the ids in a policy: what its own body says, which ids it refers to, and how an id is looked up elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flows._policies.assignments import names_of
from flows._policies.json_shape import GUID, as_list, as_object, as_text
from runstore.fence.reason_fields import plain_text

NAME_LIMIT: Final = 200
"""Characters of a name that are kept and shown."""

SCOPE_TAG: Final = "scope_tag:"
CONTEXT: Final = "authentication_context:"
"""What stands before the id of a scope tag, a small number, or a context, `c1`, where ids of all kinds are looked up."""


def shown_name(name: object, limit: int = NAME_LIMIT) -> str:
    """A name as one clean line."""
    return plain_text(name, limit)


def names_in(body: Mapping[str, Any]) -> dict[str, str]:
    """Id → name, as far as the body says both: of definitions and options, of groups and filters it is assigned to."""
    names = names_of(as_list(body.get("assignments")))
    for setting in map(as_object, as_list(body.get("settings"))):
        for definition in map(as_object, as_list(setting.get("settingDefinitions"))):
            _note(names, definition.get("id"), definition.get("displayName"))
            for option in map(as_object, as_list(definition.get("options"))):
                _note(names, option.get("itemId"), option.get("displayName"))
    for value in map(as_object, as_list(body.get("definitionValues"))):
        definition = as_object(value.get("definition"))
        shown = as_text(definition.get("displayName")) or as_text(value.get("#Definition_displayName"))
        _note(names, as_text(definition.get("id") or value.get("#Definition_Id")).lower(), shown)
        for presented in map(as_object, as_list(value.get("presentationValues"))):
            inner = as_object(presented.get("presentation"))
            label = as_text(inner.get("label")) or as_text(presented.get("#Presentation_Label"))
            _note(names, as_text(inner.get("id") or presented.get("#Presentation_Id")).lower(), label)
    return names


def _note(names: dict[str, str], identifier: object, name: object) -> None:
    if as_text(identifier) and as_text(name):
        names[as_text(identifier)] = as_text(name)


_OBJECTS: Final = {
    **dict.fromkeys(("groupId", "includeGroups", "excludeGroups", "notificationMessageCCList"), "group"),
    **dict.fromkeys(("members", "scopeMembers", "resourceScopes"), "group"),
    **dict.fromkeys(("includeUsers", "excludeUsers"), "user"),
    **dict.fromkeys(("includeServicePrincipals", "excludeServicePrincipals"), "service principal"),
    **dict.fromkeys(("includeRoles", "excludeRoles"), "role"),
    **dict.fromkeys(("includeApplications", "excludeApplications"), "app"),
}
"""Properties that hold ids of directory objects, and of which kind; apps by their application id."""
_TARGETS: Final = {"group": "group", "user": "user", "application": "app"}
"""What a `targetType` says of the `id` or `target` beside it, in authentication methods and cross-tenant access."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """The ids in policies whose names are known elsewhere: definitions of settings, those of intents, objects with their kind."""

    definitions: set[str] = field(default_factory=set[str])
    intents: set[str] = field(default_factory=set[str])
    objects: dict[str, str] = field(default_factory=dict[str, str])

    def read(self, body: Mapping[str, Any]) -> None:
        """Takes in a policy's body."""
        left: list[Any] = [body]
        while left:
            node = left.pop()
            aimed = _TARGETS.get(as_text(as_object(node).get("targetType"))) or ""
            for key, value in as_object(node).items():
                if kind := _OBJECTS.get(key) or (aimed if key in ("id", "target") else ""):
                    ids = [value] if isinstance(value, str) else as_list(value)
                    self.objects.update({as_text(one).lower(): kind for one in ids if GUID.fullmatch(as_text(one))})
                elif key == "settingDefinitionId" and isinstance(value, str):
                    self.definitions.add(value)
                elif key == "definitionId" and isinstance(value, str):
                    self.intents.add(value)
                elif isinstance(value, (dict, list)):
                    left.append(value)
            left += [one for one in as_list(node) if isinstance(one, (dict, list))]


def names_of_policies(policies: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Id → name of policies (id, type, name): others refer to filters, scope tags, named locations and their like."""
    short = {"scope_tag": SCOPE_TAG, "authentication_context": CONTEXT}
    return {
        f"{short.get(policy_type, '')}{policy_id}": name
        for policy_id, policy_type, name in policies
        if policy_type in short or GUID.search(policy_id)
    }
