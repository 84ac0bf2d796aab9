"""The table of policy types: complete, unambiguous, and able to recognise what the common tools export."""

from __future__ import annotations

import pytest

from flows._policies.types import (
    BY_SLUG,
    POLICY_TYPES,
    Lane,
    name_of,
    platform_of,
    type_for_context,
    type_for_odata,
    type_for_properties,
    types_for_folder,
)
from flows._policies.unread import SELECTED, absent_parts


def test_the_table_holds_at_least_forty_five_types_each_once() -> None:
    assert len(POLICY_TYPES) >= 45
    assert len(BY_SLUG) == len(POLICY_TYPES)
    paths = [collection.path for entry in POLICY_TYPES for collection in entry.collections]
    assert len(set(paths)) == len(paths)
    assert all(path.split("/")[0] in {"v1.0", "beta"} for path in paths)


LEFT_OUT_BY_V1 = {
    "deviceManagement/deviceConfigurations": (
        "roleScopeTagIds", "supportsScopeTags", "deviceManagementApplicabilityRuleOsEdition",
        "deviceManagementApplicabilityRuleOsVersion", "deviceManagementApplicabilityRuleDeviceMode",
    ),
    "deviceManagement/deviceCompliancePolicies": (
        "roleScopeTagIds", "activeFirewallRequired", "antivirusRequired", "antiSpywareRequired", "tpmRequired",
        "defenderEnabled", "defenderVersion", "signatureOutOfDate", "rtpEnabled", "deviceCompliancePolicyScript",
    ),
    "deviceManagement/deviceEnrollmentConfigurations": ("roleScopeTagIds", "deviceEnrollmentConfigurationType"),
    "deviceManagement/roleDefinitions": ("roleScopeTagIds", "isBuiltInRoleDefinition"),
    "deviceManagement/notificationMessageTemplates": ("description",),
    "deviceAppManagement/managedAppPolicies": ("roleScopeTagIds",),
    "deviceAppManagement/mobileAppConfigurations": ("roleScopeTagIds",),
    "deviceAppManagement/targetedManagedAppConfigurations": ("roleScopeTagIds", "appGroupType", "targetedAppManagementLevels"),
    "deviceAppManagement/iosManagedAppProtections": ("roleScopeTagIds", "appGroupType", "targetedAppManagementLevels"),
    "deviceAppManagement/androidManagedAppProtections": ("roleScopeTagIds", "appGroupType", "approvedKeyboards"),
}  # fmt: skip
"""Collection → properties of Microsoft's reference for beta that its v1.0 twin does not return."""


def test_intune_is_read_under_the_version_that_leaves_nothing_out() -> None:
    paths = {
        path
        for entry in POLICY_TYPES
        for collection in entry.collections
        for path in (collection.path, *collection.typed_paths.values())
    }
    assert paths >= {f"beta/{path}" for path in LEFT_OUT_BY_V1}
    assert not [path for path in paths if path.startswith(("v1.0/deviceManagement/", "v1.0/deviceAppManagement/"))]


def test_every_permission_is_a_read_permission() -> None:
    assert {entry.permission.split(".", 1)[1] for entry in POLICY_TYPES} == {"Read.All"}


def test_conditional_access_and_scripts_have_lanes_of_their_own() -> None:
    assert BY_SLUG["conditional_access"].lane is Lane.CONDITIONAL_ACCESS
    assert {entry.slug for entry in POLICY_TYPES if entry.lane is Lane.SCRIPTS} == {
        "powershell_script",
        "shell_script",
        "health_script",
        "compliance_script",
        "custom_attribute",
    }


@pytest.mark.parametrize(
    ("odata_type", "slug"),
    [
        ("#microsoft.graph.windows10CustomConfiguration", "device_configuration"),
        ("microsoft.graph.macOSGeneralDeviceConfiguration", "device_configuration"),
        ("#microsoft.graph.windows81TrustedRootCertificate", "device_configuration"),
        ("#microsoft.graph.macOSCustomAppConfiguration", "device_configuration"),
        ("#microsoft.graph.windows10CompliancePolicy", "compliance"),
        ("#microsoft.graph.deviceManagementCompliancePolicy", "settings_catalog_compliance"),
        ("#microsoft.graph.deviceManagementConfigurationPolicy", "settings_catalog"),
        ("#microsoft.graph.iosManagedAppProtection", "app_protection"),
        ("#microsoft.graph.targetedManagedAppConfiguration", "app_configuration"),
        ("#microsoft.graph.iosMobileAppConfiguration", "app_configuration"),
        ("#microsoft.graph.androidManagedStoreAppConfiguration", "app_configuration"),
        ("#microsoft.graph.windows10EnrollmentCompletionPageConfiguration", "enrollment_configuration"),
        ("#microsoft.graph.deviceEnrollmentLimitConfiguration", "enrollment_configuration"),
        ("#microsoft.graph.azureADWindowsAutopilotDeploymentProfile", "autopilot_profile"),
        ("#microsoft.graph.windowsFeatureUpdateProfile", "feature_update_profile"),
        ("#microsoft.graph.CONDITIONALACCESSPOLICY", "conditional_access"),
        ("#microsoft.graph.win32LobApp", "app"),
        ("#microsoft.graph.countryNamedLocation", "named_location"),
        ("#microsoft.graph.iosLobAppProvisioningConfiguration", "ios_provisioning"),
    ],
)
def test_an_odata_type_leads_to_its_policy_type(odata_type: str, slug: str) -> None:
    found = type_for_odata(odata_type)
    assert found is not None
    assert found.slug == slug


def test_every_type_is_known_by_what_exports_say_of_it() -> None:
    assert not [entry.slug for entry in POLICY_TYPES if not (entry.odata_types or entry.odata_suffixes)]


@pytest.mark.parametrize("value", [None, "", 7, "#microsoft.graph.user", "#contoso.aConfiguration", "Configuration"])
def test_an_odata_type_of_something_else_leads_nowhere(value: object) -> None:
    assert type_for_odata(value) is None


@pytest.mark.parametrize(
    ("context", "slug"),
    [
        (
            "https://graph.example/beta/$metadata#deviceManagement/configurationPolicies/$entity",
            "settings_catalog",
        ),
        ("https://graph.microsoft.com/v1.0/$metadata#deviceManagement/deviceConfigurations", "device_configuration"),
        ("x#deviceManagement/deviceManagementScripts(assignments())/$entity", "powershell_script"),
        (
            "https://graph.example/v1.0/$metadata#identity/conditionalAccess/policies/$entity",
            "conditional_access",
        ),
        ("x#deviceAppManagement/iosManagedAppProtections(assignments())/$entity", "app_protection"),
    ],
)
def test_a_context_names_the_collection(context: str, slug: str) -> None:
    found = type_for_context(context)
    assert found is not None
    assert found.slug == slug


def test_a_context_of_something_else_leads_nowhere() -> None:
    assert type_for_context("https://graph.microsoft.com/v1.0/$metadata#users/$entity") is None
    assert type_for_context("https://graph.microsoft.com/v1.0/$metadata#policies") is None
    assert type_for_context(None) is None


def test_properties_alone_tell_neighbours_apart() -> None:
    catalog = {"id": "1", "name": "n", "platforms": "windows10", "technologies": "mdm", "settings": []}
    assert type_for_properties(catalog) is BY_SLUG["settings_catalog"]
    assert type_for_properties(catalog | {"scheduledActionsForRule": []}) is BY_SLUG["settings_catalog_compliance"]
    script = {"displayName": "s", "publisher": "p", "detectionScriptContent": "x"}
    assert type_for_properties(script) is BY_SLUG["compliance_script"]
    assert type_for_properties(script | {"remediationScriptContent": ""}) is BY_SLUG["health_script"]
    assert type_for_properties({"displayName": "someone", "mail": "m"}) is None


def test_a_folder_name_is_compared_by_letters_and_may_mean_two_types() -> None:
    assert [entry.slug for entry in types_for_folder("settings-catalog")] == ["settings_catalog"]
    assert [entry.slug for entry in types_for_folder("EndpointSecurity")] == [
        "settings_catalog",
        "endpoint_security_intent",
    ]
    assert types_for_folder("Holiday pictures") == ()


@pytest.mark.parametrize(
    ("slug", "body", "platform"),
    [
        ("settings_catalog", {"platforms": "iOS,macOS"}, "ios,macos"),
        ("settings_catalog", {"platforms": "none"}, None),
        ("assignment_filter", {"platform": "androidForWork"}, "android"),
        ("compliance", {"@odata.type": "#microsoft.graph.macOSCompliancePolicy"}, "macos"),
        ("device_configuration", {"@odata.type": "#microsoft.graph.iosCustomConfiguration"}, "ios"),
        ("administrative_template", {}, "windows"),
        ("role_definition", {}, None),
    ],
)
def test_the_platform_is_read_where_the_type_keeps_it(slug: str, body: dict[str, object], platform: str | None) -> None:
    assert platform_of(BY_SLUG[slug], body) == platform


def test_a_name_falls_back_to_the_id() -> None:
    entry = BY_SLUG["settings_catalog"]
    assert name_of(entry, {"name": "A", "displayName": "B"}) == "A"
    assert name_of(entry, {"name": " ", "id": "7"}) == "7"
    assert name_of(entry, {}) == ""


@pytest.mark.parametrize("slug", sorted(BY_SLUG))
def test_a_policy_of_which_only_the_name_is_there_was_asked_for_no_more(slug: str) -> None:
    listed = {"id": "1", "displayName": "a", "lastModifiedDateTime": "2026-11-02T08:00:00Z", "assignments": None}
    assert (SELECTED in absent_parts(slug, listed)) == (slug != "app_category"), "an app category has no more"
    assert SELECTED not in absent_parts(slug, {**listed, "description": ""})
