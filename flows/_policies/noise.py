"""Which properties of a policy are bookkeeping of the service and which are configuration, by position in the schema.

The same name means different things at different places: `id` of an assignment is made up at every read while `id` of
an authentication strength is the choice somebody made; `version` of a policy counts its edits while `version` inside
an app rule is the rule. So there is one list for the policy itself, one for the elements of known part collections,
and a short one for names that are bookkeeping wherever they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

ANYWHERE: Final = frozenset(
    {
        "createdDateTime",
        "lastModifiedDateTime",
        "modifiedDateTime",
        "isAssigned",
        "settingCount",
        "supportsScopeTags",
        "highestAvailableVersion",
        "isGlobalScript",
        "deployedAppCount",
        "lastSyncDateTime",
        "lastHeartbeatDateTime",
        "usedLicenseCount",
    }
)
"""Names that Graph only ever uses for what it counts or dates itself."""

OF_POLICY: Final = frozenset(
    {
        "id",
        "version",
        "isReadOnly",
        "creationSource",
        "settingDefinitions",
        "lastModifiedBy",
        "createdBy",
        # Legacy mirror of `assignments`.
        "groupAssignments",
        # What devices report, which an expansion may bring along.
        "deviceStatuses",
        "userStatuses",
        "deviceStatusOverview",
        "userStatusOverview",
        "deviceSettingStateSummaries",
        "deviceStates",
        "userStates",
        "deviceStateSummary",
        "userStateSummary",
        "deviceRunStates",
        "userRunStates",
        "runSummary",
        "deploymentSummary",
        "installSummary",
        "assignedDevices",
        "inventorySyncStatus",
        # Who uses a reusable setting, counted on its own.
        "referencingConfigurationPolicies",
        "referencingConfigurationPolicyCount",
        # The same settings once more, by category.
        "categories",
    }
)
"""Names that are bookkeeping on the policy itself and may be configuration below it."""

OF_ELEMENT: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "settings": frozenset({"id"}),
        "assignments": frozenset({"id", "source", "sourceId"}),
        "scheduledActionsForRule": frozenset({"id"}),
        "scheduledActionConfigurations": frozenset({"id"}),
        "definitionValues": frozenset({"id"}),
        "presentationValues": frozenset({"id"}),
        "apps": frozenset({"id", "version"}),
        "localizedNotificationMessages": frozenset({"id"}),
    }
)
"""Names that are bookkeeping in the elements of a known collection."""

ORDERED: Final = frozenset({"homeScreenDockIcons", "homeScreenPages", "dnsServers", "excludedAppOrder"})
"""The few arrays whose order a device follows; every other array of Graph's policies is a set."""

MEANINGFUL_TYPES: Final = frozenset({"omaSettings"})
"""Collections whose elements differ in meaning by `@odata.type` alone (an OMA integer and an OMA string)."""


def is_metadata(key: str) -> bool:
    """Whether a key is OData metadata, an action entry, or an exporter's own remark (`#…`).

    `x@odata.bind` is no metadata: it says which object a policy refers to. `@odata.type` is decided by the caller.
    """
    if key.startswith("#"):
        return True
    return "@odata." in key and not key.endswith("@odata.bind")


def is_noise(key: str, parent: str | None) -> bool:
    """Whether the property `key` says nothing about configuration where it stands.

    `parent` is the property whose object or element holds it; `None` for the policy itself.
    """
    if key in ANYWHERE or is_metadata(key):
        return True
    if parent is None:
        return key in OF_POLICY
    return key in OF_ELEMENT.get(parent, frozenset())


def is_empty(value: Any) -> bool:
    """Whether a value says no more than leaving it out would: `null`, an empty list, an empty object."""
    return value is None or value == [] or value == {}
