"""What a run can be (see `docs/contracts.md`), what it is shown as, and along which edges it moves. Pure: the recorder
builds its statement from here."""

from enum import StrEnum


class RunStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    ABORTED = "aborted"


class StatusBucket(StrEnum):
    """What a reader sees: derived from status and counts, never set."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"


ACTIVE = frozenset({RunStatus.PENDING, RunStatus.RUNNING})
TERMINAL = frozenset(RunStatus) - ACTIVE
UNFINISHED = frozenset({StatusBucket.QUEUED, StatusBucket.RUNNING})
"""The buckets of active runs, and of no others."""


class ObservedState(StrEnum):
    """What a writer saw happen. FINISHED says nothing of success: the counts decide."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    ABORTED = "aborted"


class AttemptOrder(StrEnum):
    LOWER = "lower"
    SAME = "same"
    HIGHER = "higher"


class Verdict(StrEnum):
    """What became of an observation. Everything but APPLIED leaves the row as it was."""

    APPLIED = "applied"
    REPEATED = "repeated"
    """The row already says so."""
    TERMINAL = "terminal"
    """The same attempt never leaves a terminal state."""
    SUPERSEDED = "superseded"
    """The observation is of an attempt that a later one has replaced."""
    IDENTICAL_ACTIVE = "identical_active"
    """Reopening the run would make a second active run with the same idempotency key."""
    STALE = "stale"
    """Progress that an already stored one is ahead of, or a guess about a row that has moved since it was read."""
    UNKNOWN_RUN = "unknown_run"
    """No such run in this tenant."""


def verdict(stored: RunStatus, observed: ObservedState, order: AttemptOrder) -> Verdict:
    """The one table of the mirror, total: what becomes of an observation.

    A terminal observation of a higher attempt is applied to a terminal row too: its Running was missed.
    """
    if order is AttemptOrder.LOWER:
        return Verdict.SUPERSEDED
    if order is AttemptOrder.HIGHER:
        return Verdict.APPLIED
    if stored in TERMINAL:
        return Verdict.TERMINAL
    if stored is RunStatus.RUNNING and observed is ObservedState.RUNNING:
        return Verdict.REPEATED
    return Verdict.APPLIED


def outcome(succeeded: int, failed: int) -> RunStatus:
    """The status of a run that finished, given the counts of its attempt."""
    if failed == 0:
        return RunStatus.COMPLETED
    return RunStatus.COMPLETED_WITH_ERRORS if succeeded > 0 else RunStatus.FAILED


def bucket_of(status: RunStatus, succeeded: int, failed: int) -> StatusBucket:
    """The bucket of a run. The generated column `operation_runs.bucket` holds the same rule; a test holds them equal."""
    if status is RunStatus.PENDING:
        return StatusBucket.QUEUED
    if status is RunStatus.RUNNING:
        return StatusBucket.RUNNING
    if status in (RunStatus.FAILED, RunStatus.ABORTED):
        return StatusBucket.FAILED
    if failed == 0:
        return StatusBucket.SUCCEEDED
    return StatusBucket.PARTIAL if succeeded > 0 else StatusBucket.FAILED
