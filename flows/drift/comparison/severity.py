"""How much a finding matters, by rules anyone can read: the first rule that matches a change decides, security first.

Five levels, `critical` to `info`. A finding is as severe as its most severe change. A tenant may put rules of its own
before these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from flows.drift.comparison.change import Change, Facet


class Severity(StrEnum):
    """Five levels, most severe first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical, 4 for info."""
        return list(Severity).index(self)

    def at_least(self, other: Severity) -> bool:
        """Whether this level is `other` or more severe."""
        return self.rank <= other.rank


def most_severe(levels: Iterable[Severity]) -> Severity:
    """The most severe of the levels; `info` when there is none."""
    return min(levels, key=lambda level: level.rank, default=Severity.INFO)


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """One rule: everything given must match; an empty pattern, or no kinds, matches anything.

    `setting` and `policy_type` are regular expressions searched in the path and the type slug, case ignored.
    """

    severity: Severity
    kinds: frozenset[str] = frozenset()
    policy_type: str = ""
    facet: Facet | None = None
    setting: str = ""
    value: str = ""
    _patterns: tuple[re.Pattern[str] | None, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        patterns = tuple(
            re.compile(text, re.IGNORECASE) if text else None for text in (self.policy_type, self.setting, self.value)
        )
        object.__setattr__(self, "_patterns", patterns)

    def matches(self, kind: str, policy_type: str, name: str, change: Change | None) -> bool:
        """Whether the rule speaks about this change; `None` stands for the policy coming or going as a whole."""
        of_type, of_setting, of_value = self._patterns
        if self.kinds and kind not in self.kinds:
            return False
        if of_type and not of_type.search(policy_type):
            return False
        if self.facet is not None and (change is None or change.facet is not self.facet):
            return False
        if of_setting and not of_setting.search(name if change is None else change.path):
            return False
        return not of_value or (change is not None and bool(of_value.search(f"{change.before} {change.after}")))


_WHOLE: Final = frozenset({"policy_added", "policy_removed"})
_GONE: Final = frozenset({"policy_removed"})
_SECURITY: Final = (
    r"bitlocker|filevault|encrypt|defender|antivirus|malware|attacksurface|asr[ _-]|firewall|credentialguard|lsa|laps|"
    r"localadmin|smartscreen|applocker|wdac|applicationcontrol|exploit|tamper|secureboot|codeintegrity|tpm|password|"
    r"passcode|pin(?:required|length)|mfa|authentication|jailbr|rootdetect|threat|safetynet|gatekeeper|"
    r"systemintegrity|deviceguard|networkprotection|controlledfolder|certificate|secret|presharedkey|usersrights|userrights"
)

DEFAULT_RULES: Final[tuple[SeverityRule, ...]] = (
    # Who may sign in at all, and who is exempt.
    SeverityRule(Severity.CRITICAL, _GONE, "^conditional_access$"),
    SeverityRule(
        Severity.CRITICAL, policy_type="^conditional_access$", setting=r"^(state|grantControls|conditions/users)"
    ),
    SeverityRule(Severity.HIGH, policy_type="^conditional_access$"),
    # A platform change says something about the service, not about the tenant.
    SeverityRule(Severity.MEDIUM, frozenset({"platform_change"}), setting=_SECURITY),
    SeverityRule(Severity.INFO, frozenset({"platform_change"})),
    SeverityRule(Severity.LOW, frozenset({"policy_recreated"})),
    # Cosmetics, wherever they are.
    SeverityRule(Severity.INFO, facet=Facet.PROPERTY, setting=r"^(description|displayName|name)$"),
    SeverityRule(Severity.HIGH, policy_type=r"^(compliance|settings_catalog_compliance|endpoint_security_intent)$"),
    SeverityRule(Severity.HIGH, _GONE, r"^(app_protection|role_definition)$"),
    SeverityRule(Severity.HIGH, policy_type=r"^role_definition$"),
    SeverityRule(Severity.HIGH, facet=Facet.SETTING, setting=_SECURITY),
    SeverityRule(Severity.HIGH, _WHOLE, setting=_SECURITY),
    SeverityRule(Severity.HIGH, facet=Facet.PROPERTY, setting=_SECURITY),
    # Code that runs on every device.
    SeverityRule(Severity.HIGH, policy_type=r"_script$", setting=r"[sS]criptContent$"),
    SeverityRule(Severity.MEDIUM, policy_type=r"_script$"),
    SeverityRule(Severity.HIGH, facet=Facet.ASSIGNMENT, value=r"'exclude'"),
    SeverityRule(Severity.MEDIUM, facet=Facet.ASSIGNMENT),
    SeverityRule(Severity.MEDIUM, _GONE),
    SeverityRule(Severity.MEDIUM, facet=Facet.SETTING),
    SeverityRule(Severity.MEDIUM, policy_type=r"^(app_protection|app_configuration|device_configuration)$"),
    SeverityRule(Severity.LOW, facet=Facet.SCOPE_TAG),
)


def severity_of(
    kind: str,
    policy_type: str,
    name: str,
    changes: Sequence[Change],
    rules: Sequence[SeverityRule] = DEFAULT_RULES,
) -> Severity:
    """The severity of a finding: that of its most severe change; `low` for a change no rule speaks about."""
    return most_severe(_first(kind, policy_type, name, change, rules) for change in (changes or (None,)))


def _first(kind: str, policy_type: str, name: str, change: Change | None, rules: Sequence[SeverityRule]) -> Severity:
    return next(
        (rule.severity for rule in rules if rule.matches(kind, policy_type, name, change)),
        Severity.LOW,
    )
