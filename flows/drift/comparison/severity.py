"""How much a finding matters, by rules anyone can read: the first rule that matches a change decides, security first.

Five levels, `critical` to `info`. A finding is as severe as its most severe change. A tenant may put rules of its own
before these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from flows.drift.comparison.change import Change, ChangeKind, Facet


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

    `setting` and `policy_type` are regular expressions searched in the path and the type slug, case ignored. `change` is what
    happened at the place; `whole` speaks only of a policy that came, went or was made again without a change.
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
        if of_setting and not of_setting.search(name if change is None else change.path):
            return False
        return not of_value or (change is not None and bool(of_value.search(f"{change.before} {change.after}")))


def severity_of(
    kind: str,
    policy_type: str,
    name: str,
    changes: Sequence[Change],
    rules: Sequence[SeverityRule],
) -> Severity:
    """The severity of a finding: that of its most severe change; `low` for a change no rule speaks about."""
    return most_severe(_first(kind, policy_type, name, change, rules) for change in (changes or (None,)))


def _first(kind: str, policy_type: str, name: str, change: Change | None, rules: Sequence[SeverityRule]) -> Severity:
    return next(
        (rule.severity for rule in rules if rule.matches(kind, policy_type, name, change)),
        Severity.LOW,
    )
