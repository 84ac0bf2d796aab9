# ruff: noqa: E501 - a policy reads best with one part a line
"""Policies of every type as Graph writes them, drawn from a number: real property names, invented values."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

GRAPH = "#microsoft.graph."
WORDS = [
    "alpha",
    "bravo",
    "castle",
    "delta",
    "ember",
    "falcon",
    "garden",
    "harbour",
    "island",
    "juniper",
    "kettle",
    "lantern",
    "meadow",
    "nectar",
    "olive",
]
Body = dict[str, Any]


class Draw:
    """Draws values; every text is another one, so that none of a list names two elements."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._number = 0

    def guid(self) -> str:
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def text(self) -> str:
        self._number += 1
        return f"{self.chance.choice(WORDS)} {self.chance.choice(WORDS)} {self._number}"

    def word(self) -> str:
        return self.text().replace(" ", "")

    def lines(self) -> str:
        return "\n".join(self.text() for _ in range(self.chance.randrange(1, 4)))

    def script(self) -> str:
        return base64.b64encode(f"#!/bin/sh\n{self.lines()}\n".encode()).decode()

    def number(self) -> int:
        return self.chance.randrange(2, 5000)

    def truth(self) -> bool:
        return self.chance.random() < 0.5

    def instant(self) -> str:
        return f"2026-{self.chance.randrange(1, 13):02}-{self.chance.randrange(1, 29):02}T{self.chance.randrange(24):02}:30:00Z"

    def some(self, make: Callable[[], Any], most: int = 3, least: int = 1) -> list[Any]:
        return [make() for _ in range(self.chance.randrange(least, most + 1))]

    def scalar(self) -> Any:
        return self.chance.choice([self.text, self.number, self.truth])()

    def typed(self, odata: str, **more: Any) -> Body:
        about = {
            "@odata.type": GRAPH + odata,
            "id": self.guid(),
            "displayName": self.text(),
            "description": self.lines(),
        }
        return {**about, "roleScopeTagIds": self.some(self.word), **more}

    def assignments(self) -> list[Body]:
        return self.some(self._assignment, 4, 0)

    def _assignment(self) -> Body:
        kind = self.chance.choice(["group", "group", "exclusionGroup", "byName", "byName"])
        target: Body = {"@odata.type": f"{GRAPH}{kind if kind != 'byName' else 'group'}AssignmentTarget"}
        target |= {"groupName": self.text()} if kind == "byName" else {"groupId": self.guid()}
        if self.truth():
            target |= {"deviceAndAppManagementAssignmentFilterId": self.chance.choice([self.guid(), self.text()])}
            target |= {"deviceAndAppManagementAssignmentFilterType": self.chance.choice(["include", "exclude"])}
        return {"id": self.guid(), "source": "direct", "target": target}

    def setting(self) -> Body:
        return {
            "id": self.word(),
            "settingInstance": self.instance(f"device_vendor_msft_policy_config_{self.word()}", 0),
        }

    def instance(self, definition: str, depth: int) -> Body:
        kind = self.chance.choice(["simple", "simple", "choice", "collection", "choices"] + ["groups"] * (depth < 2))
        children = [
            self.instance(f"{definition}_{self.word()}", depth + 1)
            for _ in range(self.chance.randrange(3 if depth < 2 else 1))
        ]
        value: Body
        if kind == "simple":
            value = {"simpleSettingValue": {"value": self.chance.choice([self.text, self.number])()}}
        elif kind == "choice":
            value = {"choiceSettingValue": {"value": f"{definition}_{self.word()}", "children": children}}
        elif kind == "collection":
            value = {"simpleSettingCollectionValue": self.some(lambda: {"value": self.text()}, 4)}
        elif kind == "choices":
            value = {
                "choiceSettingCollectionValue": self.some(
                    lambda: {"value": f"{definition}_{self.word()}", "children": []}
                )
            }
        else:
            name, port = f"{definition}_name", f"{definition}_port"
            members = self.some(lambda: {"children": [_simple(name, self.text()), _simple(port, self.number())]})
            value = {"groupSettingCollectionValue": members}
        return {"settingDefinitionId": definition, **value}


def _simple(definition: str, value: Any) -> Body:
    return {"settingDefinitionId": definition, "simpleSettingValue": {"value": value}}


def _catalog(d: Draw, odata: str, **more: Any) -> Body:
    body = d.typed(
        odata,
        platforms="windows10",
        technologies="mdm",
        settings=d.some(d.setting, 4),
        assignments=d.assignments(),
        **more,
    )
    return {"name" if key == "displayName" else key: value for key, value in body.items()}


def _actions(d: Draw) -> list[Body]:
    kinds = d.chance.sample(["block", "retire", "pushNotification", "notification"], d.chance.randrange(1, 4))
    more = {"notificationTemplateId": d.guid(), "notificationMessageCCList": d.some(d.guid)}
    return [
        {
            "ruleName": d.word(),
            "scheduledActionConfigurations": [
                {
                    "id": d.guid(),
                    "actionType": kind,
                    "gracePeriodHours": d.number(),
                    **(more if kind == "notification" else {}),
                }
                for kind in kinds
            ],
        }
    ]


def _app(d: Draw, key: str = "bundleId") -> Body:
    return {"id": d.word(), "version": str(d.number()), "mobileAppIdentifier": {key: f"com.{d.word()}"}}


def _icon(d: Draw) -> Body:
    return {"displayName": d.text(), "bundleID": f"com.{d.word()}"}


def _presented(d: Draw) -> Body:
    return {
        "id": d.guid(),
        "presentation@odata.bind": f"https://graph.example/presentations('{d.guid()}')",
        "value": d.scalar(),
    }


def _defined(d: Draw) -> Body:
    bound = f"https://graph.example/beta/groupPolicyDefinitions('{d.guid()}')"
    return {
        "id": d.guid(),
        "enabled": d.truth(),
        "definition@odata.bind": bound,
        "presentationValues": d.some(lambda: _presented(d), 2, 0),
    }


def _oma(d: Draw) -> Body:
    kind, value = d.chance.choice([("Integer", d.number()), ("String", d.text()), ("Boolean", d.truth())])
    return {
        "@odata.type": f"{GRAPH}omaSetting{kind}",
        "displayName": d.text(),
        "omaUri": f"./Device/{d.word()}",
        "value": value,
    }


def _conditions(d: Draw) -> Body:
    users = {
        "includeUsers": d.some(d.guid),
        "excludeUsers": d.some(d.guid, 2, 0),
        "includeGroups": d.some(d.guid),
        "excludeGroups": d.some(d.guid, 2, 0),
    }
    places = {"includeLocations": d.some(d.guid), "excludeLocations": d.some(d.guid, 2, 0)}
    return {
        "users": users,
        "applications": {"includeApplications": d.some(d.guid)},
        "clientAppTypes": d.some(d.word),
        "locations": places,
        "userRiskLevels": d.some(d.word, 2, 0),
    }


def _untagged(d: Draw, odata: str, **more: Any) -> Body:
    return {name: value for name, value in d.typed(odata, **more).items() if name != "roleScopeTagIds"}


def _crossing(d: Draw) -> Body:
    people = {"accessType": d.word(), "targets": d.some(lambda: {"target": d.guid(), "targetType": d.word()})}
    return {"b2bCollaborationInbound": {"usersAndGroups": people}, "inboundTrust": {"isMfaAccepted": d.truth()}}


TYPES: dict[str, list[Callable[[Draw], Body]]] = {
    "settings_catalog": [lambda d: _catalog(d, "deviceManagementConfigurationPolicy", templateReference={"templateId": d.guid(), "templateFamily": d.word()})],
    "settings_catalog_compliance": [lambda d: _catalog(d, "deviceManagementCompliancePolicy", scheduledActionsForRule=_actions(d))],
    "reusable_setting": [lambda d: d.typed("deviceManagementReusablePolicySetting", settingDefinitionId="vendor_msft_x", settingInstance=d.instance("vendor_msft_x", 0))],
    "device_configuration": [
        lambda d: d.typed("windows10CustomConfiguration", omaSettings=d.some(lambda: _oma(d)), assignments=d.assignments()),
        lambda d: d.typed("iosDeviceFeaturesConfiguration", lockScreenFootnote=d.lines(), homeScreenDockIcons=d.some(lambda: _icon(d)), homeScreenPages=d.some(lambda: {"displayName": d.text(), "icons": d.some(lambda: _icon(d))}), assignments=d.assignments()),
        lambda d: d.typed("windows10VpnConfiguration", servers=d.some(lambda: {"description": d.text(), "address": d.word(), "isDefaultServer": d.truth()}), dnsSuffixes=d.some(d.word), dnsRules=d.some(lambda: {"name": d.word(), "servers": d.some(d.word)}), proxyServer={"automaticConfigurationScriptUrl": d.word(), "address": d.word()}, assignments=d.assignments()),
        lambda d: d.typed("windowsUpdateForBusinessConfiguration", qualityUpdatesPaused=d.truth(), qualityUpdatesDeferralPeriodInDays=d.number(), installationSchedule={"@odata.type": GRAPH + "windowsUpdateActiveHoursInstall", "activeHoursStart": "08:00:00", "activeHoursEnd": "17:00:00"}, assignments=d.assignments()),
        lambda d: d.typed("windows10EndpointProtectionConfiguration", firewallRules=d.some(lambda: {"displayName": d.text(), "action": d.word(), "localPortRanges": d.some(d.word)}), bitLockerSystemDrivePolicy={"startupAuthenticationRequired": d.truth(), "minimumPinLength": d.number()}, assignments=d.assignments()),
        lambda d: d.typed("macOSCustomConfiguration", payloadName=d.text(), payloadFileName=d.word(), payload=d.script(), assignments=d.assignments()),
    ],
    "compliance": [
        lambda d: d.typed("windows10CompliancePolicy", bitLockerEnabled=d.truth(), passwordMinimumLength=d.number(), osMinimumVersion=f"10.0.{d.number()}.1", validOperatingSystemBuildRanges=d.some(lambda: {"description": d.text(), "lowestVersion": f"10.{d.number()}.1", "highestVersion": f"11.{d.number()}.1"}), scheduledActionsForRule=_actions(d), assignments=d.assignments()),
        lambda d: d.typed("iosCompliancePolicy", passcodeRequired=d.truth(), restrictedApps=d.some(lambda: {"name": d.text(), "appId": d.word()}), scheduledActionsForRule=_actions(d), assignments=d.assignments()),
    ],
    "administrative_template": [lambda d: d.typed("groupPolicyConfiguration", definitionValues=d.some(lambda: _defined(d)), assignments=d.assignments())],
    "endpoint_security_intent": [lambda d: d.typed("deviceManagementIntent", templateId=d.guid(), settings=d.some(lambda: {"id": d.guid(), "definitionId": f"deviceConfiguration--{d.word()}", "value": d.scalar()}), assignments=d.assignments())],
    "app_protection": [
        lambda d: d.typed("iosManagedAppProtection", pinRequired=d.truth(), minimumPinLength=d.number(), periodOfflineBeforeAccessCheck="PT12H", allowedDataStorageLocations=d.some(d.word), exemptedAppProtocols=d.some(lambda: {"name": d.word(), "value": d.text()}), apps=d.some(lambda: _app(d)), assignments=d.assignments()),
        lambda d: d.typed("androidManagedAppProtection", screenCaptureBlocked=d.truth(), approvedKeyboards=d.some(lambda: {"name": d.word(), "value": d.text()}), apps=d.some(lambda: _app(d, "packageId")), assignments=d.assignments()),
    ],
    "app_configuration": [
        lambda d: d.typed("targetedManagedAppConfiguration", customSettings=d.some(lambda: {"name": d.word(), "value": d.text()}), apps=d.some(lambda: _app(d)), assignments=d.assignments()),
        lambda d: d.typed("iosMobileAppConfiguration", targetedMobileApps=d.some(d.guid), settings=d.some(lambda: {"appConfigKey": d.word(), "appConfigKeyType": d.word(), "appConfigKeyValue": d.text()}), assignments=d.assignments()),
    ],
    "powershell_script": [lambda d: d.typed("deviceManagementScript", fileName=d.word(), scriptContent=d.script(), runAsAccount=d.word(), enforceSignatureCheck=d.truth(), runAs32Bit=d.truth(), assignments=d.assignments())],
    "shell_script": [lambda d: d.typed("deviceShellScript", fileName=d.word(), scriptContent=d.script(), runAsAccount=d.word(), executionFrequency="PT1H", retryCount=d.number(), assignments=d.assignments())],
    "health_script": [lambda d: d.typed("deviceHealthScript", publisher=d.text(), detectionScriptContent=d.script(), remediationScriptContent=d.script(), runAsAccount=d.word(), assignments=[{**one, "runRemediationScript": d.truth(), "runSchedule": {"@odata.type": GRAPH + "deviceHealthScriptDailySchedule", "interval": d.number(), "time": "08:00:00"}} for one in d.assignments()])],
    "compliance_script": [lambda d: d.typed("deviceComplianceScript", publisher=d.text(), detectionScriptContent=d.script(), runAs32Bit=d.truth(), assignments=d.assignments())],
    "enrollment_configuration": [
        lambda d: d.typed("deviceEnrollmentPlatformRestrictionsConfiguration", priority=d.number(), iosRestriction={"platformBlocked": d.truth(), "osMinimumVersion": f"17.{d.number()}.1", "blockedManufacturers": d.some(d.word)}, assignments=d.assignments()),
        lambda d: d.typed("windows10EnrollmentCompletionPageConfiguration", priority=d.number(), installProgressTimeoutInMinutes=d.number(), selectedMobileAppIds=d.some(d.guid), assignments=d.assignments()),
    ],
    "autopilot_profile": [lambda d: d.typed("azureADWindowsAutopilotDeploymentProfile", deviceNameTemplate=d.word(), locale=d.word(), outOfBoxExperienceSettings={"hidePrivacySettings": d.truth(), "userType": d.word(), "deviceUsageType": d.word()}, assignments=d.assignments())],
    "feature_update_profile": [lambda d: d.typed("windowsFeatureUpdateProfile", featureUpdateVersion=d.text(), rolloutSettings={"offerStartDateTimeInUTC": d.instant(), "offerIntervalInDays": d.number()}, assignments=d.assignments())],
    "quality_update_profile": [lambda d: d.typed("windowsQualityUpdateProfile", expeditedUpdateSettings={"qualityUpdateRelease": d.instant(), "daysUntilForcedReboot": d.number()}, assignments=d.assignments())],
    "driver_update_profile": [lambda d: d.typed("windowsDriverUpdateProfile", approvalType=d.word(), deploymentDeferralInDays=d.number(), newUpdates=d.number(), deviceReporting=d.number(), assignments=d.assignments())],
    "assignment_filter": [lambda d: d.typed("deviceAndAppManagementAssignmentFilter", platform="windows10AndLater", rule=f'(device.model -eq "{d.word()}")', payloads=d.some(lambda: {"payloadId": d.guid()}))],
    "scope_tag": [lambda d: {**d.typed("roleScopeTag"), "isBuiltIn": d.truth(), "assignments": d.assignments()}],
    "role_definition": [lambda d: d.typed("roleDefinition", isBuiltIn=d.truth(), rolePermissions=[{"resourceActions": [{"allowedResourceActions": d.some(d.word, 4), "notAllowedResourceActions": d.some(d.word, 2, 0)}]}])],
    "notification_template": [lambda d: d.typed("notificationMessageTemplate", defaultLocale=d.word(), brandingOptions=d.word(), localizedNotificationMessages=d.some(lambda: {"id": d.guid(), "locale": d.word(), "subject": d.text(), "messageTemplate": d.lines(), "isDefault": d.truth()}))],
    "conditional_access": [lambda d: d.typed("conditionalAccessPolicy", state=d.word(), conditions=_conditions(d), grantControls={"operator": d.word(), "builtInControls": d.some(d.word), "authenticationStrength": {"id": d.guid()}}, sessionControls={"signInFrequency": {"value": d.number(), "type": d.word(), "isEnabled": d.truth()}})],
    "app": [
        lambda d: d.typed("win32LobApp", publisher=d.text(), installCommandLine=d.text(), installExperience={"runAsAccount": d.word(), "deviceRestartBehavior": d.word()}, returnCodes=d.some(lambda: {"returnCode": d.number(), "type": d.word()}), rules=d.some(lambda: {"path": d.word(), "fileOrFolderName": d.word(), "check32BitOn64System": d.truth()}), size=d.number(), assignments=[{**one, "intent": d.word(), "settings": {"notifications": d.word()}} for one in d.assignments()]),
        lambda d: d.typed("iosVppApp", bundleId=d.word(), vppTokenId=d.guid(), usedLicenseCount=d.number(), applicableDeviceType={"iPad": d.truth(), "iPhoneAndIPod": d.truth()}, assignments=d.assignments()),
    ],
    "app_category": [lambda d: d.typed("mobileAppCategory")],
    "policy_set": [lambda d: d.typed("policySet", status=d.word(), guidedDeploymentTags=d.some(d.word), items=d.some(lambda: {"id": d.word(), "payloadId": d.guid(), "itemType": d.word(), "intent": d.word()}), assignments=d.assignments())],
    "app_control_supplement": [lambda d: d.typed("windowsDefenderApplicationControlSupplementalPolicy", content=d.script(), contentFileName=d.word(), assignments=d.assignments())],
    "ios_provisioning": [lambda d: d.typed("iosLobAppProvisioningConfiguration", payloadFileName=d.word(), expirationDateTime=d.instant(), assignments=d.assignments())],
    "vpp_token": [lambda d: d.typed("vppToken", appleId=d.word(), organizationName=d.text(), automaticallyUpdateApps=d.truth(), countryOrRegion=d.word(), expirationDateTime=d.instant(), lastSyncStatus=d.word())],
    "branding": [lambda d: d.typed("intuneBrandingProfile", profileName=d.text(), contactITEmailAddress=d.word(), themeColor={"r": d.number(), "g": d.number(), "b": d.number()}, showLogo=d.truth(), assignments=d.assignments())],
    "terms_and_conditions": [lambda d: d.typed("termsAndConditions", title=d.text(), bodyText=d.lines(), acceptanceStatement=d.lines(), assignments=d.assignments())],
    "dep_token": [lambda d: d.typed("depOnboardingSetting", tokenName=d.text(), appleIdentifier=d.word(), tokenExpirationDateTime=d.instant(), syncedDeviceCount=d.number(), enrollmentProfiles=d.some(lambda: {"id": d.guid(), "displayName": d.text(), "supervisedModeEnabled": d.truth(), "supportDepartment": d.text()}))],
    "apns_certificate": [lambda d: d.typed("applePushNotificationCertificate", appleIdentifier=d.word(), topicIdentifier=d.word(), expirationDateTime=d.instant())],
    "apple_enrollment": [lambda d: d.typed("appleUserInitiatedEnrollmentProfile", defaultEnrollmentType=d.word(), priority=d.number(), availableEnrollmentTypeOptions=d.some(lambda: {"name": d.word(), "enrollmentType": d.word()}), assignments=d.assignments())],
    "threat_defense_connector": [lambda d: d.typed("mobileThreatDefenseConnector", androidEnabled=d.truth(), iosEnabled=d.truth(), partnerState=d.word(), partnerUnresponsivenessThresholdInDays=d.number())],
    "compliance_partner": [lambda d: d.typed("complianceManagementPartner", macOsOnboarded=d.truth(), partnerState=d.word(), iosEnrollmentAssignments=d.assignments())],
    "custom_attribute": [lambda d: d.typed("deviceCustomAttributeShellScript", customAttributeName=d.word(), customAttributeType=d.word(), scriptContent=d.script(), runAsAccount=d.word(), assignments=d.assignments())],
    "hotpatch_policy": [lambda d: d.typed("windowsQualityUpdatePolicy", hotpatchEnabled=d.truth(), approvalSettings=d.some(lambda: {"windowsQualityUpdateCadence": d.word(), "approvalMethodType": d.word(), "deferredDeploymentInDay": d.number()}), assignments=d.assignments())],
    "hardware_configuration": [lambda d: d.typed("hardwareConfiguration", fileName=d.word(), configurationFileContent=d.script(), hardwareConfigurationFormat=d.word(), perDevicePasswordDisabled=d.truth(), assignments=d.assignments())],
    "template_file": [lambda d: d.typed("groupPolicyUploadedDefinitionFile", fileName=d.word(), status=d.word(), targetPrefix=d.word(), targetNamespace=d.text(), defaultLanguageCode=d.word())],
    "managed_google_play": [lambda d: d.typed("androidManagedStoreAccountEnterpriseSettings", bindStatus=d.word(), ownerUserPrincipalName=d.word(), enrollmentTarget=d.word(), lastAppSyncDateTime=d.instant(), targetGroupIds=d.some(d.guid))],
    "intune_settings": [lambda d: d.typed("deviceManagementSettings", secureByDefault=d.truth(), deviceComplianceCheckinThresholdDays=d.number(), isScheduledActionEnabled=d.truth())],
    "device_category": [lambda d: d.typed("deviceCategory")],
    "cleanup_rule": [lambda d: d.typed("managedDeviceCleanupRule", deviceCleanupRulePlatformType=d.word(), deviceInactivityBeforeRetirementInDays=d.number())],
    "role_assignment": [lambda d: _untagged(d, "deviceAndAppManagementRoleAssignment", members=d.some(d.guid), resourceScopes=d.some(d.guid), scopeType=d.word(), roleDefinitionId=d.guid(), roleScopeTags=d.some(lambda: {"id": d.word()}))],
    "named_location": [
        lambda d: d.typed("ipNamedLocation", isTrusted=d.truth(), ipRanges=d.some(lambda: {"@odata.type": GRAPH + "iPv4CidrRange", "cidrAddress": f"10.{d.number()}.0.0/16"})),
        lambda d: d.typed("countryNamedLocation", countriesAndRegions=d.some(d.word), includeUnknownCountriesAndRegions=d.truth(), countryLookupMethod=d.word()),
    ],
    "authentication_context": [lambda d: {**d.typed("authenticationContextClassReference"), "id": f"c{d.number()}", "isAvailable": d.truth()}],
    "authentication_strength": [lambda d: d.typed("authenticationStrengthPolicy", policyType=d.word(), allowedCombinations=d.some(d.word), combinationConfigurations=d.some(lambda: {"id": d.guid(), "appliesToCombinations": d.some(d.word), "allowedAAGUIDs": d.some(d.guid)}))],
    "authorization_policy": [lambda d: d.typed("authorizationPolicy", allowInvitesFrom=d.word(), guestUserRoleId=d.guid(), defaultUserRolePermissions={"allowedToCreateApps": d.truth(), "permissionGrantPoliciesAssigned": d.some(d.word)})],
    "authentication_methods": [lambda d: d.typed("authenticationMethodsPolicy", authenticationMethodConfigurations=d.some(lambda: {"id": d.word(), "state": d.word(), "includeTargets": d.some(lambda: {"id": d.guid(), "targetType": d.word(), "isRegistrationRequired": d.truth()}), "excludeTargets": d.some(lambda: {"id": d.guid(), "targetType": d.word()}, 2, 0)}))],
    "security_defaults": [lambda d: d.typed("identitySecurityDefaultsEnforcementPolicy", isEnabled=d.truth())],
    "cross_tenant_default": [lambda d: d.typed("crossTenantAccessPolicyConfigurationDefault", isServiceDefault=d.truth(), **_crossing(d))],
    "cross_tenant_partner": [lambda d: d.typed("crossTenantAccessPolicyConfigurationPartner", tenantId=d.guid(), isServiceProvider=d.truth(), **_crossing(d))],
}  # fmt: skip
"""Type → the ways to draw one."""


def realistic(seed: int) -> tuple[str, Body]:
    """A type and a policy of it."""
    draw = Draw(seed)
    slug = draw.chance.choice(sorted(TYPES))
    return slug, draw.chance.choice(TYPES[slug])(draw)
