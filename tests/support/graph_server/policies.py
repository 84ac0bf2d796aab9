"""Policies as Graph keeps them: 23 kinds with their parts inside, made from a seed, of sizes met in real tenants."""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One collection of the server: where it is, what its lists leave out, which expansions they take."""

    path: str
    make: Callable[[random.Random, int], Body]
    parts: tuple[str, ...] = ("assignments",)
    hidden: tuple[str, ...] = ()
    expandable: tuple[str, ...] = ("assignments",)
    item_expandable: tuple[str, ...] = ("assignments",)
    lane: str = "intune"
    weight: int = 1
    single: bool = False
    id_property: str = "id"


def _guid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _date(rng: random.Random) -> str:
    return f"2026-{rng.randint(1, 10):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:00Z"


def _assignments(rng: random.Random, most: int = 4) -> list[Body]:
    found: list[Body] = []
    for _ in range(rng.randint(0, most)):
        kind = rng.choice(["groupAssignmentTarget", "exclusionGroupAssignmentTarget", "allDevicesAssignmentTarget"])
        target: Body = {
            "@odata.type": f"#microsoft.graph.{kind}",
            "deviceAndAppManagementAssignmentFilterId": None,
            "deviceAndAppManagementAssignmentFilterType": "none",
        }
        if kind != "allDevicesAssignmentTarget":
            target["groupId"] = _guid(rng)
        found.append({"id": _guid(rng), "source": "direct", "sourceId": _guid(rng), "target": target})
    return found


def _plain(rng: random.Random, number: int, label: str, odata_type: str = "", **more: Any) -> Body:
    body: Body = {"@odata.type": f"#microsoft.graph.{odata_type}"} if odata_type else {}
    body |= {
        "id": _guid(rng),
        "displayName": f"{label} {number}",
        "description": f"Baseline part {rng.randint(1, 99)}",
        "createdDateTime": _date(rng),
        "lastModifiedDateTime": _date(rng),
        "roleScopeTagIds": ["0"],
        "version": rng.randint(1, 20),
        "assignments": _assignments(rng),
    }
    return body | more


def _setting(rng: random.Random, position: int) -> Body:
    # Policies of a tenant share most of their settings.
    area, variant = rng.randint(1, 60) % 2, rng.randint(1, 9) % 2
    stem = f"device_vendor_msft_policy_config_area{area}_item{position}_{variant}"
    roll = rng.random()
    instance: Body = {"settingDefinitionId": stem, "settingInstanceTemplateReference": None}
    if roll < 0.6:
        instance |= {
            "@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
            "choiceSettingValue": {
                "settingValueTemplateReference": None,
                "value": f"{stem}_{rng.randint(0, 1)}",
                "children": [
                    {
                        "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
                        "settingDefinitionId": f"{stem}_child",
                        "settingInstanceTemplateReference": None,
                        "simpleSettingValue": {
                            "@odata.type": "#microsoft.graph.deviceManagementConfigurationIntegerSettingValue",
                            "value": rng.randint(0, 100),
                            "settingValueTemplateReference": None,
                        },
                    }
                ]
                * (roll < 0.3),
            },
        }
    elif roll < 0.9:
        instance |= {
            "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
            "simpleSettingValue": {
                "@odata.type": "#microsoft.graph.deviceManagementConfigurationStringSettingValue",
                "settingValueTemplateReference": None,
                "value": f"value {rng.randint(1, 10_000)}",
            },
        }
    else:
        instance |= {
            "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingCollectionInstance",
            "simpleSettingCollectionValue": [
                {
                    "@odata.type": "#microsoft.graph.deviceManagementConfigurationStringSettingValue",
                    "settingValueTemplateReference": None,
                    "value": f"entry-{each}",
                }
                for each in range(rng.randint(1, 6))
            ],
        }
    return {"id": str(position), "settingInstance": instance}


def _catalog(rng: random.Random, number: int) -> Body:
    count = rng.choice([3, 8, 12, 20, 25, 26, 40, 61])
    return {
        "id": _guid(rng),
        "name": f"Win - Baseline - D - Area {number} - v3.{rng.randint(0, 9)}",
        "description": "",
        "platforms": rng.choice(["windows10", "macOS", "iOS"]),
        "technologies": "mdm",
        "createdDateTime": _date(rng),
        "lastModifiedDateTime": _date(rng),
        "settingCount": count,
        "roleScopeTagIds": ["0"],
        "templateReference": {"templateId": "", "templateFamily": "none", "templateDisplayName": None},
        "settings": [_setting(rng, position) for position in range(count)],
        "assignments": (assignments := _assignments(rng)),
        "isAssigned": bool(assignments),
    }


def _catalog_compliance(rng: random.Random, number: int) -> Body:
    body = _catalog(rng, number)
    del body["templateReference"], body["isAssigned"]
    body["name"] = f"Linux compliance {number}"
    body["platforms"] = "linux"
    body["scheduledActionsForRule"] = [
        {
            "id": _guid(rng),
            "ruleName": None,
            "scheduledActionConfigurations": [{"id": _guid(rng), "gracePeriodHours": 24, "actionType": "block"}],
        }
    ]
    return body


def _reusable(rng: random.Random, number: int) -> Body:
    body = _plain(rng, number, "Reusable rules")
    del body["assignments"], body["roleScopeTagIds"]
    return body | {
        "settingDefinitionId": "vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}",
        "referencingConfigurationPolicyCount": 1,
        "settingInstance": _setting(rng, number)["settingInstance"],
    }


def _device_configuration(rng: random.Random, number: int) -> Body:
    oma = [
        {
            "@odata.type": "#microsoft.graph.omaSettingString",
            "displayName": f"Setting {each}",
            "omaUri": f"./Device/Vendor/MSFT/Policy/Config/Area{each}/Item",
            "value": "****" if each == 0 else f"text {rng.randint(1, 999)}",
            "isEncrypted": each == 0,
            "secretReferenceValueId": _guid(rng) if each == 0 else None,
        }
        for each in range(rng.randint(1, 5))
    ]
    return _plain(rng, number, "Custom profile", "windows10CustomConfiguration", omaSettings=oma)


def _compliance(rng: random.Random, number: int) -> Body:
    actions = [
        {
            "id": _guid(rng),
            "ruleName": "PasswordRequired",
            "scheduledActionConfigurations": [
                {"id": _guid(rng), "gracePeriodHours": 72, "actionType": "block", "notificationTemplateId": ""}
            ],
        }
    ]
    return _plain(
        rng,
        number,
        "Compliance",
        "windows10CompliancePolicy",
        passwordRequired=rng.random() < 0.5,
        passwordMinimumLength=rng.randint(6, 14),
        osMinimumVersion="10.0.22631",
        scheduledActionsForRule=actions,
    )


def _template(rng: random.Random, number: int) -> Body:
    values: list[Body] = []
    for position in range(rng.randint(1, 4)):
        definition = {"id": _guid(rng), "displayName": f"Definition {position}", "classType": "machine"}
        shown = {
            "@odata.type": "#microsoft.graph.groupPolicyPresentationValueText",
            "id": _guid(rng),
            "value": f"text {rng.randint(1, 999)}",
            "presentation": {"id": _guid(rng), "label": "Value"},
        }
        values.append(
            {
                "id": _guid(rng),
                "enabled": rng.random() < 0.8,
                "configurationType": "policy",
                "definition": definition,
                "presentationValues": [shown] * rng.randint(0, 1),
            }
        )
    return _plain(rng, number, "Edge template", policyConfigurationIngestionType="builtIn", definitionValues=values)


def _intent(rng: random.Random, number: int) -> Body:
    settings = [
        {
            "@odata.type": "#microsoft.graph.deviceManagementBooleanSettingInstance",
            "id": _guid(rng),
            "definitionId": f"deviceConfiguration--windows10EndpointProtectionConfiguration_item{each}",
            "valueJson": "true",
            "value": True,
        }
        for each in range(rng.randint(2, 30))
    ]
    body = _plain(rng, number, "Defender intent", templateId=_guid(rng), settings=settings)
    return body | {"isAssigned": bool(body["assignments"])}


def _app_protection(rng: random.Random, number: int) -> Body:
    odata_type = rng.choice(["iosManagedAppProtection", "androidManagedAppProtection"])
    apps = _apps(rng, rng.choice([0, 2, 30]))
    return _plain(
        rng,
        number,
        "App protection",
        odata_type,
        pinRequired=True,
        minimumPinLength=rng.randint(4, 8),
        deployedAppCount=len(apps),
        apps=apps,
    )


def _apps(rng: random.Random, count: int) -> list[Body]:
    return [
        {"id": _guid(rng), "version": "1", "mobileAppIdentifier": {"bundleId": f"com.example.app{each}"}}
        for each in range(count)
    ]


def _app_configuration(rng: random.Random, number: int) -> Body:
    settings = [{"appConfigKey": f"key{each}", "appConfigKeyValue": str(each)} for each in range(3)]
    return _plain(rng, number, "Outlook settings", "iosMobileAppConfiguration", settings=settings)


def _targeted_configuration(rng: random.Random, number: int) -> Body:
    settings = [{"name": f"com.example.key{each}", "value": str(each)} for each in range(3)]
    return _plain(
        rng, number, "Targeted app", "targetedManagedAppConfiguration", customSettings=settings, apps=_apps(rng, 3)
    )


def _text(rng: random.Random, size: int) -> str:
    words = "".join(f"Write-Output 'step {rng.randint(1, 9999)}'\n" for _ in range(size // 26))
    return base64.b64encode(words.encode()).decode()


def _script(rng: random.Random, number: int) -> Body:
    content = _text(rng, rng.choice([500, 2_000, 8_000]))
    return _plain(
        rng,
        number,
        "Script",
        fileName=f"script{number}.ps1",
        runAsAccount="system",
        enforceSignatureCheck=False,
        runAs32Bit=False,
        scriptContent=content,
    )


def _shell(rng: random.Random, number: int) -> Body:
    return _plain(
        rng, number, "Shell", fileName=f"s{number}.sh", executionFrequency="P1D", scriptContent=_text(rng, 1_500)
    )


def _health(rng: random.Random, number: int) -> Body:
    return _plain(
        rng,
        number,
        "Remediation",
        publisher="IT",
        isGlobalScript=False,
        detectionScriptContent=_text(rng, 3_000),
        remediationScriptContent=_text(rng, 3_000),
    )


def _compliance_script(rng: random.Random, number: int) -> Body:
    return _plain(rng, number, "Check", publisher="IT", detectionScriptContent=_text(rng, 2_000))


def _enrolment(rng: random.Random, number: int) -> Body:
    body = _plain(rng, number, "Enrolment limit", "deviceEnrollmentLimitConfiguration", priority=number, limit=5)
    body["id"] = f"{body['id']}_Limit"
    return body


def _autopilot(rng: random.Random, number: int) -> Body:
    return _plain(
        rng,
        number,
        "Autopilot",
        "azureADWindowsAutopilotDeploymentProfile",
        locale="os-default",
        outOfBoxExperienceSettings={"hidePrivacySettings": True, "userType": "standard"},
    )


def _feature(rng: random.Random, number: int) -> Body:
    return _plain(rng, number, "Feature", featureUpdateVersion=rng.choice(["Windows 11, version 24H2", "25H2"]))


def _quality(rng: random.Random, number: int) -> Body:
    return _plain(rng, number, "Quality", expeditedUpdateSettings={"daysUntilForcedReboot": rng.randint(0, 3)})


def _driver(rng: random.Random, number: int) -> Body:
    return _plain(rng, number, "Drivers", approvalType="automatic", deploymentDeferralInDays=rng.randint(0, 30))


def _filter(rng: random.Random, number: int) -> Body:
    body = _plain(rng, number, "Filter", platform="windows10AndLater", rule='(device.model -startsWith "Surface")')
    del body["assignments"]
    return body


def _scope_tag(rng: random.Random, number: int) -> Body:
    return {
        "id": str(number + 1),
        "displayName": f"Site {number}",
        "description": "",
        "isBuiltIn": False,
        "assignments": _assignments(rng, 2),
    }


def _role(rng: random.Random, number: int) -> Body:
    actions = [f"Microsoft.Intune_Managed{each}_Read" for each in range(rng.randint(3, 30))]
    return {
        "@odata.type": "#microsoft.graph.deviceAndAppManagementRoleDefinition",
        "id": _guid(rng),
        "displayName": f"Role {number}",
        "description": "",
        "isBuiltIn": False,
        "rolePermissions": [{"resourceActions": [{"allowedResourceActions": actions}]}],
        "roleAssignments": [{"id": _guid(rng), "displayName": f"Team {each}"} for each in range(rng.randint(0, 2))],
    }


def _notification(rng: random.Random, number: int) -> Body:
    body = _plain(rng, number, "Notice", brandingOptions="includeCompanyName", defaultLocale="en-us")
    del body["assignments"]
    messages = [
        {"id": f"{body['id']}_{locale}", "locale": locale, "subject": "Device", "messageTemplate": "Please update"}
        for locale in ("en-us", "de-de")
    ]
    return body | {"localizedNotificationMessages": messages}


def _conditional_access(rng: random.Random, number: int) -> Body:
    return {
        "id": _guid(rng),
        "displayName": f"CA{number:03} - Require MFA",
        "createdDateTime": _date(rng),
        "modifiedDateTime": _date(rng),
        "state": "enabled",
        "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
        "sessionControls": None,
    }


_APP = "beta/deviceAppManagement"
_BETA = "beta/deviceManagement"

_ASSIGNED = ("assignments",)
_CA = "v1.0/identity/conditionalAccess"
_MORE: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "app": (f"{_APP}/mobileApps", _ASSIGNED, "intune"),
    "app_category": (f"{_APP}/mobileAppCategories", (), "intune"),
    "policy_set": (f"{_APP}/policySets", ("items", "assignments"), "intune"),
    "app_control_supplement": (f"{_APP}/wdacSupplementalPolicies", _ASSIGNED, "intune"),
    "ios_provisioning": (f"{_APP}/iosLobAppProvisioningConfigurations", _ASSIGNED, "intune"),
    "vpp_token": (f"{_APP}/vppTokens", (), "intune"),
    "branding": (f"{_BETA}/intuneBrandingProfiles", _ASSIGNED, "intune"),
    "terms_and_conditions": (f"{_BETA}/termsAndConditions", _ASSIGNED, "intune"),
    "dep_token": (f"{_BETA}/depOnboardingSettings", ("enrollmentProfiles",), "intune"),
    "apns_certificate": (f"{_BETA}/applePushNotificationCertificate", (), "intune"),
    "apple_enrollment": (f"{_BETA}/appleUserInitiatedEnrollmentProfiles", _ASSIGNED, "intune"),
    "threat_defense_connector": (f"{_BETA}/mobileThreatDefenseConnectors", (), "intune"),
    "compliance_partner": (f"{_BETA}/complianceManagementPartners", (), "intune"),
    "custom_attribute": (f"{_BETA}/deviceCustomAttributeShellScripts", _ASSIGNED, "scripts"),
    "hotpatch_policy": (f"{_BETA}/windowsQualityUpdatePolicies", _ASSIGNED, "intune"),
    "hardware_configuration": (f"{_BETA}/hardwareConfigurations", _ASSIGNED, "intune"),
    "template_file": (f"{_BETA}/groupPolicyUploadedDefinitionFiles", (), "intune"),
    "managed_google_play": (f"{_BETA}/androidManagedStoreAccountEnterpriseSettings", (), "intune"),
    "intune_settings": (f"{_BETA}/settings", (), "intune"),
    "device_category": (f"{_BETA}/deviceCategories", (), "intune"),
    "cleanup_rule": (f"{_BETA}/managedDeviceCleanupRules", (), "intune"),
    "role_assignment": (f"{_BETA}/roleAssignments", ("roleScopeTags",), "intune"),
    "named_location": (f"{_CA}/namedLocations", (), "conditional_access"),
    "authentication_context": (f"{_CA}/authenticationContextClassReferences", (), "directory"),
    "authentication_strength": (
        "v1.0/policies/authenticationStrengthPolicies",
        ("combinationConfigurations",),
        "directory",
    ),
    "authorization_policy": ("v1.0/policies/authorizationPolicy", (), "directory"),
    "authentication_methods": ("v1.0/policies/authenticationMethodsPolicy", (), "directory"),
    "security_defaults": ("v1.0/policies/identitySecurityDefaultsEnforcementPolicy", (), "directory"),
    "cross_tenant_default": ("v1.0/policies/crossTenantAccessPolicy/default", (), "directory"),
    "cross_tenant_partner": ("v1.0/policies/crossTenantAccessPolicy/partners", (), "directory"),
}
"""What policies refer to and what holds for a tenant: kind → path, parts, lane."""
_SINGLE = {
    f"{_BETA}/applePushNotificationCertificate",
    f"{_BETA}/androidManagedStoreAccountEnterpriseSettings",
    f"{_BETA}/settings",
    *(path for path, _, _ in _MORE.values() if path.endswith(("Policy", "/default"))),
}
_CONTENTS = {"custom_attribute": ("scriptContent",), "hardware_configuration": ("configurationFileContent",)}
"""What lists leave out of a kind."""
_UNSHOWN = ("dep_token", "role_assignment")
"""Kinds whose lists show no parts."""
NAMELESS = ("intune_settings", "cross_tenant_default")
"""What there is one of, without an id in it."""


def _thing(slug: str) -> Callable[[random.Random, int], Body]:
    def make(rng: random.Random, number: int) -> Body:
        body = _plain(rng, number, slug, setting=rng.randint(0, 9), enabled=rng.random() < 0.5)
        for part in _MORE[slug][1]:
            if part != "assignments":
                body[part] = [{"id": _guid(rng), "displayName": f"{part} {each}"} for each in range(rng.randint(0, 3))]
        body |= {name: _text(rng, 500) for name in _CONTENTS.get(slug, ())}
        if "assignments" not in _MORE[slug][1]:
            del body["assignments"]
        if slug in NAMELESS:
            del body["id"], body["displayName"]
        if slug == "cross_tenant_partner":
            body["tenantId"] = body.pop("id")
        return body

    return make


KINDS: Mapping[str, Kind] = {
    "settings_catalog": Kind(f"{_BETA}/configurationPolicies", _catalog, parts=("settings", "assignments"), weight=8),
    "settings_catalog_compliance": Kind(
        f"{_BETA}/compliancePolicies", _catalog_compliance, parts=("settings", "scheduledActionsForRule", "assignments")
    ),
    "reusable_setting": Kind(
        f"{_BETA}/reusablePolicySettings", _reusable, parts=(), hidden=("settingInstance",), expandable=()
    ),
    "device_configuration": Kind(f"{_BETA}/deviceConfigurations", _device_configuration, weight=2),
    "compliance": Kind(
        f"{_BETA}/deviceCompliancePolicies",
        _compliance,
        parts=("assignments", "scheduledActionsForRule"),
        expandable=("assignments", "scheduledActionsForRule"),
        item_expandable=("assignments", "scheduledActionsForRule"),
    ),
    "administrative_template": Kind(
        f"{_BETA}/groupPolicyConfigurations", _template, parts=("definitionValues", "assignments")
    ),
    "endpoint_security_intent": Kind(
        f"{_BETA}/intents", _intent, parts=("settings", "assignments"), expandable=(), item_expandable=()
    ),
    "app_protection": Kind(
        f"{_APP}/managedAppPolicies",
        _app_protection,
        parts=("assignments", "apps"),
        hidden=("minimumPinLength",),
        expandable=(),
        item_expandable=("assignments", "apps"),
    ),
    "app_configuration": Kind(f"{_APP}/mobileAppConfigurations", _app_configuration),
    "app_configuration.targeted": Kind(
        f"{_APP}/targetedManagedAppConfigurations",
        _targeted_configuration,
        parts=("assignments", "apps"),
        expandable=("assignments", "apps"),
        item_expandable=("assignments", "apps"),
    ),
    "powershell_script": Kind(
        f"{_BETA}/deviceManagementScripts", _script, hidden=("scriptContent",), lane="scripts", weight=2
    ),
    "shell_script": Kind(f"{_BETA}/deviceShellScripts", _shell, hidden=("scriptContent",), lane="scripts"),
    "health_script": Kind(
        f"{_BETA}/deviceHealthScripts",
        _health,
        hidden=("detectionScriptContent", "remediationScriptContent"),
        lane="scripts",
        weight=2,
    ),
    "compliance_script": Kind(
        f"{_BETA}/deviceComplianceScripts", _compliance_script, hidden=("detectionScriptContent",), lane="scripts"
    ),
    "enrollment_configuration": Kind(f"{_BETA}/deviceEnrollmentConfigurations", _enrolment),
    "autopilot_profile": Kind(f"{_BETA}/windowsAutopilotDeploymentProfiles", _autopilot),
    "feature_update_profile": Kind(f"{_BETA}/windowsFeatureUpdateProfiles", _feature),
    "quality_update_profile": Kind(f"{_BETA}/windowsQualityUpdateProfiles", _quality),
    "driver_update_profile": Kind(f"{_BETA}/windowsDriverUpdateProfiles", _driver),
    "assignment_filter": Kind(f"{_BETA}/assignmentFilters", _filter, parts=(), expandable=()),
    "scope_tag": Kind(f"{_BETA}/roleScopeTags", _scope_tag),
    "role_definition": Kind(
        f"{_BETA}/roleDefinitions", _role, parts=("roleAssignments",), expandable=("roleAssignments",)
    ),
    "notification_template": Kind(
        f"{_BETA}/notificationMessageTemplates",
        _notification,
        parts=("localizedNotificationMessages",),
        expandable=("localizedNotificationMessages",),
        item_expandable=("localizedNotificationMessages",),
    ),
    "conditional_access": Kind(
        "v1.0/identity/conditionalAccess/policies",
        _conditional_access,
        parts=(),
        expandable=(),
        lane="conditional_access",
    ),
    **{
        slug: Kind(
            path,
            _thing(slug),
            parts=parts,
            hidden=_CONTENTS.get(slug, ()),
            expandable=parts if slug not in _UNSHOWN else (),
            item_expandable=parts if slug not in _UNSHOWN else (),
            # Most tenants have a few of each, and many apps.
            weight=4 if slug == "app" else 0,
            lane=lane,
            single=path in _SINGLE,
            id_property="tenantId" if path.endswith("partners") else "id",
        )
        for slug, (path, parts, lane) in _MORE.items()
    },
}

TYPED: Mapping[str, str] = {
    f"{_APP}/iosManagedAppProtections": "#microsoft.graph.iosManagedAppProtection",
    f"{_APP}/androidManagedAppProtections": "#microsoft.graph.androidManagedAppProtection",
}
"""Typed collections of app protection: the mixed list leaves out what only these return."""

INNER: Mapping[str, tuple[str, ...]] = {
    "definitionValues": ("definition", "presentationValues"),
    "presentationValues": ("presentation",),
    "scheduledActionsForRule": ("scheduledActionConfigurations",),
}
"""Part → what its elements have only where it is expanded, or read by their ids."""


def slug_of(kind: str) -> str:
    """The policy type a kind of the server belongs to."""
    return kind.split(".", 1)[0]


def make_policies(count: int, seed: int = 7, kinds: Sequence[str] | None = None) -> dict[str, dict[str, Body]]:
    """`count` policies as kind → id → whole policy; every kind gets at least one when there are enough."""
    rng = random.Random(seed)
    names = list(kinds or KINDS)
    shares = [name for name in names for _ in range(KINDS[name].weight)]
    chosen = (names + [shares[each % len(shares)] for each in range(count)])[:count]
    found: dict[str, dict[str, Body]] = {name: {} for name in names}
    for number, name in enumerate(chosen):
        kind = KINDS[name]
        body = kind.make(rng, number)
        if not (kind.single and found[name]):
            found[name][body.get(kind.id_property, name)] = body
    return found
