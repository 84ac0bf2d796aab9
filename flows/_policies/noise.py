"""Which properties are bookkeeping of the service in every type, by their position in the schema.

The same name means different things at different places: `id` of an assignment is made up at every read while `id` of
an authentication strength is the choice somebody made; `version` of a policy counts its edits while `version` inside
an app rule is the rule. So there is one list for the policy itself, one for the elements of known part collections,
and a short one for names that are bookkeeping wherever they stand. What only one type keeps is declared with the type.
"""

from collections.abc import Mapping
from typing import Any, Final

from flows._policies.content import Content, names

ANYWHERE: Final = names(
    """
    createdDateTime lastModifiedDateTime modifiedDateTime isAssigned settingCount supportsScopeTags highestAvailableVersion
    isGlobalScript deployedAppCount lastSyncDateTime lastHeartbeatDateTime lastSuccessfulSyncDateTime usedLicenseCount
    """
)
"""Names that Graph only ever uses for what it counts or dates itself."""

# `groupAssignments` mirrors `assignments`; from `deviceStatuses` on it is what devices report, which an expansion may bring.
OF_POLICY: Final = names(
    """
    id version isReadOnly creationSource settingDefinitions lastModifiedBy createdBy groupAssignments deviceStatuses
    userStatuses deviceStatusOverview userStatusOverview deviceSettingStateSummaries deviceStates userStates
    deviceStateSummary userStateSummary deviceRunStates userRunStates runSummary deploymentSummary installSummary
    assignedDevices
    """
)
"""Names that are bookkeeping on the policy itself and may be configuration below it."""

_WITH_ID: Final = """
    settings scheduledActionsForRule scheduledActionConfigurations definitionValues presentationValues
    localizedNotificationMessages
    """
OF_ELEMENT: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(names(_WITH_ID), names("id")),
    "assignments": names("id source sourceId"),
    "apps": names("id version"),
}
"""Names that are bookkeeping in the elements of a known collection."""


def is_metadata(key: str) -> bool:
    """Whether a key is an annotation (`@odata.…`, `@microsoft.graph.…`), an action entry, or an exporter's own remark (`#…`).

    `x@odata.bind` is not metadata: it says which object a policy refers to. `@odata.type` is decided by the caller.
    """
    if key.startswith(("#", "@")):
        return True
    return ("@odata." in key and not key.endswith("@odata.bind")) or "@microsoft.graph." in key


def is_noise(key: str, parent: str | None, content: Content) -> bool:
    """Whether the property `key` says nothing about configuration where it stands in a policy of this content.

    `parent` is the property whose object or element holds it; `None` for the policy itself.
    """
    if key in ANYWHERE or is_metadata(key):
        return True
    if parent is None:
        return key in OF_POLICY or key in content.kept
    return key in OF_ELEMENT.get(parent, frozenset()) or (bool(content.kept) and f"{parent}/{key}" in content.kept)


def is_empty(value: Any) -> bool:
    """Whether a value says no more than leaving it out would: `null`, an empty list, an empty object."""
    return value is None or value == [] or value == {}
