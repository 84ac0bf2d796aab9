"""Findings in few words: a change that several policies share told once, and a finding or a change in one line.

"Bit locker enabled: true → false in 6 policies", and who made each. Findings are stored one a policy, so that each has its own
life, author and decision. Only what is shown is grouped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flows._policies.json_shape import GUID
from flows._policies.secrets import is_secret
from flows._policies.tree import dumps
from flows.drift.comparison.findings import FindingKind
from flows.drift.comparison.severity import Severity, most_severe
from flows.drift.reports.shape import in_line

_OF_ONE_POLICY: Final = frozenset({FindingKind.MODIFIED.value, FindingKind.RECREATED.value})
_NAMES_SHOWN: Final = 20
_SAME: Final = ("facet", "path", "change", "before", "after")
_SAID: Final = (*_SAME, "setting", "name", "path_name", "before_name", "after_name", "names", "group", "filter")

Finding = Mapping[str, Any]
Change = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What is shown as one: a finding with the changes that are its own alone, or findings and the change they share.

    `changes` of a group are the same one, in the order of its findings.
    """

    findings: Sequence[Finding]
    changes: Sequence[Change]
    is_group: bool = False

    @property
    def shown(self) -> Sequence[Change]:
        return self.changes[:1] if self.is_group else self.changes

    @property
    def severity(self) -> str:
        levels = [Severity(change.get("severity") or self.findings[0]["severity"]) for change in self.changes]
        return most_severe(levels).value if levels else str(self.findings[0]["severity"])

    @property
    def policy(self) -> str:
        if self.is_group:
            return f"{len(self.findings)} policies"
        one = self.findings[0]
        return one["policy_name"] or f"{len(one.get('policies', ()))} policies"

    @property
    def policies(self) -> str:
        """Whom it is about, each by name where there are several; beyond twenty, how many more."""
        if not self.is_group:
            return self.policy
        names = [str(one["policy_name"]) for one in self.findings]
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        return f"{self.policy}: {', '.join(names[:_NAMES_SHOWN])}{more}"


def told(findings: Sequence[Finding]) -> list[Told]:
    """The findings as they are shown, most severe first: a change that several policies of a type share comes once.

    A finding all of whose changes are shared is told by its groups alone.
    """
    shared = _shared(findings)
    groups = [Told([one for one, _ in pairs], [change for _, change in pairs], True) for pairs in shared.values()]
    taken = {id(change) for group in groups for change in group.changes}
    own = [(one, [change for change in one["changes"] if id(change) not in taken]) for one in findings]
    entries = [*groups, *(Told((one,), left) for one, left in own if left or not one["changes"])]
    return sorted(entries, key=lambda entry: Severity(entry.severity).rank)


def groups_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The groups in the JSON shape of the contract: the change, how severe it is, and the policies it is in."""
    return [
        {
            "policy_type": entry.findings[0]["policy_type"],
            "severity": entry.severity,
            **{key: entry.changes[0][key] for key in _SAID if key in entry.changes[0]},
            "policies": [
                {
                    "finding_id": one["id"],
                    **{key: one[key] for key in ("policy_id", "policy_name", "status", "changed_by") if key in one},
                }
                for one in entry.findings
            ],
        }
        for entry in told(findings)
        if entry.is_group
    ]


def _shared(findings: Sequence[Finding]) -> dict[bytes, list[tuple[Finding, Change]]]:
    found: dict[bytes, dict[str, tuple[Finding, Change]]] = {}
    for one in findings:
        for change in one["changes"] if one["kind"] in _OF_ONE_POLICY else ():
            found.setdefault(_key(one, change), {}).setdefault(one["id"], (one, change))
    return {key: list(pairs.values()) for key, pairs in found.items() if len(pairs) > 1}


def _key(one: Finding, change: Change) -> bytes:
    # What moved is told with where it went, which is one policy's own.
    moved = [change.get("moved_to"), change.get("moved_from")]
    return dumps([one["policy_type"], *(change[key] for key in _SAME), moved])


LONGEST: Final = 300
SHORT: Final = 60
SHORTEST: Final = 40
FIRST_CHANGES: Final = 3
KINDS: Final = {
    "policy_added": "Added",
    "policy_removed": "Removed",
    "policy_modified": "Modified",
    "policy_recreated": "Re-created",
    "platform_change": "Platform change",
}


def title(finding: Mapping[str, Any]) -> str:
    name = finding["policy_name"] or f"{len(finding.get('policies', ()))} policies"
    return f"{name}: {finding['kind'].removeprefix('policy_').replace('_', ' ')}"


def change_line(change: Mapping[str, Any]) -> str:
    """The place by name and by ids, and what differs there."""
    way, path = way_of(change), change["path"] or change["setting"]
    return f"{way if way == path else f'{way} ({path})'}: {in_line(change, LONGEST)}"


def change_words(change: Mapping[str, Any], limit: int = SHORT) -> str:
    """The name people know the setting by, and what differs."""
    return f"{place_of(change)}: {in_line(change, limit)}"


def place_of(change: Mapping[str, Any]) -> str:
    """The setting's name, and the way to it where only that tells which one is meant."""
    name, path = str(change.get("name") or change["setting"]), str(change["path"])
    # A whole assignment says itself whose it is.
    is_told = change["facet"] == "assignment" and path.endswith("]")
    return way_of(change) if ("[" in path and not is_told) or GUID.fullmatch(name) else name


def way_of(change: Mapping[str, Any]) -> str:
    """The whole way to the setting by names, for where there is room."""
    return str(change.get("path_name") or change.get("name") or change["setting"])


def ids_line(change: Mapping[str, Any]) -> str:
    """The ids of options that are shown by name, `before → after`; empty where no id is left out."""
    sides = [(change[word], change.get(f"{word}_name")) for word in ("before", "after")]
    ids = [
        value if isinstance(value, str) and name is not None and value not in name and not is_secret(value) else ""
        for value, name in sides
    ]
    return " → ".join(one or "none" for one in ids) if any(ids) else ""


def some_changes(changes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The first three changes, a line each, and how many more there are."""
    shown = tuple(change_words(change, SHORTEST) for change in changes[:FIRST_CHANGES])
    more = len(changes) - len(shown)
    return (*shown, f"and {more} more") if more > 0 else shown
