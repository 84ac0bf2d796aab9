"""What each policy type declares of its content, for the entries of `type_table`; `content.Content` says what a field means.

Sources are Microsoft's Graph reference for the types, and Apple's and Microsoft's device documentation for what is
followed in order.
"""

from dataclasses import replace
from typing import Final

from flows._policies.content import BY_NAME, Content, Identity, names
from flows._policies.settings_catalog import NAMING_CHILD, catalog_settings
from flows._policies.settings_other import intent_settings, template_settings

_APP_NAMES: Final = ("bundleId", "bundleID", "appId", "appID", "id", "name", "displayName")
_APP: Final[tuple[Identity, ...]] = tuple((name,) for name in ("mobileAppIdentifier", "packageId", *_APP_NAMES))
_NAMED: Final[tuple[Identity, ...]] = (("name",),)
_SHOWN: Final[tuple[Identity, ...]] = (("displayName",),)
_ACTIONS: Final[tuple[Identity, ...]] = (
    ("actionType",),
    ("actionType", "notificationTemplateId"),
    ("actionType", "gracePeriodHours"),
)

CATALOG: Final = Content(settings=catalog_settings, naming_child=NAMING_CHILD)
# Who uses it, counted on its own.
REUSABLE: Final = replace(CATALOG, kept=names("referencingConfigurationPolicies referencingConfigurationPolicyCount"))
TEMPLATE: Final = Content(settings=template_settings, naming_child=NAMING_CHILD)
# The same settings once more, by category.
INTENT: Final = Content(settings=intent_settings, naming_child=NAMING_CHILD, kept=names("categories"))
DEVICE: Final = Content(
    typed=names("omaSettings"),
    elements={
        **dict.fromkeys(names("apps appsVisibilityList compliantAppsList notificationSettings kioskModeApps"), _APP),
        "firewallApplications": _APP,
        **dict.fromkeys(names("homeScreenDockIcons icons"), (*_APP, ("url",))),
        **dict.fromkeys(names("homeScreenPages pages firewallRules"), _SHOWN),
        **dict.fromkeys(names("trafficRules dnsRules"), (*_NAMED, *_SHOWN)),
        "omaSettings": (("omaUri",), *BY_NAME),
        "associatedDomains": (("applicationIdentifier",), *BY_NAME),
        "servers": (("address",), *BY_NAME),
        "kioskProfiles": (("profileId",), ("profileName",)),
        "airPrintDestinations": (("ipAddress", "resourcePath"),),
        "bookmarks": (("url",),),
        "userSessionSchedules": (("id",),),
        # Two rules of one kind with the same names are two all the same.
        "onDemandRules": (),
    },
    # What the home screen shows, page by page, icon by icon, folder by folder. iOS takes the first rule that matches.
    # A resolver asks the first server first and tries suffixes from the first to the last. The first cipher suite both
    # sides know is taken.
    ordered=names(
        """
        homeScreenDockIcons homeScreenPages icons pages pages/apps kioskModeAppPositions excludedAppOrder onDemandRules
        dnsServers dnsSuffixes dnsSuffixSearchList dnsSearchDomains searchDomains dnsRules/servers cipherSuites
        """
    ),
    kept=names("managedDeviceCertificateStates"),
)
COMPLIANCE: Final = Content(
    # Non-compliance actions run by their grace period, not by their place: order is noise.
    elements={
        "scheduledActionsForRule": (("ruleName",),),
        "scheduledActionConfigurations": _ACTIONS,
        "restrictedApps": _APP,
        "validOperatingSystemBuildRanges": (("lowestVersion", "highestVersion"),),
    },
    nothing={
        "notificationTemplateId": frozenset({"", "00000000-0000-0000-0000-000000000000"}),
        # Graph wants a text on writing and mostly answers null on reading.
        "ruleName": frozenset({"", "PasswordRequired"}),
        # Clearing the field in the portal writes an empty text; one never filled is null.
        **dict.fromkeys(
            names(
                """
                osMinimumVersion osMaximumVersion mobileOsMinimumVersion mobileOsMaximumVersion osMinimumBuildVersion
                osMaximumBuildVersion
                """
            ),
            frozenset({""}),
        ),
    },
)
CATALOG_COMPLIANCE: Final = replace(COMPLIANCE, settings=catalog_settings, naming_child=NAMING_CHILD)
APP_PROTECTION: Final = Content(
    elements={
        "apps": _APP,
        **dict.fromkeys(names("exemptedAppProtocols exemptedAppPackages approvedKeyboards"), _NAMED),
        **dict.fromkeys(names("protectedApps exemptApps"), (*_SHOWN, *_APP)),
    }
)
APP_CONFIGURATION: Final = Content(
    elements={
        "settings": (("appConfigKey",),),
        "apps": _APP,
        "customSettings": _NAMED,
        "permissionActions": (("permission",),),
    }
)
BY_LOCALE: Final = Content(elements={"localizedNotificationMessages": (("locale",),)})
# When support for the chosen version ends is Microsoft's to say.
FEATURE_UPDATE: Final = Content(kept=names("endOfSupportDate"))
# What the catalogue offers and devices report, counted again at every inventory.
DRIVER_UPDATE: Final = Content(kept=names("newUpdates deviceReporting inventorySyncStatus driverInventories"))
# Who uses the filter: each policy that does says so itself.
FILTER: Final = Content(kept=names("payloads"))
ROLE: Final = Content(elements={"rolePermissions": (), "permissions": (), "resourceActions": ()})
