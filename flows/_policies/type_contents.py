"""What each policy type declares of its content, for the entries of `type_table`; `content.Content` says what a field means.

Sources are Microsoft's Graph reference for the types, and Apple's and Microsoft's device documentation for what is
followed in order.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from flows._policies.content import BY_NAME, Content, Identity
from flows._policies.settings_catalog import NAMING_CHILD, catalog_settings
from flows._policies.settings_other import intent_settings, template_settings

_APP: Final[tuple[Identity, ...]] = (
    ("mobileAppIdentifier",),
    ("packageId",),
    ("bundleId",),
    ("bundleID",),
    ("appId",),
    ("appID",),
    ("id",),
    ("name",),
    ("displayName",),
)
_BY_NAME_ONLY: Final[tuple[Identity, ...]] = (("name",), ("displayName",))
_ACTIONS: Final[tuple[Identity, ...]] = (
    ("actionType",),
    ("actionType", "notificationTemplateId"),
    ("actionType", "gracePeriodHours"),
)

CATALOG: Final = Content(settings=catalog_settings, naming_child=NAMING_CHILD)
REUSABLE: Final = Content(
    settings=catalog_settings,
    naming_child=NAMING_CHILD,
    # Who uses it, counted on its own.
    kept=frozenset({"referencingConfigurationPolicies", "referencingConfigurationPolicyCount"}),
)
TEMPLATE: Final = Content(settings=template_settings, naming_child=NAMING_CHILD)
INTENT: Final = Content(
    settings=intent_settings,
    naming_child=NAMING_CHILD,
    # The same settings once more, by category.
    kept=frozenset({"categories"}),
)

DEVICE: Final = Content(
    typed=frozenset({"omaSettings"}),
    elements=MappingProxyType(
        {
            "omaSettings": (("omaUri",), *BY_NAME),
            "homeScreenPages": (("displayName",),),
            "homeScreenDockIcons": (*_APP, ("url",)),
            "icons": (*_APP, ("url",)),
            "pages": (("displayName",),),
            "apps": _APP,
            "appsVisibilityList": _APP,
            "compliantAppsList": _APP,
            "notificationSettings": _APP,
            "associatedDomains": (("applicationIdentifier",), *BY_NAME),
            "kioskModeApps": _APP,
            "kioskProfiles": (("profileId",), ("profileName",)),
            "firewallRules": (("displayName",),),
            "firewallApplications": _APP,
            "trafficRules": _BY_NAME_ONLY,
            "dnsRules": _BY_NAME_ONLY,
            "servers": (("address",), *BY_NAME),
            "airPrintDestinations": (("ipAddress", "resourcePath"),),
            "bookmarks": (("url",),),
            "userSessionSchedules": (("id",),),
            # Two rules of one kind with the same names are two all the same.
            "onDemandRules": (),
        }
    ),
    ordered=frozenset(
        {
            # What the home screen shows, page by page, icon by icon, folder by folder.
            "homeScreenDockIcons",
            "homeScreenPages",
            "icons",
            "pages",
            "pages/apps",
            "kioskModeAppPositions",
            "excludedAppOrder",
            # iOS takes the first rule that matches.
            "onDemandRules",
            # A resolver asks the first server first and tries suffixes from the first to the last.
            "dnsServers",
            "dnsSuffixes",
            "dnsSuffixSearchList",
            "dnsSearchDomains",
            "searchDomains",
            "dnsRules/servers",
            # The first suite both sides know is taken.
            "cipherSuites",
        }
    ),
    kept=frozenset({"managedDeviceCertificateStates"}),
)
COMPLIANCE: Final = Content(
    # Non-compliance actions run by their grace period, not by their place: order is noise.
    elements=MappingProxyType(
        {
            "scheduledActionsForRule": (("ruleName",),),
            "scheduledActionConfigurations": _ACTIONS,
            "restrictedApps": _APP,
            "validOperatingSystemBuildRanges": (("lowestVersion", "highestVersion"),),
        }
    ),
    nothing=MappingProxyType(
        {
            "notificationTemplateId": frozenset({"", "00000000-0000-0000-0000-000000000000"}),
            # Graph wants a text on writing and mostly answers null on reading.
            "ruleName": frozenset({"", "PasswordRequired"}),
            # Clearing the field in the portal writes an empty text; one never filled is null.
            **dict.fromkeys(
                ("osMinimumVersion", "osMaximumVersion", "mobileOsMinimumVersion", "mobileOsMaximumVersion"),
                frozenset({""}),
            ),
            **dict.fromkeys(("osMinimumBuildVersion", "osMaximumBuildVersion"), frozenset({""})),
        }
    ),
)
CATALOG_COMPLIANCE: Final = replace(COMPLIANCE, settings=catalog_settings, naming_child=NAMING_CHILD)
APP_PROTECTION: Final = Content(
    elements=MappingProxyType(
        {
            "apps": _APP,
            "exemptedAppProtocols": (("name",),),
            "exemptedAppPackages": (("name",),),
            "approvedKeyboards": (("name",),),
            "protectedApps": (("displayName",), *_APP),
            "exemptApps": (("displayName",), *_APP),
        }
    ),
)
APP_CONFIGURATION: Final = Content(
    elements=MappingProxyType(
        {
            "settings": (("appConfigKey",),),
            "apps": _APP,
            "customSettings": (("name",),),
            "permissionActions": (("permission",),),
        }
    ),
)
ENROLLMENT: Final = Content(elements=MappingProxyType({"localizedNotificationMessages": (("locale",),)}))
FEATURE_UPDATE: Final = Content(
    # When support for the chosen version ends is Microsoft's to say.
    kept=frozenset({"endOfSupportDate"}),
)
DRIVER_UPDATE: Final = Content(
    # What the catalogue offers and devices report, counted again at every inventory.
    kept=frozenset({"newUpdates", "deviceReporting", "inventorySyncStatus", "driverInventories"}),
)
FILTER: Final = Content(
    # Who uses the filter: each policy that does says so itself.
    kept=frozenset({"payloads"}),
)
ROLE: Final = Content(elements=MappingProxyType({"rolePermissions": (), "permissions": (), "resourceActions": ()}))
NOTIFICATION: Final = Content(elements=MappingProxyType({"localizedNotificationMessages": (("locale",),)}))
