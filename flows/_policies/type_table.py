"""The table of policy types: one entry says all that reading, recognising and showing a kind of policy needs.

Adding a type is adding an entry to `POLICY_TYPES`; what policies refer to, and what holds for a whole tenant, is in
`tenant_types`. Paths, expansions and permissions are those of Microsoft's Graph reference for Intune and Conditional
Access. Intune is read under `beta`: where a collection has a twin under v1.0, that one leaves content out.
Since July 2025 the script collections ask for `DeviceManagementScripts.Read.All` instead of the configuration one.
"""

from dataclasses import replace
from typing import Any, Final

from flows._policies import type_contents as contents
from flows._policies.tenant_types import APPS, CONFIGURATION, POLICY, RBAC, SCRIPTS, SERVICE, TENANT_TYPES
from flows._policies.type_model import GRAPH, Collection, Lane, Part, PlatformRule, PolicyType, entry

_PROTECTIONS: Final = ("iosManagedAppProtection", "androidManagedAppProtection", "windowsManagedAppProtection")
_WIP: Final = ("windowsInformationProtectionPolicy", "mdmWindowsInformationProtectionPolicy")
_TYPED_PATHS: Final = {
    GRAPH + name: f"beta/deviceAppManagement/{name.removesuffix('y')}{'ies' if name.endswith('y') else 's'}"
    for name in (*_PROTECTIONS, *_WIP)
}


def _odata(*names: str) -> frozenset[str]:
    return frozenset(GRAPH + name for name in names)


_SETTINGS: Final = Part("settings", count_property="settingCount", in_list=False)
_CHOSEN_APPS: Final = Part("apps", said_by="deployedAppCount", in_exports=False)
_PROTECTED_APPS: Final = replace(_CHOSEN_APPS, only=_odata(*_PROTECTIONS))
_APP_LOCKER: Final = tuple(
    Part(name, only=_odata(*_WIP), in_exports=False) for name in ("protectedAppLockerFiles", "exemptAppLockerFiles")
)
_ACTIONS: Final = Part("scheduledActionsForRule", each=(Part("scheduledActionConfigurations"),), in_exports=False)
_CATALOG_ACTIONS: Final = replace(_ACTIONS, in_list=False, in_exports=True)
_PRESENTED: Final = Part("presentationValues", each=(Part("presentation", single=True),))
_SCRIPT: Final = ("scriptContent",)
_DETECTS: Final = ("detectionScriptContent", "remediationScriptContent")
_VALUES: Final = Part("definitionValues", each=(Part("definition", single=True), _PRESENTED), in_list=False)


def _intune(path: str, *parts: Part, **more: Any) -> tuple[Collection, ...]:
    return (Collection(f"beta/{path}", parts=(*parts, Part("assignments")), **more),)


def _unassigned(path: str, *parts: Part, **more: Any) -> tuple[Collection, ...]:
    return (Collection(path, parts=parts, **more),)


# fmt: off
# A row says what a type is called and where it is; how to know one from elsewhere; what is special about it.
POLICY_TYPES: Final[tuple[PolicyType, ...]] = (
    entry(
        "settings_catalog", "Settings catalog",
        _intune("deviceManagement/configurationPolicies", _SETTINGS), CONFIGURATION,
        "deviceManagementConfigurationPolicy", "name platforms technologies",
        "Settings Catalog, configurationPolicies, Settings, Endpoint Security",
        name_property="name", platform=PlatformRule.PLATFORMS, content=contents.CATALOG,
    ),
    entry(
        "settings_catalog_compliance", "Compliance (settings catalog)",
        _intune("deviceManagement/compliancePolicies", _SETTINGS, _CATALOG_ACTIONS), CONFIGURATION,
        "deviceManagementCompliancePolicy", "name platforms technologies scheduledActionsForRule",
        "CompliancePoliciesV2, Settings Catalog Compliance",
        name_property="name", platform=PlatformRule.PLATFORMS, content=contents.CATALOG_COMPLIANCE,
    ),
    entry(
        "reusable_setting", "Reusable setting",
        _unassigned("beta/deviceManagement/reusablePolicySettings", by_id=True, only_by_id=("settingInstance",)), CONFIGURATION,
        "deviceManagementReusablePolicySetting", "displayName settingDefinitionId settingInstance",
        "Reusable Settings, reusablePolicySettings", content=contents.REUSABLE,
    ),
    entry(
        "device_configuration", "Device configuration",
        _intune("deviceManagement/deviceConfigurations"), CONFIGURATION,
        "*Configuration *ConfigurationBase *CertificateProfile *CertificateProfileBase *RootCertificate",
        "displayName omaSettings, displayName payloadFileName payload",
        "Device Configuration, Device Configurations, Configuration Profiles, Update Policies",
        platform=PlatformRule.ODATA_TYPE, content=contents.DEVICE,
    ),
    entry(
        "compliance", "Compliance",
        _intune("deviceManagement/deviceCompliancePolicies", _ACTIONS), CONFIGURATION,
        "*CompliancePolicy", "displayName scheduledActionsForRule",
        "Compliance Policies, Device Compliance Policies, Compliance",
        platform=PlatformRule.ODATA_TYPE, content=contents.COMPLIANCE,
    ),
    entry(
        "administrative_template", "Administrative template",
        _intune("deviceManagement/groupPolicyConfigurations", _VALUES), CONFIGURATION,
        "groupPolicyConfiguration", "displayName definitionValues, displayName policyConfigurationIngestionType",
        "Administrative Templates, groupPolicyConfigurations",
        platform=PlatformRule.WINDOWS, content=contents.TEMPLATE,
    ),
    entry(
        "endpoint_security_intent", "Endpoint security",
        _intune("deviceManagement/intents", Part("settings", in_list=False)), CONFIGURATION,
        "deviceManagementIntent", "displayName templateId settings, displayName templateId settingsDelta",
        "Management Intents, intents, EndpointSecurity, Endpoint Security Intents, Device Intents",
        content=contents.INTENT,
    ),
    entry(
        "app_protection", "App protection",
        _intune("deviceAppManagement/managedAppPolicies", _PROTECTED_APPS, *_APP_LOCKER, by_id=True, typed_paths=_TYPED_PATHS),
        APPS,
        "windowsInformationProtectionPolicy mdmWindowsInformationProtectionPolicy *ManagedAppProtection",
        "displayName pinRequired minimumPinLength", "App Protection, App Protection Policies, managedAppPolicies",
        platform=PlatformRule.ODATA_TYPE, content=contents.APP_PROTECTION,
    ),
    entry(
        "app_configuration", "App configuration",
        (
            *_intune("deviceAppManagement/mobileAppConfigurations"),
            *_intune("deviceAppManagement/targetedManagedAppConfigurations", _CHOSEN_APPS),
        ),
        APPS,
        "targetedManagedAppConfiguration *MobileAppConfiguration *StoreAppConfiguration",
        "displayName targetedMobileApps, displayName appGroupType customSettings",
        "App Configuration, App Configuration Policies, AppConfigurationManagedApp, AppConfigurationManagedDevice, "
        "mobileAppConfigurations, targetedManagedAppConfigurations",
        platform=PlatformRule.ODATA_TYPE, content=contents.APP_CONFIGURATION,
    ),
    entry(
        "powershell_script", "PowerShell script",
        _intune("deviceManagement/deviceManagementScripts", by_id=True, only_by_id=_SCRIPT), SCRIPTS,
        "deviceManagementScript", "displayName scriptContent enforceSignatureCheck runAs32Bit fileName",
        "PowerShell Scripts, Powershell, Device Management Scripts, Scripts",
        lane=Lane.SCRIPTS, platform=PlatformRule.WINDOWS,
    ),
    entry(
        "shell_script", "Shell script",
        _intune("deviceManagement/deviceShellScripts", by_id=True, only_by_id=_SCRIPT), SCRIPTS,
        "deviceShellScript", "displayName scriptContent executionFrequency",
        "Shell, Shell Scripts, MacScripts, deviceShellScripts, macOS Scripts",
        lane=Lane.SCRIPTS, platform=PlatformRule.MACOS,
    ),
    entry(
        "health_script", "Remediation script",
        _intune("deviceManagement/deviceHealthScripts", by_id=True, only_by_id=_DETECTS), SCRIPTS,
        "deviceHealthScript", "displayName publisher detectionScriptContent remediationScriptContent",
        "Proactive Remediations, HealthScripts, Device Health Scripts, Remediations",
        lane=Lane.SCRIPTS, platform=PlatformRule.WINDOWS,
    ),
    entry(
        "compliance_script", "Compliance script",
        _intune("deviceManagement/deviceComplianceScripts", by_id=True, only_by_id=_DETECTS), SCRIPTS,
        "deviceComplianceScript", "displayName detectionScriptContent publisher",
        "Compliance Scripts, deviceComplianceScripts",
        lane=Lane.SCRIPTS, platform=PlatformRule.WINDOWS,
    ),
    entry(
        "enrollment_configuration", "Enrolment configuration",
        _intune("deviceManagement/deviceEnrollmentConfigurations"), SERVICE,
        "windows10EnrollmentCompletionPageConfiguration deviceComanagementAuthorityConfiguration "
        "*DeviceEnrollmentPlatformRestrictionsConfiguration *DeviceEnrollmentPlatformRestrictionConfiguration "
        "*EnrollmentLimitConfiguration *EnrollmentWindowsHelloForBusinessConfiguration "
        "*EnrollmentNotificationConfiguration *EnrollmentConfiguration",
        "displayName priority deviceEnrollmentConfigurationType",
        "Enrollment Configurations, EnrollmentRestrictions, EnrollmentStatusPage, CoManagementSettings, "
        "deviceEnrollmentConfigurations",
        platform=PlatformRule.ODATA_TYPE, content=contents.BY_LOCALE,
    ),
    entry(
        "autopilot_profile", "Autopilot profile",
        _intune("deviceManagement/windowsAutopilotDeploymentProfiles"), SERVICE,
        "*WindowsAutopilotDeploymentProfile",
        "displayName outOfBoxExperienceSettings, displayName outOfBoxExperienceSetting",
        "Autopilot, AutoPilot Profiles, Enrollment Profiles, windowsAutopilotDeploymentProfiles",
        platform=PlatformRule.WINDOWS,
    ),
    entry(
        "feature_update_profile", "Feature update profile",
        _intune("deviceManagement/windowsFeatureUpdateProfiles"), CONFIGURATION,
        "windowsFeatureUpdateProfile", "displayName featureUpdateVersion",
        "Feature Updates, windowsFeatureUpdateProfiles, Feature Update Profiles",
        platform=PlatformRule.WINDOWS, content=contents.FEATURE_UPDATE,
    ),
    entry(
        "quality_update_profile", "Quality update profile",
        _intune("deviceManagement/windowsQualityUpdateProfiles"), CONFIGURATION,
        "windowsQualityUpdateProfile", "displayName expeditedUpdateSettings",
        "Quality Updates, windowsQualityUpdateProfiles, Quality Update Profiles", platform=PlatformRule.WINDOWS,
    ),
    entry(
        "driver_update_profile", "Driver update profile",
        _intune("deviceManagement/windowsDriverUpdateProfiles"), CONFIGURATION,
        "windowsDriverUpdateProfile", "displayName approvalType deploymentDeferralInDays",
        "Driver Updates, DriverUpdateProfiles, windowsDriverUpdateProfiles",
        platform=PlatformRule.WINDOWS, content=contents.DRIVER_UPDATE,
    ),
    entry(
        "assignment_filter", "Assignment filter",
        _unassigned("beta/deviceManagement/assignmentFilters"), CONFIGURATION,
        "deviceAndAppManagementAssignmentFilter", "displayName platform rule", "Filters, Assignment Filters",
        platform=PlatformRule.PLATFORM, content=contents.FILTER,
    ),
    entry(
        "scope_tag", "Scope tag", _intune("deviceManagement/roleScopeTags"), RBAC,
        "roleScopeTag", "displayName isBuiltIn description", "Scope Tags, roleScopeTags",
    ),
    entry(
        "role_definition", "Role definition",
        _unassigned("beta/deviceManagement/roleDefinitions", Part("roleAssignments", in_exports=False)), RBAC,
        "roleDefinition deviceAndAppManagementRoleDefinition",
        # A description, too, and it would be as much a scope tag.
        "displayName rolePermissions isBuiltIn, displayName rolePermissions isBuiltIn description",
        "Roles, Role Definitions", content=contents.ROLE,
    ),
    entry(
        "notification_template", "Notification template",
        _unassigned("beta/deviceManagement/notificationMessageTemplates", Part("localizedNotificationMessages")),
        SERVICE,
        "notificationMessageTemplate", "displayName brandingOptions defaultLocale",
        "Notifications, Notification Templates, Message Templates, notificationMessageTemplates",
        content=contents.BY_LOCALE,
    ),
    entry(
        "conditional_access", "Conditional Access", _unassigned("v1.0/identity/conditionalAccess/policies"), POLICY,
        "conditionalAccessPolicy", "displayName conditions grantControls, displayName state conditions",
        "Conditional Access, Conditional Access Policies", lane=Lane.CONDITIONAL_ACCESS,
    ),
    *TENANT_TYPES,
)
# fmt: on
