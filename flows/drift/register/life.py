"""The life of a finding: which state it is in, and what a new comparison makes of it. Pure rules.

- `open`: found, and nobody has spoken for it. Leaves by a decision, or when a later sync shows the earlier value again.
- `acknowledged`: somebody has seen it and is at it. Opens again when the value moves.
- `accepted`: it is as it should be, says an owner with a reason, for this value and until a date if one is given. Opens
  again when the value moves or the date has passed.
- `resolved`: a later sync shows what was there before. Opens again when that is found once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FindingStatus(StrEnum):
    """Where a finding stands."""

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
    known: KnownFinding, value_digest: bytes, before_hash: bytes | None, after_hash: bytes | None, now: datetime
) -> NextState:
    """What becomes of a known finding whose subject a live comparison found differing again."""
    # Equal contents on both sides say the same, too, however a newer canonical form words it.
    same = value_digest == known.value_digest or (
        (before_hash, after_hash) == (known.before_hash, known.after_hash) and before_hash != after_hash
    )
    if not same and _returned(known, after_hash) and before_hash == known.after_hash:
        resolved = known.status is not FindingStatus.RESOLVED
        return NextState(FindingStatus.RESOLVED, "returned" if resolved else None)
    if known.status is FindingStatus.RESOLVED:
        return NextState(FindingStatus.OPEN, "reopened")
    if known.status is FindingStatus.ACCEPTED:
        if not same:
            return NextState(FindingStatus.OPEN, "moved")
        if _expired(known, now):
            return NextState(FindingStatus.OPEN, "expired")
        return NextState(FindingStatus.ACCEPTED, None)
    if not same:
        return NextState(FindingStatus.OPEN, "moved")
    return NextState(known.status, None)


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
    if known.status is FindingStatus.ACCEPTED and _expired(known, now):
        return NextState(FindingStatus.OPEN, "expired")
    return NextState(known.status, None)


def _returned(known: KnownFinding, current_hash: bytes | None) -> bool:
    """Whether what is there now is what was there before the finding. Both `None`: it came, and is gone again."""
    if current_hash is not None and current_hash == known.origin_hash != known.after_hash:
        return True
    return current_hash == known.before_hash and known.before_hash != known.after_hash


def _expired(known: KnownFinding, now: datetime) -> bool:
    return known.accepted_until is not None and known.accepted_until <= now
