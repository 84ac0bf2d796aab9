"""What becomes of a finding when a comparison looks at it again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.drift.register.life import FindingStatus, Standing, Verdict, found_again, not_found, reference

NOW = datetime(2026, 11, 1, tzinfo=UTC)
A, B, C = b"a" * 32, b"b" * 32, b"c" * 32
OPEN, SEEN, ACCEPTED, RESOLVED = FindingStatus
SAME, OTHER = b"1" * 32, b"2" * 32


def standing(status: FindingStatus, until: datetime | None = None) -> Standing:
    return Standing(status, SAME, A, B, until)


@pytest.mark.parametrize(
    ("status", "digest", "before", "after", "verdict"),
    [
        (OPEN, SAME, A, B, Verdict(OPEN, None)),
        (SEEN, SAME, A, B, Verdict(SEEN, None)),
        (ACCEPTED, SAME, A, B, Verdict(ACCEPTED, None)),
        (RESOLVED, SAME, A, B, Verdict(OPEN, "reopened")),
        (OPEN, OTHER, B, C, Verdict(OPEN, "moved")),
        (SEEN, OTHER, B, C, Verdict(OPEN, "moved")),
        (ACCEPTED, OTHER, B, C, Verdict(OPEN, "moved")),
        (OPEN, OTHER, B, A, Verdict(RESOLVED, "returned")),
        (ACCEPTED, OTHER, B, A, Verdict(RESOLVED, "returned")),
        (RESOLVED, OTHER, B, A, Verdict(RESOLVED, None)),
        # A newer canonical form words the same contents otherwise.
        (ACCEPTED, OTHER, A, B, Verdict(ACCEPTED, None)),
        (SEEN, OTHER, A, B, Verdict(SEEN, None)),
    ],
)
def test_found_again(status: FindingStatus, digest: bytes, before: bytes, after: bytes, verdict: Verdict) -> None:
    assert found_again(standing(status), digest, before, after, NOW) == verdict


def test_an_acceptance_ends_with_its_date() -> None:
    past, future = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
    assert found_again(standing(ACCEPTED, past), SAME, A, B, NOW) == Verdict(OPEN, "expired")
    assert found_again(standing(ACCEPTED, future), SAME, A, B, NOW) == Verdict(ACCEPTED, None)
    gone = not_found(standing(ACCEPTED, past), B, is_known=True, equals_baseline=False, now=NOW)
    assert gone == Verdict(OPEN, "expired")


@pytest.mark.parametrize(
    ("current", "is_known", "pinned", "verdict"),
    [
        (B, True, False, Verdict(OPEN, None)),
        (A, True, False, Verdict(RESOLVED, "returned")),
        (A, False, False, Verdict(OPEN, None)),
        (B, True, True, Verdict(RESOLVED, "returned")),
        (C, True, False, Verdict(OPEN, None)),
    ],
)
def test_not_found(current: bytes, is_known: bool, pinned: bool, verdict: Verdict) -> None:
    assert not_found(standing(OPEN), current, is_known=is_known, equals_baseline=pinned, now=NOW) == verdict


def test_an_added_policy_that_is_gone_again_is_resolved() -> None:
    added = Standing(OPEN, SAME, None, B)
    assert not_found(added, None, is_known=True, equals_baseline=False, now=NOW) == Verdict(RESOLVED, "returned")
    assert not_found(added, None, is_known=False, equals_baseline=False, now=NOW) == Verdict(OPEN, None)


@pytest.mark.parametrize(("status", "wanted"), [(OPEN, A), (SEEN, A), (ACCEPTED, B)])
def test_drift_in_two_steps_is_drift_from_where_it_began_unless_the_first_was_accepted(
    status: FindingStatus, wanted: bytes
) -> None:
    known = standing(status)
    assert reference(known, found_again(known, OTHER, B, C, NOW), B) == wanted


def test_a_comparison_with_another_baseline_says_what_to_return_to() -> None:
    known = standing(OPEN)
    assert reference(known, found_again(known, OTHER, C, B, NOW), C) == C
