"""The table of policy types: one entry says all that reading, recognising and showing a kind of policy needs.

Adding a type is adding an entry to `POLICY_TYPES`; what policies refer to, and what holds for a whole tenant, is in
`tenant_types`. Paths, expansions and permissions are those of Microsoft's Graph
reference for Intune and Conditional Access. Intune is read under `beta`: where a collection has a twin under v1.0, that one
leaves content out.
Since July 2025 the script collections ask for `DeviceManagementScripts.Read.All` instead of the configuration one.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from flows._policies import type_contents as contents
from flows._policies.tenant_types import TENANT_TYPES
from flows._policies.type_model import Collection, Lane, Part, PlatformRule, PolicyType

_CONFIGURATION: Final = "DeviceManagementConfiguration.Read.All"
_SCRIPTS: Final = "DeviceManagementScripts.Read.All"
_APPS: Final = "DeviceManagementApps.Read.All"
_SERVICE: Final = "DeviceManagementServiceConfig.Read.All"
_RBAC: Final = "DeviceManagementRBAC.Read.All"
_POLICY: Final = "Policy.Read.All"

_ASSIGNMENTS: Final = Part("assignments")
_GRAPH: Final = "#microsoft.graph."


def _odata(*names: str) -> frozenset[str]:
    return frozenset(_GRAPH + name for name in names)


def _has(*properties: str) -> frozenset[str]:
    return frozenset(properties)


_PROTECTIONS: Final = ("iosManagedAppProtection", "androidManagedAppProtection", "windowsManagedAppProtection")
_WIP: Final = ("windowsInformationProtectionPolicy", "mdmWindowsInformationProtectionPolicy")
_TYPED_PATHS: Final = MappingProxyType(
    {
        _GRAPH + name: f"beta/deviceAppManagement/{name.removesuffix('y')}{'ies' if name.endswith('y') else 's'}"
        for name in (*_PROTECTIONS, *_WIP)
    }
)
_SETTINGS: Final = Part("settings", count_property="settingCount", in_list=False)
_CHOSEN_APPS: Final = Part("apps", said_by="deployedAppCount", in_exports=False)
_ACTIONS: Final = Part("scheduledActionsForRule", query="$expand=scheduledActionConfigurations", in_exports=False)
_VALUES: Final = Part(
    "definitionValues",
    query="$expand=definition",
    each=(Part("presentationValues", query="$expand=presentation"),),
    in_list=False,
)


def _intune(path: str, *parts: Part, **more: Any) -> tuple[Collection, ...]:
    return (Collection(f"beta/{path}", parts=(*parts, _ASSIGNMENTS), **more),)


def _unassigned(path: str, *parts: Part, **more: Any) -> tuple[Collection, ...]:
    return (Collection(path, parts=parts, **more),)


POLICY_TYPES: Final[tuple[PolicyType, ...]] = (
    PolicyType(
        "settings_catalog",
        "Settings catalog",
        _intune("deviceManagement/configurationPolicies", _SETTINGS),
        _CONFIGURATION,
        name_property="name",
        platform=PlatformRule.PLATFORMS,
        odata_types=_odata("deviceManagementConfigurationPolicy"),
        signatures=(_has("name", "platforms", "technologies"),),
        folders=("Settings Catalog", "configurationPolicies", "Settings", "Endpoint Security"),
        content=contents.CATALOG,
    ),
    PolicyType(
        "settings_catalog_compliance",
        "Compliance (settings catalog)",
        _intune(
            "deviceManagement/compliancePolicies",
            _SETTINGS,
            replace(_ACTIONS, in_list=False, in_exports=True),
        ),
        _CONFIGURATION,
        name_property="name",
        platform=PlatformRule.PLATFORMS,
        odata_types=_odata("deviceManagementCompliancePolicy"),
        signatures=(_has("name", "platforms", "technologies", "scheduledActionsForRule"),),
        folders=("CompliancePoliciesV2", "Settings Catalog Compliance"),
        content=contents.CATALOG_COMPLIANCE,
    ),
    PolicyType(
        "reusable_setting",
        "Reusable setting",
        _unassigned("beta/deviceManagement/reusablePolicySettings", by_id=True),
        _CONFIGURATION,
        odata_types=_odata("deviceManagementReusablePolicySetting"),
        signatures=(_has("displayName", "settingDefinitionId", "settingInstance"),),
        folders=("Reusable Settings", "reusablePolicySettings"),
        content=contents.REUSABLE,
    ),
    PolicyType(
        "device_configuration",
        "Device configuration",
        _intune("deviceManagement/deviceConfigurations"),
        _CONFIGURATION,
        platform=PlatformRule.ODATA_TYPE,
        odata_suffixes=(
            "Configuration",
            "ConfigurationBase",
            "CertificateProfile",
            "CertificateProfileBase",
            "RootCertificate",
        ),
        signatures=(_has("displayName", "omaSettings"), _has("displayName", "payloadFileName", "payload")),
        folders=("Device Configuration", "Device Configurations", "Configuration Profiles", "Update Policies"),
        content=contents.DEVICE,
    ),
    PolicyType(
        "compliance",
        "Compliance",
        _intune("deviceManagement/deviceCompliancePolicies", _ACTIONS),
        _CONFIGURATION,
        platform=PlatformRule.ODATA_TYPE,
        odata_suffixes=("CompliancePolicy",),
        signatures=(_has("displayName", "scheduledActionsForRule"),),
        folders=("Compliance Policies", "Device Compliance Policies", "Compliance"),
        content=contents.COMPLIANCE,
    ),
    PolicyType(
        "administrative_template",
        "Administrative template",
        _intune("deviceManagement/groupPolicyConfigurations", _VALUES),
        _CONFIGURATION,
        platform=PlatformRule.WINDOWS,
        odata_types=_odata("groupPolicyConfiguration"),
        signatures=(
            _has("displayName", "definitionValues"),
            _has("displayName", "policyConfigurationIngestionType"),
        ),
        folders=("Administrative Templates", "groupPolicyConfigurations"),
        content=contents.TEMPLATE,
    ),
    PolicyType(
        "endpoint_security_intent",
        "Endpoint security",
        _intune("deviceManagement/intents", Part("settings", in_list=False)),
        _CONFIGURATION,
        odata_types=_odata("deviceManagementIntent"),
        signatures=(_has("displayName", "templateId", "settings"), _has("displayName", "templateId", "settingsDelta")),
        folders=("Management Intents", "intents", "EndpointSecurity", "Endpoint Security Intents", "Device Intents"),
        content=contents.INTENT,
    ),
    PolicyType(
        "app_protection",
        "App protection",
        _intune(
            "deviceAppManagement/managedAppPolicies",
            replace(_CHOSEN_APPS, only=_odata(*_PROTECTIONS)),
            Part("protectedAppLockerFiles", only=_odata(*_WIP), in_exports=False),
            Part("exemptAppLockerFiles", only=_odata(*_WIP), in_exports=False),
            by_id=True,
            typed_paths=_TYPED_PATHS,
        ),
        _APPS,
        platform=PlatformRule.ODATA_TYPE,
        odata_types=_odata(*_WIP),
        odata_suffixes=("ManagedAppProtection",),
        signatures=(_has("displayName", "pinRequired", "minimumPinLength"),),
        folders=("App Protection", "App Protection Policies", "managedAppPolicies"),
        content=contents.APP_PROTECTION,
    ),
    PolicyType(
        "app_configuration",
        "App configuration",
        (
            *_intune("deviceAppManagement/mobileAppConfigurations"),
            *_intune("deviceAppManagement/targetedManagedAppConfigurations", _CHOSEN_APPS),
        ),
        _APPS,
        platform=PlatformRule.ODATA_TYPE,
        odata_types=_odata("targetedManagedAppConfiguration"),
        odata_suffixes=("MobileAppConfiguration", "StoreAppConfiguration"),
        signatures=(_has("displayName", "targetedMobileApps"), _has("displayName", "appGroupType", "customSettings")),
        folders=(
            "App Configuration",
            "App Configuration Policies",
            "AppConfigurationManagedApp",
            "AppConfigurationManagedDevice",
            "mobileAppConfigurations",
            "targetedManagedAppConfigurations",
        ),
        content=contents.APP_CONFIGURATION,
    ),
    PolicyType(
        "powershell_script",
        "PowerShell script",
        _intune("deviceManagement/deviceManagementScripts", by_id=True),
        _SCRIPTS,
        lane=Lane.SCRIPTS,
        platform=PlatformRule.WINDOWS,
        odata_types=_odata("deviceManagementScript"),
        signatures=(_has("displayName", "scriptContent", "enforceSignatureCheck", "runAs32Bit", "fileName"),),
        folders=("PowerShell Scripts", "Powershell", "Device Management Scripts", "Scripts"),
    ),
    PolicyType(
        "shell_script",
        "Shell script",
        _intune("deviceManagement/deviceShellScripts", by_id=True),
        _SCRIPTS,
        lane=Lane.SCRIPTS,
        platform=PlatformRule.MACOS,
        odata_types=_odata("deviceShellScript"),
        signatures=(_has("displayName", "scriptContent", "executionFrequency"),),
        folders=("Shell", "Shell Scripts", "MacScripts", "deviceShellScripts", "macOS Scripts"),
    ),
    PolicyType(
        "health_script",
        "Remediation script",
        _intune("deviceManagement/deviceHealthScripts", by_id=True),
        _SCRIPTS,
        lane=Lane.SCRIPTS,
        platform=PlatformRule.WINDOWS,
        odata_types=_odata("deviceHealthScript"),
        signatures=(_has("displayName", "publisher", "detectionScriptContent", "remediationScriptContent"),),
        folders=("Proactive Remediations", "HealthScripts", "Device Health Scripts", "Remediations"),
    ),
    PolicyType(
        "compliance_script",
        "Compliance script",
        _intune("deviceManagement/deviceComplianceScripts", by_id=True),
        _SCRIPTS,
        lane=Lane.SCRIPTS,
        platform=PlatformRule.WINDOWS,
        odata_types=_odata("deviceComplianceScript"),
        signatures=(_has("displayName", "detectionScriptContent", "publisher"),),
        folders=("Compliance Scripts", "deviceComplianceScripts"),
    ),
    PolicyType(
        "enrollment_configuration",
        "Enrolment configuration",
        _intune("deviceManagement/deviceEnrollmentConfigurations"),
        _SERVICE,
        platform=PlatformRule.ODATA_TYPE,
        odata_types=_odata(
            "windows10EnrollmentCompletionPageConfiguration", "deviceComanagementAuthorityConfiguration"
        ),
        odata_suffixes=(
            "DeviceEnrollmentPlatformRestrictionsConfiguration",
            "DeviceEnrollmentPlatformRestrictionConfiguration",
            "EnrollmentLimitConfiguration",
            "EnrollmentWindowsHelloForBusinessConfiguration",
            "EnrollmentNotificationConfiguration",
            "EnrollmentConfiguration",
        ),
        signatures=(_has("displayName", "priority", "deviceEnrollmentConfigurationType"),),
        folders=(
            "Enrollment Configurations",
            "EnrollmentRestrictions",
            "EnrollmentStatusPage",
            "CoManagementSettings",
            "deviceEnrollmentConfigurations",
        ),
        content=contents.ENROLLMENT,
    ),
    PolicyType(
        "autopilot_profile",
        "Autopilot profile",
        _intune("deviceManagement/windowsAutopilotDeploymentProfiles"),
        _SERVICE,
        platform=PlatformRule.WINDOWS,
        odata_suffixes=("WindowsAutopilotDeploymentProfile",),
        signatures=(
            _has("displayName", "outOfBoxExperienceSettings"),
            _has("displayName", "outOfBoxExperienceSetting"),
        ),
        folders=("Autopilot", "AutoPilot Profiles", "Enrollment Profiles", "windowsAutopilotDeploymentProfiles"),
    ),
    PolicyType(
        "feature_update_profile",
        "Feature update profile",
        _intune("deviceManagement/windowsFeatureUpdateProfiles"),
        _CONFIGURATION,
        platform=PlatformRule.WINDOWS,
        odata_types=_odata("windowsFeatureUpdateProfile"),
        signatures=(_has("displayName", "featureUpdateVersion"),),
        folders=("Feature Updates", "windowsFeatureUpdateProfiles", "Feature Update Profiles"),
        content=contents.FEATURE_UPDATE,
    ),
    PolicyType(
        "quality_update_profile",
        "Quality update profile",
        _intune("deviceManagement/windowsQualityUpdateProfiles"),
        _CONFIGURATION,
        platform=PlatformRule.WINDOWS,
        odata_types=_odata("windowsQualityUpdateProfile"),
        signatures=(_has("displayName", "expeditedUpdateSettings"),),
        folders=("Quality Updates", "windowsQualityUpdateProfiles", "Quality Update Profiles"),
    ),
    PolicyType(
        "driver_update_profile",
        "Driver update profile",
        _intune("deviceManagement/windowsDriverUpdateProfiles"),
        _CONFIGURATION,
        platform=PlatformRule.WINDOWS,
        odata_types=_odata("windowsDriverUpdateProfile"),
        signatures=(_has("displayName", "approvalType", "deploymentDeferralInDays"),),
        folders=("Driver Updates", "DriverUpdateProfiles", "windowsDriverUpdateProfiles"),
        content=contents.DRIVER_UPDATE,
    ),
    PolicyType(
        "assignment_filter",
        "Assignment filter",
        _unassigned("beta/deviceManagement/assignmentFilters"),
        _CONFIGURATION,
        platform=PlatformRule.PLATFORM,
        odata_types=_odata("deviceAndAppManagementAssignmentFilter"),
        signatures=(_has("displayName", "platform", "rule"),),
        folders=("Filters", "Assignment Filters"),
        content=contents.FILTER,
    ),
    PolicyType(
        "scope_tag",
        "Scope tag",
        _intune("deviceManagement/roleScopeTags"),
        _RBAC,
        odata_types=_odata("roleScopeTag"),
        signatures=(_has("displayName", "isBuiltIn", "description"),),
        folders=("Scope Tags", "roleScopeTags"),
    ),
    PolicyType(
        "role_definition",
        "Role definition",
        _unassigned("beta/deviceManagement/roleDefinitions", Part("roleAssignments", in_exports=False)),
        _RBAC,
        odata_types=_odata("roleDefinition", "deviceAndAppManagementRoleDefinition"),
        signatures=(
            _has("displayName", "rolePermissions", "isBuiltIn"),
            # A description, too, and it would be as much a scope tag.
            _has("displayName", "rolePermissions", "isBuiltIn", "description"),
        ),
        folders=("Roles", "Role Definitions"),
        content=contents.ROLE,
    ),
    PolicyType(
        "notification_template",
        "Notification template",
        _unassigned("beta/deviceManagement/notificationMessageTemplates", Part("localizedNotificationMessages")),
        _SERVICE,
        odata_types=_odata("notificationMessageTemplate"),
        signatures=(_has("displayName", "brandingOptions", "defaultLocale"),),
        folders=("Notifications", "Notification Templates", "Message Templates", "notificationMessageTemplates"),
        content=contents.NOTIFICATION,
    ),
    PolicyType(
        "conditional_access",
        "Conditional Access",
        _unassigned("v1.0/identity/conditionalAccess/policies"),
        _POLICY,
        lane=Lane.CONDITIONAL_ACCESS,
        odata_types=_odata("conditionalAccessPolicy"),
        signatures=(_has("displayName", "conditions", "grantControls"), _has("displayName", "state", "conditions")),
        folders=("Conditional Access", "Conditional Access Policies"),
    ),
    *TENANT_TYPES,
)
