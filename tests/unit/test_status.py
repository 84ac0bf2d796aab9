"""The states: total functions, and documents that say the same as the code."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from runstore.runs.status import (
    ACTIVE,
    TERMINAL,
    UNFINISHED,
    AttemptOrder,
    ObservedState,
    RunStatus,
    StatusBucket,
    Verdict,
    bucket_of,
    outcome,
    verdict,
)
from tests.support.runs import status_after


def test_every_status_is_active_or_terminal() -> None:
    assert set(RunStatus) == ACTIVE | TERMINAL
    assert not ACTIVE & TERMINAL


def test_the_table_in_the_docs_is_the_table_of_the_code(repository: Path) -> None:
    """Cell by cell, so that none can be altered in one of the two alone."""
    text = (repository / "docs/reliability.md").read_text()
    lines = [line for line in text.splitlines() if re.match(r"\| `\w+` \|", line)]
    written = {
        RunStatus(cells[0]): cells[1:] for cells in (re.findall(r"[\w]+", line.replace("`", "")) for line in lines)
    }
    decided = {
        stored: [
            *{verdict(stored, seen, AttemptOrder.LOWER).value for seen in ObservedState},
            *(verdict(stored, seen, AttemptOrder.SAME).value for seen in ObservedState),
            *{verdict(stored, seen, AttemptOrder.HIGHER).value for seen in ObservedState},
        ]
        for stored in RunStatus
    }
    assert written == decided
    assert all(len(cells) == 1 + len(ObservedState) + 1 for cells in decided.values())


def test_every_bucket_is_reached_and_none_but_those() -> None:
    reached = {bucket_of(status, s, f) for status in RunStatus for s in range(2) for f in range(2)}
    assert reached == set(StatusBucket)
    assert {bucket_of(status, s, f) for status in ACTIVE for s in range(2) for f in range(2)} == UNFINISHED
    assert {bucket_of(status, s, f) for status in TERMINAL for s in range(2) for f in range(2)} == reached - UNFINISHED


def test_an_end_without_success_but_with_failure_is_failed() -> None:
    assert outcome(0, 1) is RunStatus.FAILED
    assert outcome(0, 0) is RunStatus.COMPLETED
    assert outcome(1, 1) is RunStatus.COMPLETED_WITH_ERRORS


def edges() -> set[tuple[str, str]]:
    found = {("[*]", "pending"), ("[*]", "running")}
    for stored, seen, order in itertools.product(RunStatus, ObservedState, AttemptOrder):
        if verdict(stored, seen, order) is not Verdict.APPLIED or order is AttemptOrder.LOWER:
            continue
        if order is AttemptOrder.HIGHER and seen is not ObservedState.RUNNING:
            continue  # an end whose beginning was missed: the same as reopening and ending
        for succeeded, failed in itertools.product(range(2), range(2)):
            if stored is RunStatus.PENDING and (succeeded or failed):
                continue
            following = status_after(seen, succeeded, failed)
            if following is not stored:
                found.add((stored.value, following.value))
    return found


def test_the_picture_in_the_docs_shows_the_edges_of_the_code(repository: Path) -> None:
    text = (repository / "docs/data-model.md").read_text()
    picture = text.partition("```mermaid")[2].partition("```")[0]
    drawn = set(re.findall(r"^\s+(\S+) --> (\w+)", picture, re.MULTILINE))
    assert drawn == edges()
