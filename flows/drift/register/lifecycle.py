"""The life of a finding: which state it is in (docs/drift.md), and what a new comparison makes of it. Pure rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from flows.drift.comparison.compare import levels_inside, pair_changes, rated
from flows.drift.comparison.findings import Finding, FindingKind
from flows.drift.comparison.severity import SeverityRule
from flows.drift.comparison.sides import Bodies, PolicyState, Sides


class FindingStatus(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """What is known of a finding before a comparison looks at it again. Hashes are `None` for a side without policy."""

    status: FindingStatus
    value_digest: bytes
    before_hash: bytes | None
    after_hash: bytes | None
    accepted_until: datetime | None = None
    origin_hash: bytes | None = None
    """What was there before the finding began, whatever was accepted since; None where that was not kept."""


@dataclass(frozen=True, slots=True)
class NextState:
    """The state a finding is in now, and the event that says why; no event when nothing happened to it."""

    status: FindingStatus
    event: str | None


def found_again(
    known: KnownFinding,
    value_digest: bytes,
    before_hash: bytes | None,
    after_hash: bytes | None,
    now: datetime,
    undone_digest: bytes = b"",
) -> NextState:
    """What becomes of a known finding whose subject a live comparison found differing again.

    `undone_digest` is that of the finding that what was found takes back: no content tells that of a platform change, and a
    policy that was made again has another id.
    """
    # Equal contents on both sides say the same, too, however a newer canonical form words it.
    same = value_digest == known.value_digest or (
        (before_hash, after_hash) == (known.before_hash, known.after_hash) and before_hash != after_hash
    )
    is_back = _returned(known, after_hash) and before_hash == known.after_hash
    if not same and (is_back or undone_digest == known.value_digest):
        resolved = known.status is not FindingStatus.RESOLVED
        return NextState(FindingStatus.RESOLVED, "returned" if resolved else None)
    if known.status is FindingStatus.RESOLVED:
        return NextState(FindingStatus.OPEN, "reopened")
    if not same:
        return NextState(FindingStatus.OPEN, "moved")
    return _or_expired(known, now)


def reference(known: KnownFinding, verdict: NextState, before_hash: bytes | None) -> bytes | None:
    """The content whose return resolves a finding that was found again; `before_hash` is what this comparison saw before.

    While nobody accepted anything, drift in two steps is drift from where it began: the way back to the middle is none.
    """
    goes_on = verdict.event == "moved" and known.status is not FindingStatus.ACCEPTED
    return known.before_hash if goes_on and before_hash == known.after_hash else before_hash


def not_found(
    known: KnownFinding, current_hash: bytes | None, *, is_known: bool, equals_baseline: bool, now: datetime
) -> NextState:
    """What becomes of a known finding whose subject a live comparison did not report.

    `current_hash` is the policy's content in the current sync, `None` if it has no such policy; `is_known` whether that
    can be believed; `equals_baseline` whether the comparison was against a pinned baseline, so that not differing means
    being as it should.
    """
    if known.status is FindingStatus.RESOLVED:
        return NextState(known.status, None)
    if is_known and (equals_baseline or _returned(known, current_hash)):
        return NextState(FindingStatus.RESOLVED, "returned")
    return _or_expired(known, now)


def _or_expired(known: KnownFinding, now: datetime) -> NextState:
    """As it was, unless its acceptance has run out."""
    if known.status is FindingStatus.ACCEPTED and known.accepted_until is not None and known.accepted_until <= now:
        return NextState(FindingStatus.OPEN, "expired")
    return NextState(known.status, None)


def _returned(known: KnownFinding, current_hash: bytes | None) -> bool:
    """Whether what is there now is what was there before the finding. Both `None`: it came, and is gone again."""
    if current_hash is not None and current_hash == known.origin_hash != known.after_hash:
        return True
    return current_hash == known.before_hash and known.before_hash != known.after_hash


def since_it_began(
    known: KnownFinding, finding: Finding, bodies: Bodies, sides: Sides, rules: Sequence[SeverityRule]
) -> Finding:
    """The finding with everything that differs from what was there before it began; as it is where that is the same.

    A value that goes critical and is followed by a rename is still critical. What somebody accepted is where it begins. Where
    the earlier content is no longer kept, it stays as it is.
    """
    undecided = (FindingStatus.OPEN, FindingStatus.ACKNOWLEDGED)
    goes_on = known.after_hash in (finding.before_hash, finding.after_hash) and known.after_hash is not None
    if finding.kind is not FindingKind.MODIFIED or not goes_on or known.status not in undecided:
        return finding
    is_back = finding.after_hash in (known.before_hash, known.origin_hash)
    if is_back or known.before_hash == finding.before_hash or finding.after_hash is None:
        return finding
    if known.before_hash is None:
        # It came, and was changed before anybody spoke for it: it is still one that came.
        inside = levels_inside(FindingKind.ADDED, [_state(finding, finding.after_hash)], bodies, rules)
        came = replace(finding, kind=FindingKind.ADDED, changes=(), before_hash=None)
        return rated(came, rules, inside.get(finding.policy_id or ""))
    old, new = _state(finding, known.before_hash), _state(finding, finding.after_hash, finding.origin)
    changes = pair_changes(old, new, bodies((known.before_hash, finding.after_hash)), sides)
    return rated(replace(finding, changes=changes, before_hash=known.before_hash), rules) if changes else finding


def _state(finding: Finding, digest: bytes, origin: str = "") -> PolicyState:
    name = finding.policy_name or ""
    return PolicyState(finding.policy_id or "", finding.policy_type, name, None, digest, origin=origin)
