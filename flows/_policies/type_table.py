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


_ASSIGNED: Final = Part("assignments")
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


def _intune(slug: str, label: str, path: str, *parts: Part, permission: str = CONFIGURATION, **more: Any) -> PolicyType:
    return entry(slug, label, f"beta/deviceManagement/{path}", permission, *parts, **more)


def _script(
    slug: str, label: str, path: str, holds: tuple[str, ...], platform: PlatformRule = PlatformRule.WINDOWS, **more: Any
) -> PolicyType:
    kinds: dict[str, Any] = {"by_id": True, "only_by_id": holds, "lane": Lane.SCRIPTS, "platform": platform}
    return _intune(slug, label, path, _ASSIGNED, permission=SCRIPTS, **kinds, **more)


# fmt: off
# A row says what a type is called and where it is; how to know one from elsewhere; what is special about it.
POLICY_TYPES: Final[tuple[PolicyType, ...]] = (
    _intune("settings_catalog", "Settings catalog", "configurationPolicies", _SETTINGS, _ASSIGNED,
            odata="deviceManagementConfigurationPolicy", signatures="name platforms technologies",
            folders="Settings Catalog, configurationPolicies, Settings, Endpoint Security",
            name_property="name", platform=PlatformRule.PLATFORMS, content=contents.CATALOG),
    _intune("settings_catalog_compliance", "Compliance (settings catalog)", "compliancePolicies",
            _SETTINGS, _CATALOG_ACTIONS, _ASSIGNED,
            odata="deviceManagementCompliancePolicy", signatures="name platforms technologies scheduledActionsForRule",
            folders="CompliancePoliciesV2, Settings Catalog Compliance",
            name_property="name", platform=PlatformRule.PLATFORMS, content=contents.CATALOG_COMPLIANCE),
    _intune("reusable_setting", "Reusable setting", "reusablePolicySettings", by_id=True, only_by_id=("settingInstance",),
            odata="deviceManagementReusablePolicySetting",
            signatures="displayName settingDefinitionId settingInstance",
            folders="Reusable Settings, reusablePolicySettings", content=contents.REUSABLE),
    _intune("device_configuration", "Device configuration", "deviceConfigurations", _ASSIGNED,
            odata="*Configuration *ConfigurationBase *CertificateProfile *CertificateProfileBase *RootCertificate",
            signatures="displayName omaSettings, displayName payloadFileName payload",
            folders="Device Configuration, Device Configurations, Configuration Profiles, Update Policies",
            platform=PlatformRule.ODATA_TYPE, content=contents.DEVICE),
    _intune("compliance", "Compliance", "deviceCompliancePolicies", _ACTIONS, _ASSIGNED,
            odata="*CompliancePolicy", signatures="displayName scheduledActionsForRule",
            folders="Compliance Policies, Device Compliance Policies, Compliance",
            platform=PlatformRule.ODATA_TYPE, content=contents.COMPLIANCE),
    _intune("administrative_template", "Administrative template", "groupPolicyConfigurations", _VALUES, _ASSIGNED,
            odata="groupPolicyConfiguration",
            signatures="displayName definitionValues, displayName policyConfigurationIngestionType",
            folders="Administrative Templates, groupPolicyConfigurations",
            platform=PlatformRule.WINDOWS, content=contents.TEMPLATE),
    _intune("endpoint_security_intent", "Endpoint security", "intents", Part("settings", in_list=False), _ASSIGNED,
            odata="deviceManagementIntent",
            signatures="displayName templateId settings, displayName templateId settingsDelta",
            folders="Management Intents, intents, EndpointSecurity, Endpoint Security Intents, Device Intents",
            content=contents.INTENT),
    entry("app_protection", "App protection", "beta/deviceAppManagement/managedAppPolicies", APPS,
          _PROTECTED_APPS, *_APP_LOCKER, _ASSIGNED, by_id=True, typed_paths=_TYPED_PATHS,
          odata="windowsInformationProtectionPolicy mdmWindowsInformationProtectionPolicy *ManagedAppProtection",
          signatures="displayName pinRequired minimumPinLength",
          folders="App Protection, App Protection Policies, managedAppPolicies",
          platform=PlatformRule.ODATA_TYPE, content=contents.APP_PROTECTION),
    entry("app_configuration", "App configuration", "beta/deviceAppManagement/mobileAppConfigurations", APPS, _ASSIGNED,
          also=(Collection("beta/deviceAppManagement/targetedManagedAppConfigurations", parts=(_CHOSEN_APPS, _ASSIGNED)),),
          odata="targetedManagedAppConfiguration *MobileAppConfiguration *StoreAppConfiguration",
          signatures="displayName targetedMobileApps, displayName appGroupType customSettings",
          folders="App Configuration, App Configuration Policies, AppConfigurationManagedApp, AppConfigurationManagedDevice, "
          "mobileAppConfigurations, targetedManagedAppConfigurations",
          platform=PlatformRule.ODATA_TYPE, content=contents.APP_CONFIGURATION),
    _script("powershell_script", "PowerShell script", "deviceManagementScripts", _SCRIPT,
            odata="deviceManagementScript",
            signatures="displayName scriptContent enforceSignatureCheck runAs32Bit fileName",
            folders="PowerShell Scripts, Powershell, Device Management Scripts, Scripts"),
    _script("shell_script", "Shell script", "deviceShellScripts", _SCRIPT, PlatformRule.MACOS,
            odata="deviceShellScript", signatures="displayName scriptContent executionFrequency",
            folders="Shell, Shell Scripts, MacScripts, deviceShellScripts, macOS Scripts"),
    _script("health_script", "Remediation script", "deviceHealthScripts", _DETECTS,
            odata="deviceHealthScript",
            signatures="displayName publisher detectionScriptContent remediationScriptContent",
            folders="Proactive Remediations, HealthScripts, Device Health Scripts, Remediations"),
    _script("compliance_script", "Compliance script", "deviceComplianceScripts", _DETECTS,
            odata="deviceComplianceScript", signatures="displayName detectionScriptContent publisher",
            folders="Compliance Scripts, deviceComplianceScripts"),
    _intune("enrollment_configuration", "Enrolment configuration", "deviceEnrollmentConfigurations", _ASSIGNED,
            permission=SERVICE,
            odata="windows10EnrollmentCompletionPageConfiguration deviceComanagementAuthorityConfiguration "
            "*DeviceEnrollmentPlatformRestrictionsConfiguration *DeviceEnrollmentPlatformRestrictionConfiguration "
            "*EnrollmentLimitConfiguration *EnrollmentWindowsHelloForBusinessConfiguration "
            "*EnrollmentNotificationConfiguration *EnrollmentConfiguration",
            signatures="displayName priority deviceEnrollmentConfigurationType",
            folders="Enrollment Configurations, EnrollmentRestrictions, EnrollmentStatusPage, CoManagementSettings, "
            "deviceEnrollmentConfigurations",
            platform=PlatformRule.ODATA_TYPE, content=contents.BY_LOCALE),
    _intune("autopilot_profile", "Autopilot profile", "windowsAutopilotDeploymentProfiles", _ASSIGNED,
            permission=SERVICE, odata="*WindowsAutopilotDeploymentProfile",
            signatures="displayName outOfBoxExperienceSettings, displayName outOfBoxExperienceSetting",
            folders="Autopilot, AutoPilot Profiles, Enrollment Profiles, windowsAutopilotDeploymentProfiles",
            platform=PlatformRule.WINDOWS),
    _intune("feature_update_profile", "Feature update profile", "windowsFeatureUpdateProfiles", _ASSIGNED,
            odata="windowsFeatureUpdateProfile", signatures="displayName featureUpdateVersion",
            folders="Feature Updates, windowsFeatureUpdateProfiles, Feature Update Profiles",
            platform=PlatformRule.WINDOWS, content=contents.FEATURE_UPDATE),
    _intune("quality_update_profile", "Quality update profile", "windowsQualityUpdateProfiles", _ASSIGNED,
            odata="windowsQualityUpdateProfile", signatures="displayName expeditedUpdateSettings",
            folders="Quality Updates, windowsQualityUpdateProfiles, Quality Update Profiles",
            platform=PlatformRule.WINDOWS),
    _intune("driver_update_profile", "Driver update profile", "windowsDriverUpdateProfiles", _ASSIGNED,
            odata="windowsDriverUpdateProfile", signatures="displayName approvalType deploymentDeferralInDays",
            folders="Driver Updates, DriverUpdateProfiles, windowsDriverUpdateProfiles",
            platform=PlatformRule.WINDOWS, content=contents.DRIVER_UPDATE),
    _intune("assignment_filter", "Assignment filter", "assignmentFilters",
            odata="deviceAndAppManagementAssignmentFilter", signatures="displayName platform rule",
            folders="Filters, Assignment Filters", platform=PlatformRule.PLATFORM, content=contents.FILTER),
    _intune("scope_tag", "Scope tag", "roleScopeTags", _ASSIGNED, permission=RBAC,
            odata="roleScopeTag", signatures="displayName isBuiltIn description", folders="Scope Tags, roleScopeTags"),
    _intune("role_definition", "Role definition", "roleDefinitions", Part("roleAssignments", in_exports=False),
            permission=RBAC, odata="roleDefinition deviceAndAppManagementRoleDefinition",
            # A description, too, and it would be as much a scope tag.
            signatures="displayName rolePermissions isBuiltIn, displayName rolePermissions isBuiltIn description",
            folders="Roles, Role Definitions", content=contents.ROLE),
    _intune("notification_template", "Notification template", "notificationMessageTemplates",
            Part("localizedNotificationMessages"), permission=SERVICE,
            odata="notificationMessageTemplate", signatures="displayName brandingOptions defaultLocale",
            folders="Notifications, Notification Templates, Message Templates, notificationMessageTemplates",
            content=contents.BY_LOCALE),
    entry("conditional_access", "Conditional Access", "v1.0/identity/conditionalAccess/policies", POLICY,
          odata="conditionalAccessPolicy",
          signatures="displayName conditions grantControls, displayName state conditions",
          folders="Conditional Access, Conditional Access Policies", lane=Lane.CONDITIONAL_ACCESS),
    *TENANT_TYPES,
)
# fmt: on
