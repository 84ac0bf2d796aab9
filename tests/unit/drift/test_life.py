"""What becomes of a finding when a comparison looks at it again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.drift.comparison.findings import Finding, FindingKind
from flows.drift.comparison.severity import DEFAULT_RULES, Severity
from flows.drift.comparison.sides import WHOLE
from flows.drift.register.lifecycle import (
    FindingStatus,
    KnownFinding,
    NextState,
    found_again,
    not_found,
    reference,
    since_it_began,
)
from tests.support.drift_inputs import cat, sim

NOW = datetime(2026, 11, 1, tzinfo=UTC)
A, B, C = b"a" * 32, b"b" * 32, b"c" * 32
OPEN, SEEN, ACCEPTED, RESOLVED = FindingStatus
SAME, OTHER = b"1" * 32, b"2" * 32


def standing(status: FindingStatus, until: datetime | None = None) -> KnownFinding:
    return KnownFinding(status, SAME, A, B, until)


@pytest.mark.parametrize(
    ("status", "digest", "before", "after", "verdict"),
    [
        (OPEN, SAME, A, B, NextState(OPEN, None)),
        (SEEN, SAME, A, B, NextState(SEEN, None)),
        (ACCEPTED, SAME, A, B, NextState(ACCEPTED, None)),
        (RESOLVED, SAME, A, B, NextState(OPEN, "reopened")),
        (OPEN, OTHER, B, C, NextState(OPEN, "moved")),
        (SEEN, OTHER, B, C, NextState(OPEN, "moved")),
        (ACCEPTED, OTHER, B, C, NextState(OPEN, "moved")),
        (OPEN, OTHER, B, A, NextState(RESOLVED, "returned")),
        (ACCEPTED, OTHER, B, A, NextState(RESOLVED, "returned")),
        (RESOLVED, OTHER, B, A, NextState(RESOLVED, None)),
        # A newer canonical form words the same contents otherwise.
        (ACCEPTED, OTHER, A, B, NextState(ACCEPTED, None)),
        (SEEN, OTHER, A, B, NextState(SEEN, None)),
    ],
)
def test_found_again(status: FindingStatus, digest: bytes, before: bytes, after: bytes, verdict: NextState) -> None:
    assert found_again(standing(status), digest, before, after, NOW) == verdict


def test_an_acceptance_ends_with_its_date() -> None:
    past, future = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
    assert found_again(standing(ACCEPTED, past), SAME, A, B, NOW) == NextState(OPEN, "expired")
    assert found_again(standing(ACCEPTED, future), SAME, A, B, NOW) == NextState(ACCEPTED, None)
    gone = not_found(standing(ACCEPTED, past), B, is_known=True, equals_baseline=False, now=NOW)
    assert gone == NextState(OPEN, "expired")


@pytest.mark.parametrize(
    ("current", "is_known", "pinned", "verdict"),
    [
        (B, True, False, NextState(OPEN, None)),
        (A, True, False, NextState(RESOLVED, "returned")),
        (A, False, False, NextState(OPEN, None)),
        (B, True, True, NextState(RESOLVED, "returned")),
        (C, True, False, NextState(OPEN, None)),
    ],
)
def test_not_found(current: bytes, is_known: bool, pinned: bool, verdict: NextState) -> None:
    assert not_found(standing(OPEN), current, is_known=is_known, equals_baseline=pinned, now=NOW) == verdict


def test_an_added_policy_that_is_gone_again_is_resolved() -> None:
    added = KnownFinding(OPEN, SAME, None, B)
    assert not_found(added, None, is_known=True, equals_baseline=False, now=NOW) == NextState(RESOLVED, "returned")
    assert not_found(added, None, is_known=False, equals_baseline=False, now=NOW) == NextState(OPEN, None)


@pytest.mark.parametrize(("status", "wanted"), [(OPEN, A), (SEEN, A), (ACCEPTED, B)])
def test_drift_in_two_steps_is_drift_from_where_it_began_unless_the_first_was_accepted(
    status: FindingStatus, wanted: bytes
) -> None:
    known = standing(status)
    assert reference(known, found_again(known, OTHER, B, C, NOW), B) == wanted


def test_a_comparison_with_another_baseline_says_what_to_return_to() -> None:
    known = standing(OPEN)
    assert reference(known, found_again(known, OTHER, C, B, NOW), C) == C


def test_a_policy_that_came_and_changed_is_as_severe_as_what_it_configures() -> None:
    body = cat(1, sim("device_vendor_msft_policy_config_defender_excludedpaths", "c:"))
    finding = Finding(
        FindingKind.MODIFIED, body["id"], "P", "settings_catalog", Severity.LOW, before_hash=B, after_hash=C
    )
    known = KnownFinding(OPEN, SAME, None, B, None)
    came = since_it_began(known, finding, lambda wanted: dict.fromkeys(wanted, body), WHOLE, DEFAULT_RULES)
    assert (came.kind, came.severity, came.changes) == (FindingKind.ADDED, Severity.HIGH, ())
