"""The types that policies refer to or that hold for a whole tenant: apps, tokens, roles, terms, settings of Intune and Entra.

Each is one declaration: slug, label, where it is, the permission that reads it, and what the service counts in it; the last
table says what exports call them. Parts that other tools do not export are not missing there.
"""

from functools import partial
from typing import Any, Final

from flows._policies.content import Content, names
from flows._policies.type_model import Lane, Part, PolicyType, entry

APPS: Final = "DeviceManagementApps.Read.All"
CONFIGURATION: Final = "DeviceManagementConfiguration.Read.All"
DEVICES: Final = "DeviceManagementManagedDevices.Read.All"
POLICY: Final = "Policy.Read.All"
RBAC: Final = "DeviceManagementRBAC.Read.All"
SCRIPTS: Final = "DeviceManagementScripts.Read.All"
SERVICE: Final = "DeviceManagementServiceConfig.Read.All"

_ASSIGNED: Final = (Part("assignments"),)
_ACCESS: Final = "identity/conditionalAccess"
_apart: Final = partial(Part, in_exports=False)

_EXPORTED: Final = {
    "app": "*App, Applications, Apps, Client Apps, Mobile Apps",
    "app_category": "mobileAppCategory, App Categories",
    "policy_set": "policySet, Policy Sets",
    "app_control_supplement": "windowsDefenderApplicationControlSupplementalPolicy",
    "ios_provisioning": "iosLobAppProvisioningConfiguration",
    "vpp_token": "vppToken, VPP Tokens",
    "branding": "intuneBrandingProfile, Intune Branding, Branding Profiles, Company Branding",
    "terms_and_conditions": "termsAndConditions, Terms and Conditions",
    "dep_token": "depOnboardingSetting",
    "apns_certificate": "applePushNotificationCertificate",
    "apple_enrollment": "appleUserInitiatedEnrollmentProfile, Apple Enrollment Types",
    "threat_defense_connector": "mobileThreatDefenseConnector, Mobile Threat Defense Connectors",
    "compliance_partner": "complianceManagementPartner, Compliance Partners",
    "custom_attribute": "deviceCustomAttributeShellScript, Custom Attributes, Mac Custom Attributes",
    "hotpatch_policy": "windowsQualityUpdatePolicy, Quality Update Policies",
    "hardware_configuration": "hardwareConfiguration, Hardware Configurations",
    "template_file": "groupPolicyUploadedDefinitionFile, ADMX Files",
    "managed_google_play": "androidManagedStoreAccountEnterpriseSettings",
    "intune_settings": "deviceManagementSettings",
    "device_category": "deviceCategory, Device Categories",
    "cleanup_rule": "managedDeviceCleanupRule, Device Clean-up Rules",
    "role_assignment": "deviceAndAppManagementRoleAssignment, Role Assignments",
    "named_location": "ipNamedLocation countryNamedLocation, Named Locations",
    "authentication_context": "authenticationContextClassReference, Authentication Context, Authentication Contexts",
    "authentication_strength": "authenticationStrengthPolicy, Authentication Strengths",
    "authorization_policy": "authorizationPolicy",
    "authentication_methods": "authenticationMethodsPolicy",
    "security_defaults": "identitySecurityDefaultsEnforcementPolicy",
    "cross_tenant_default": "crossTenantAccessPolicyConfigurationDefault",
    "cross_tenant_partner": "crossTenantAccessPolicyConfigurationPartner",
}
"""Slug → its `@odata.type`s (`*` before the ending of a family), then the folders that tools put them in."""


def _type(slug: str, label: str, path: str, permission: str, *parts: Part, kept: str = "", **more: Any) -> PolicyType:
    named, _, folders = _EXPORTED[slug].partition(", ")
    content = Content(kept=names(kept))
    return entry(slug, label, path, permission, *parts, odata=named, folders=folders, content=content, **more)


def _app(slug: str, label: str, path: str, *parts: Part, **more: Any) -> PolicyType:
    return _type(slug, label, f"beta/deviceAppManagement/{path}", APPS, *parts, **more)


def _device(slug: str, label: str, path: str, permission: str, *parts: Part, **more: Any) -> PolicyType:
    return _type(slug, label, f"beta/deviceManagement/{path}", permission, *parts, **more)


def _entra(slug: str, label: str, path: str, *parts: Part, lane: Lane = Lane.DIRECTORY, **more: Any) -> PolicyType:
    return _type(slug, label, f"v1.0/{path}", POLICY, *parts, lane=lane, **more)


_APP_COUNTS: Final = (
    "publishingState uploadState size totalLicenseCount dependentAppCount supersedingAppCount supersededAppCount"
)
_SEEN: Final = "partnerState lastHeartbeatDateTime"
_SYNCED: Final = "lastSyncTriggeredDateTime lastSyncErrorCode syncedDeviceCount"

# fmt: off
TENANT_TYPES: Final[tuple[PolicyType, ...]] = (
    _app("app", "App", "mobileApps", *_ASSIGNED, kept=_APP_COUNTS),
    _app("app_category", "App category", "mobileAppCategories", only_named=True),
    _app("policy_set", "Policy set", "policySets", _apart("items"), *_ASSIGNED,
         kept="status errorCode items/status items/errorCode"),
    _app("app_control_supplement", "App Control supplement", "wdacSupplementalPolicies", *_ASSIGNED),
    _app("ios_provisioning", "iOS provisioning profile", "iosLobAppProvisioningConfigurations", *_ASSIGNED),
    _app("vpp_token", "Apple VPP token", "vppTokens", kept="lastSyncStatus tokenActionResults"),
    _device("branding", "Company branding", "intuneBrandingProfiles", APPS, *_ASSIGNED, name_property="profileName"),
    _device("terms_and_conditions", "Terms and conditions", "termsAndConditions", SERVICE, *_ASSIGNED),
    _device("dep_token", "Apple DEP token", "depOnboardingSettings", SERVICE, _apart("enrollmentProfiles"),
            name_property="tokenName", kept=_SYNCED),
    _device("apns_certificate", "Apple push certificate", "applePushNotificationCertificate", SERVICE,
            single=True, name_property="appleIdentifier"),
    _device("apple_enrollment", "Apple enrolment profile", "appleUserInitiatedEnrollmentProfiles", SERVICE, *_ASSIGNED),
    _device("threat_defense_connector", "Threat defence connector", "mobileThreatDefenseConnectors", SERVICE,
            kept=_SEEN),
    _device("compliance_partner", "Compliance partner", "complianceManagementPartners", SERVICE, kept=_SEEN),
    _device("custom_attribute", "Custom attribute", "deviceCustomAttributeShellScripts", SCRIPTS, *_ASSIGNED,
            by_id=True, only_by_id=("scriptContent",), lane=Lane.SCRIPTS),
    _device("hotpatch_policy", "Quality update policy", "windowsQualityUpdatePolicies", CONFIGURATION, *_ASSIGNED),
    _device("hardware_configuration", "Hardware configuration", "hardwareConfigurations", CONFIGURATION, *_ASSIGNED,
            by_id=True, only_by_id=("configurationFileContent",)),
    _device("template_file", "Uploaded template file", "groupPolicyUploadedDefinitionFiles", CONFIGURATION,
            kept="status uploadDateTime"),
    _device("managed_google_play", "Managed Google Play", "androidManagedStoreAccountEnterpriseSettings", CONFIGURATION,
            single=True, kept="lastAppSyncDateTime lastAppSyncStatus"),
    _device("intune_settings", "Intune settings", "settings", CONFIGURATION, single=True),
    _device("device_category", "Device category", "deviceCategories", DEVICES),
    _device("cleanup_rule", "Device clean-up rule", "managedDeviceCleanupRules", DEVICES),
    _device("role_assignment", "Role assignment", "roleAssignments", RBAC, _apart("roleScopeTags"), by_id=True),
    _entra("named_location", "Named location", f"{_ACCESS}/namedLocations", lane=Lane.CONDITIONAL_ACCESS),
    _entra("authentication_context", "Authentication context", f"{_ACCESS}/authenticationContextClassReferences"),
    _entra("authentication_strength", "Authentication strength", "policies/authenticationStrengthPolicies",
           _apart("combinationConfigurations")),
    _entra("authorization_policy", "Authorization policy", "policies/authorizationPolicy", single=True),
    _entra("authentication_methods", "Authentication methods", "policies/authenticationMethodsPolicy", single=True),
    _entra("security_defaults", "Security defaults", "policies/identitySecurityDefaultsEnforcementPolicy", single=True),
    _entra("cross_tenant_default", "Cross-tenant access, default", "policies/crossTenantAccessPolicy/default",
           single=True),
    _entra("cross_tenant_partner", "Cross-tenant access of a partner", "policies/crossTenantAccessPolicy/partners",
           id_property="tenantId", name_property="tenantId"),
)
# fmt: on
