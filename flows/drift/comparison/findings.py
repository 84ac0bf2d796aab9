"""A finding: one policy (or one platform) that differs between two syncs, and what differs in it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flows._policies.tree import dumps
from flows.drift.comparison.changes import Change
from flows.drift.comparison.severity import Severity


class FindingKind(StrEnum):
    ADDED = "policy_added"
    REMOVED = "policy_removed"
    MODIFIED = "policy_modified"
    RECREATED = "policy_recreated"
    PLATFORM = "platform_change"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. For a platform change `policy_id` and `policy_name` are None and `policies` lists whom it touches.

    `changes` is empty for a policy that came or went: what it configures is its content, which the sync keeps and the
    hashes lead to.
    """

    kind: FindingKind
    policy_id: str | None
    policy_name: str | None
    policy_type: str
    severity: Severity
    changes: tuple[Change, ...] = ()
    previous_policy_id: str | None = None
    policies: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    before_hash: bytes | None = None
    after_hash: bytes | None = None
    origin: str = ""
    """Where what is there now was read."""

    @property
    def subject(self) -> str:
        """What the finding is about, stable from sync to sync: the policy, or the place a platform change touches."""
        if self.kind is FindingKind.PLATFORM:
            change = self.changes[0]
            return f"platform:{self.policy_type}:{change.facet}:{change.path}"
        return f"policy:{self.policy_id}"

    @property
    def value_digest(self) -> bytes:
        """The SHA-256 of what was found: equal for two findings that say the same of the same subject."""
        return self._digest(self.policy_id, self.previous_policy_id, [change.signature for change in self.changes])

    @property
    def undone_digest(self) -> bytes:
        """The digest of the finding that this one takes back: made again the other way round, or gone from everywhere again."""
        ids = (self.previous_policy_id, self.policy_id) if self.previous_policy_id else (self.policy_id, None)
        signatures = (change.signature for change in self.changes)
        return self._digest(*ids, [(facet, path, after, before) for facet, path, before, after in signatures])

    def _digest(
        self, policy_id: str | None, previous: str | None, signatures: list[tuple[str, str, bytes, bytes]]
    ) -> bytes:
        said = [self.kind.value, policy_id, previous, sorted([list(map(str, one)) for one in signatures])]
        return hashlib.sha256(dumps(said)).digest()

    @property
    def about(self) -> dict[str, str | None]:
        """What it is and of which policy, by the names that the register's tables and the contract have for it."""
        names = ("policy_id", "policy_name", "policy_type")
        about = {name: getattr(self, name) for name in names}
        return {"kind": self.kind.value, **about, "severity": self.severity.value}

    @property
    def rest(self) -> dict[str, Any]:
        """What only some findings have, by the same names."""
        lists = {"policies": list(self.policies), "notes": list(self.notes)}
        return {"previous_policy_id": self.previous_policy_id, **lists}

    def changes_json(self) -> list[dict[str, Any]]:
        return [change.as_json() for change in self.changes]

    def as_json(self, finding_id: str, run_id: str | None) -> dict[str, Any]:
        """A finding that is open, in the JSON shape of the contract."""
        more = {name: value for name, value in self.rest.items() if value}
        return {
            "id": finding_id,
            "run_id": run_id,
            **self.about,
            "status": "open",
            "changes": self.changes_json(),
            **more,
        }


@dataclass(frozen=True, slots=True)
class Withheld:
    """How many policies of a type are not compared, or not believed to have come or gone, because a side did not read them.

    With `part`, so many policies are compared but for that part.
    """

    policy_type: str
    count: int
    reason_code: str
    part: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The JSON shape of the contract."""
        told = {"policy_type": self.policy_type, "count": self.count, "reason_code": self.reason_code}
        return {**told, "part": self.part} if self.part else told


@dataclass(frozen=True, slots=True)
class Comparison:
    findings: Sequence[Finding]
    withheld: Sequence[Withheld] = field(default_factory=tuple[Withheld, ...])
