"""The rules of severity every tenant starts with, read top down: what an attacker or an outage would use comes first.

They ask who may sign in, what protects a device, what runs on it, whom a policy reaches, and what stops work for many at
once. A weakening and a tightening are equally severe: the one is how an attack begins, the other how an outage does.
"""

from __future__ import annotations

from typing import Final

from flows.drift.comparison.change import ChangeKind, Facet
from flows.drift.comparison.severity import Severity, SeverityRule

_CAME: Final = frozenset({"policy_added"})
_GONE: Final = frozenset({"policy_removed"})
_WHOLE: Final = _CAME | _GONE
_RECREATED: Final = frozenset({"policy_recreated"})
_PLATFORM: Final = frozenset({"platform_change"})
_SECURITY: Final = (
    r"bitlocker|filevault|encrypt|defender|antivirus|malware|attacksurface|asr[ _-]|firewall|credentialguard|lsa|laps|"
    r"localadmin|smartscreen|applocker|wdac|applicationcontrol|exploit|tamper|secureboot|codeintegrity|tpm|password|"
    r"passcode|pin(?:required|length)|mfa|authentication|jailbr|rootdetect|threat|safetynet|gatekeeper|"
    r"systemintegrity|deviceguard|networkprotection|controlledfolder|certificate|secret|presharedkey|usersrights|userrights|"
    r"realtimemonitor|exclusion|excluded(?:path|extension|process)|administrator|rdp|remotedesktop|smb|macro|unsigned|sudo"
)
_LOCATION: Final = r"^(?:ipRanges|countriesAndRegions|includeUnknownCountriesAndRegions|isTrusted)"
_TRAFFIC: Final = r"proxy|dnsserver|dnssuffix|^servers?\b|onDemandRules|trafficRules|trustedServer"
_UPDATES: Final = r"Paused|featureUpdateVersion|approvalType|automaticUpdateMode|rollback|uninstall|deadline"
_REACH: Final = (
    r"transfer|sharing|saveas|clipboard|cutcopy|backup|periodoffline|action(?:if|when)|wipe|minimum|maximum|^apps"
)

_CODE: Final = r"_script$|^custom_attribute$"
_DIRECTORY: Final = r"^(authorization_policy|authentication_(methods|strength)|security_defaults|cross_tenant_\w+)$"
_HOLDS: Final = (
    r"^(role_\w+|app_control_supplement|hardware_configuration|threat_defense_connector|compliance_partner)$"
)
_INSTALLS: Final = r"CommandLine$|setupFilePath|fileName$|rules?\b|runAs|Url$|committedContentVersion|ScriptContent$"

DEFAULT_RULES: Final[tuple[SeverityRule, ...]] = (
    # Words for people, wherever they are.
    SeverityRule(Severity.INFO, facet=Facet.PROPERTY, setting=r"^(description|displayName|name)$"),
    # A policy that was made again is as severe as what changed in it.
    SeverityRule(Severity.LOW, _RECREATED, whole=True),
    # What the service adds says something about the service; what it takes away may have protected something.
    SeverityRule(Severity.MEDIUM, _PLATFORM, setting=_SECURITY, change=ChangeKind.ADDED),
    SeverityRule(Severity.HIGH, _PLATFORM, setting=_SECURITY),
    SeverityRule(Severity.INFO, _PLATFORM),
    # Conditional Access: who may sign in at all, under which condition, and who is exempt.
    SeverityRule(Severity.CRITICAL, _GONE, r"^conditional_access$"),
    SeverityRule(
        Severity.CRITICAL, policy_type=r"^conditional_access$", setting=r"^(state|grantControls|conditions/users)"
    ),
    SeverityRule(Severity.HIGH, policy_type=r"^conditional_access$"),
    # The directory's own rules: how people sign in, who may invite whom, which other tenants are trusted.
    SeverityRule(Severity.CRITICAL, policy_type=r"^security_defaults$", setting=r"^isEnabled$"),
    SeverityRule(Severity.HIGH, policy_type=_DIRECTORY),
    # A place that is trusted skips the second factor.
    SeverityRule(Severity.HIGH, policy_type=r"^(unknown|named_location)$", setting=_LOCATION),
    # Roles: who may change all this. Scope tags of a role decide over whom. Beside them: which code App Control lets run,
    # how the firmware is set, and which partner's word on a device is believed.
    SeverityRule(Severity.HIGH, policy_type=_HOLDS),
    # Compliance opens Conditional Access; whom it does not reach counts as compliant.
    SeverityRule(Severity.HIGH, policy_type=r"^(compliance|settings_catalog_compliance|endpoint_security_intent)$"),
    # Code that runs on every device, as whom, and whether it must be signed.
    SeverityRule(Severity.HIGH, _CAME, _CODE),
    SeverityRule(
        Severity.HIGH,
        policy_type=_CODE + r"|^unknown$",
        setting=r"ScriptContent$|rulesContent$|runAs|enforceSignature|fileName$",
    ),
    # An app is installed as the system: its command lines, its content and where that comes from.
    SeverityRule(Severity.HIGH, policy_type=r"^app$", facet=Facet.PROPERTY, setting=_INSTALLS),
    # Enrolment: which devices come in, and with which sign-in they are opened.
    SeverityRule(
        Severity.HIGH, policy_type=r"^enrollment_configuration$", setting=r"block|minimum|maximum|pin|^state$|security"
    ),
    SeverityRule(Severity.HIGH, policy_type=r"^autopilot_profile$", setting=r"userType|joinType|hideEscape"),
    # A filter decides whom every policy that uses it reaches.
    SeverityRule(Severity.HIGH, policy_type=r"^assignment_filter$", setting=r"^(rule|platform)"),
    SeverityRule(Severity.HIGH, _GONE, r"^(app_protection|role_definition|assignment_filter)$"),
    # App protection: where the data may go, who may open it, which apps are covered.
    SeverityRule(Severity.HIGH, policy_type=r"^app_protection$", facet=Facet.PROPERTY, setting=_REACH),
    # Updates: a pause leaves holes open, a jump to another version stops work for all at once.
    SeverityRule(
        Severity.HIGH, policy_type=r"_update_profile$|^device_configuration$", facet=Facet.PROPERTY, setting=_UPDATES
    ),
    # Firewall, antivirus, BitLocker, certificates and the like, in whatever type they are configured.
    SeverityRule(Severity.HIGH, facet=Facet.SETTING, setting=_SECURITY),
    SeverityRule(Severity.HIGH, _WHOLE, setting=_SECURITY),
    SeverityRule(Severity.HIGH, facet=Facet.PROPERTY, setting=_SECURITY),
    # Where a device sends its traffic.
    SeverityRule(Severity.HIGH, policy_type=r"^device_configuration$", facet=Facet.PROPERTY, setting=_TRAFFIC),
    SeverityRule(Severity.MEDIUM, policy_type=_CODE),
    # Whom a policy reaches: to exempt somebody is how a protection is lost unseen.
    SeverityRule(Severity.HIGH, facet=Facet.ASSIGNMENT, value=r"'exclude'"),
    SeverityRule(Severity.MEDIUM, facet=Facet.ASSIGNMENT),
    SeverityRule(Severity.MEDIUM, _GONE),
    SeverityRule(Severity.MEDIUM, facet=Facet.SETTING),
    # What people are told to do may be a way to mislead them.
    SeverityRule(Severity.MEDIUM, policy_type=r"^notification_template$", setting=r"messageTemplate$|subject$"),
    SeverityRule(
        Severity.MEDIUM,
        policy_type=r"^(app|app_protection|app_configuration|device_configuration|enrollment_configuration|autopilot_profile|"
        r"apple_enrollment|policy_set|managed_google_play|template_file|ios_provisioning|intune_settings|cleanup_rule|"
        r"terms_and_conditions|named_location|authentication_context|dep_token|vpp_token|apns_certificate)$",
    ),
    SeverityRule(Severity.MEDIUM, policy_type=r"_update_profile$|^hotpatch_policy$"),
    SeverityRule(Severity.LOW, facet=Facet.SCOPE_TAG),
)
