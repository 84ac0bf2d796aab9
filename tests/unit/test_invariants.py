"""A row may differ from Prefect in one case: a Retry that ended before it began."""

from __future__ import annotations

import pytest

from tests.acceptance.faults.invariants import end_of_last_begun


@pytest.mark.parametrize(
    ("kinds", "end"),
    [
        ("SCHEDULED PENDING RUNNING FAILED SCHEDULED CANCELLED", "FAILED"),
        ("SCHEDULED PENDING RUNNING CRASHED SCHEDULED PENDING CANCELLED", "CRASHED"),
        ("SCHEDULED RUNNING FAILED SCHEDULED RUNNING COMPLETED SCHEDULED CANCELLED", "COMPLETED"),
        # The relay told of an end before the flow began: that was the first attempt's.
        ("SCHEDULED PENDING PENDING CRASHED SCHEDULED CANCELLED", "CRASHED"),
        # Set to another end by hand, which is what was tried again.
        ("SCHEDULED PENDING RUNNING COMPLETED CRASHED SCHEDULED CANCELLED", "CRASHED"),
        ("SCHEDULED PENDING SCHEDULED PENDING CANCELLED", ""),
        # The second attempt ran: its own end counts.
        ("SCHEDULED RUNNING FAILED SCHEDULED RUNNING CANCELLED", ""),
        ("SCHEDULED RUNNING FAILED CANCELLED", ""),
        ("SCHEDULED RUNNING CANCELLING CANCELLED", ""),
        ("SCHEDULED RUNNING SCHEDULED CANCELLED", ""),
        ("SCHEDULED CANCELLED", ""),
        ("", ""),
    ],
)
def test_only_a_retry_that_never_began_leaves_the_end_before(kinds: str, end: str) -> None:
    assert end_of_last_begun(kinds.split()) == end
