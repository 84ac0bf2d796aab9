"""How much a finding matters, by rules anyone can read: the first rule that matches a change decides, security first.

The rules ask what an attacker or an outage would use: who may sign in, what protects a device, what runs on it, whom a policy
reaches, and what stops work for many at once. A weakening and a tightening are equally severe: the one is how an attack begins,
the other how an outage does. A finding is as severe as its most severe change. A tenant may put rules of its own before these.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, Self

from flows.drift.comparison.changes import Change, ChangeKind, Facet


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical, 4 for info."""
        return list(Severity).index(self)

    def at_least(self, other: Self) -> bool:
        return self.rank <= other.rank


def most_severe(levels: Iterable[Severity]) -> Severity:
    return min(levels, key=lambda level: level.rank, default=Severity.INFO)


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """One rule: everything given must match; an empty pattern, or no kinds, matches anything.

    `setting` and `policy_type` are regular expressions searched in the path and the type slug, case ignored; in the names of the
    path's ids as well, since an administrative template knows its settings by GUIDs alone. `change` is what happened at the
    place; `whole` speaks only of a policy that came, went or was made again without a change.
    """

    severity: Severity
    kinds: frozenset[str] = frozenset()
    policy_type: str = ""
    facet: Facet | None = None
    setting: str = ""
    value: str = ""
    change: ChangeKind | None = None
    whole: bool = False
    _patterns: tuple[re.Pattern[str] | None, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        patterns = tuple(
            re.compile(text, re.IGNORECASE) if text else None for text in (self.policy_type, self.setting, self.value)
        )
        object.__setattr__(self, "_patterns", patterns)

    def matches(self, kind: str, policy_type: str, name: str, change: Change | None) -> bool:
        """Whether the rule speaks about this change; `None` stands for the policy coming or going as a whole."""
        of_type, of_setting, of_value = self._patterns
        if (self.kinds and kind not in self.kinds) or (self.whole and change is not None):
            return False
        if self.change is not None and (change is None or change.kind is not self.change):
            return False
        if of_type and not of_type.search(policy_type):
            return False
        if self.facet is not None and (change is None or change.facet is not self.facet):
            return False
        said = [name] if change is None else _said_of(change)
        if of_setting and not any(_speaks_of(of_setting, text) for text in said):
            return False
        return not of_value or (change is not None and bool(of_value.search(f"{change.before} {change.after}")))


@lru_cache(maxsize=20_000)
def _speaks_of(setting: re.Pattern[str], text: str) -> bool:
    """Kept, as one setting changes in many policies, and looking for all the words takes 24 µs."""
    return setting.search(text) is not None


def _said_of(change: Change) -> list[str]:
    path = change.path
    return [path, *(name for one, name in change.extra.get("names", {}).items() if one in path)]


def severity_of(
    kind: str, policy_type: str, name: str, change: Change | None, rules: Sequence[SeverityRule]
) -> Severity:
    """What the first rule that speaks about the change says, or about the policy coming or going (None); `low` if none does."""
    matching = (rule.severity for rule in rules if rule.matches(kind, policy_type, name, change))
    return next(matching, Severity.LOW)


_CAME: Final = frozenset({"policy_added"})
_GONE: Final = frozenset({"policy_removed"})
_PLATFORM: Final = frozenset({"platform_change"})
_SECURITY: Final = (
    # What protects a device and its data.
    r"bitlocker|filevault|encrypt|defender|antivirus|malware|attacksurface|asr[ _-]|firewall|smartscreen|applocker|wdac|"
    r"applicationcontrol|exploit|tamper|secureboot|codeintegrity|tpm|jailbr|rootdetect|threat|safetynet|gatekeeper|"
    r"systemintegrity|systempolicy|systemExtension|kernelExtension|localSecurityOptions|localPoliciesSecurityOptions|"
    r"applicationGuard|deviceguard|dmaguard|networkprotection|controlledfolder|realtimemonitor|exclusion|"
    r"excluded(?:path|extension|process)|macro|unsigned|autoplay|autorun|sampleSharing|privacyAccess|\.tcc\.|"
    # Where its data may leave it.
    r"BlockBackup|cloudBackup|documentSync|managedDocuments|(?:from|to)Unmanaged|airDrop|crossProfile|copyPaste|"
    # Who signs in, how, and with which rights.
    r"credential|lsa|laps|localadmin|administrator|useraccountcontrol|elevat|password|passcode|pin(?:required|length)|mfa|"
    r"authentication|kerberos|ntlm|lanman|insecure|certificate|scep|subject(?:Alternative)?NameFormat|secret|presharedkey|"
    r"users?rights|sudo|biometric|guestAccount|lockout|inactivity|tls|ssl[23]|cipherSuite|"
    # Ways in, what may be installed, who lets go of the device, and what would be seen of it.
    r"removable|(?<!stat)usb|deviceInstallation|pointAndPrint|appBlockTrust|profileBlockChanges|factoryReset|kioskModeExit|"
    r"supervisedMode|profileRemoval|rdp|remotedesktop|remoteassistance|remotemanagement|winrm|remoteshell|smb|wi-?fi_?security|requireSsl|"
    r"developer|debug|unknownSources|sideload|trustedApps|extensioninstall|extensionpolicy|unenroll|scriptblock|executionpolicy|eventlog|audit_"
)
_LOCATION: Final = r"^(?:ipRanges|countriesAndRegions|includeUnknownCountriesAndRegions|isTrusted|countryLookupMethod)"
_TRAFFIC: Final = (
    r"proxy|dnsserver|dnssuffix|^servers?\b|^hostName|onDemandRules|trafficRules|trustedServer|splitTunnel|alwaysOn"
)
_CARRIED: Final = r"^(?:payload|configurationXml|encodedSettingXml)$|DataSharingType$"
_UPDATES: Final = (
    r"pause|featureUpdateVersion|approvalType|automaticUpdateMode|rollback|uninstall|deadline|deferral|forcedReboot|"
    r"updateDelay|updateBehavior|updateServiceAllowed"
)
_REACH: Final = (
    r"transfer|sharing|saveas|clipboard|cutcopy|backup|sync|print|browser|exempt|screenCapture|keyboard|"
    r"periodoffline|action(?:if|when)|wipe|minimum|maximum|^apps"
)

_CODE: Final = r"_script$|^custom_attribute$"
_DIRECTORY: Final = r"^(authorization_policy|authentication_(methods|strength)|security_defaults|cross_tenant_\w+)$"
_HOLDS: Final = (
    r"^(role_\w+|app_control_supplement|hardware_configuration|threat_defense_connector|compliance_partner|"
    r"apns_certificate)$"
)
_INSTALLS: Final = (
    r"CommandLine$|setupFilePath|fileName$|rules?\b|runAs|(?<!information)Url$|committedContentVersion|ScriptContent$"
)
_OTHER_RULE: Final = r"""'membershipRule': ('[^']*'|"[^"]*").*'membershipRule': (?!\1)"""

DEFAULT_RULES: Final[tuple[SeverityRule, ...]] = (
    # Words for people, wherever they are.
    SeverityRule(Severity.INFO, facet=Facet.PROPERTY, setting=r"^(description|displayName|name)$"),
    # A policy that was made again is as severe as what changed in it.
    SeverityRule(Severity.LOW, frozenset({"policy_recreated"}), whole=True),
    # What the service adds says something about the service; what it takes away may have protected something.
    SeverityRule(Severity.MEDIUM, _PLATFORM, setting=_SECURITY, change=ChangeKind.ADDED),
    SeverityRule(Severity.HIGH, _PLATFORM, setting=_SECURITY),
    SeverityRule(Severity.INFO, _PLATFORM),
    # Conditional Access: who may sign in at all, under which condition, and who is exempt.
    SeverityRule(Severity.CRITICAL, _GONE, r"^conditional_access$"),
    SeverityRule(
        Severity.CRITICAL,
        policy_type=r"^conditional_access$",
        setting=r"^(state|grantControls|conditions/(users|applications))",
    ),
    SeverityRule(Severity.HIGH, policy_type=r"^conditional_access$"),
    # The directory's own rules: how people sign in, who may invite whom, which other tenants are trusted.
    SeverityRule(Severity.CRITICAL, policy_type=r"^security_defaults$", setting=r"^isEnabled$"),
    SeverityRule(Severity.HIGH, policy_type=_DIRECTORY),
    # A place that is trusted skips the second factor.
    SeverityRule(Severity.HIGH, policy_type=r"^(unknown|named_location)$", setting=_LOCATION),
    # Roles: who may change all this. Scope tags of a role decide over whom. Beside them: which code App Control lets run,
    # how the firmware is set, which partner's word on a device is believed, and what every Apple device is reached through.
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
    SeverityRule(Severity.HIGH, facet=Facet.SETTING, setting=r"_update_\w*(?:pause|deferral|deadline)"),
    # Settings of a whole tenant: a device without a policy counts as compliant or not, devices are retired, Android is managed.
    SeverityRule(
        Severity.HIGH,
        policy_type=r"^(intune_settings|cleanup_rule|managed_google_play)$",
        setting=r"secureByDefault|compliance|beforeRetirement|bindStatus",
    ),
    # Firewall, antivirus, BitLocker, certificates and the like, in whatever type they are configured.
    SeverityRule(Severity.HIGH, facet=Facet.SETTING, setting=_SECURITY),
    SeverityRule(Severity.HIGH, _CAME | _GONE, setting=_SECURITY),
    SeverityRule(Severity.HIGH, facet=Facet.PROPERTY, setting=_SECURITY),
    # Where a device sends its traffic, and what may hold anything, a root certificate as well.
    SeverityRule(
        Severity.HIGH, policy_type=r"^device_configuration$", facet=Facet.PROPERTY, setting=f"{_TRAFFIC}|{_CARRIED}"
    ),
    SeverityRule(Severity.MEDIUM, policy_type=_CODE),
    # Whom a policy reaches: to exempt somebody is how a protection is lost unseen, to uninstall is an outage for all at once.
    # Another rule of the same group exempts as well, and takes no right to change policies.
    SeverityRule(Severity.HIGH, facet=Facet.ASSIGNMENT, value=r"'exclude'|'intent': 'uninstall'"),
    SeverityRule(Severity.HIGH, facet=Facet.ASSIGNMENT, value=_OTHER_RULE, change=ChangeKind.CHANGED),
    SeverityRule(Severity.MEDIUM, facet=Facet.ASSIGNMENT),
    SeverityRule(Severity.MEDIUM, _GONE),
    SeverityRule(Severity.MEDIUM, facet=Facet.SETTING),
    # What people are told to do may be a way to mislead them.
    SeverityRule(Severity.MEDIUM, policy_type=r"^notification_template$", setting=r"messageTemplate$|subject$"),
    SeverityRule(Severity.MEDIUM, policy_type=r"^branding$", setting=r"^contact|Url$|^onlineSupport"),
    SeverityRule(
        Severity.MEDIUM,
        policy_type=r"^(app|app_protection|app_configuration|device_configuration|enrollment_configuration|autopilot_profile|"
        r"apple_enrollment|policy_set|managed_google_play|template_file|ios_provisioning|intune_settings|cleanup_rule|"
        r"terms_and_conditions|named_location|authentication_context|dep_token|vpp_token|apns_certificate|hotpatch_policy)$|_update_profile$",
    ),
)
