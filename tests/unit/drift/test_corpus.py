"""Hand-made pairs over every policy type and every pitfall: findings equal what is written down, and mirror it."""

from __future__ import annotations

import pytest

from flows._policies.recognise import recognise
from flows._policies.types import FROM_EXPORTS
from flows.drift.comparison.severity import Severity
from tests.support.drift_cases import Case, check
from tests.support.drift_compare import compared, shown, snapshot
from tests.support.policy_strategies import without_metadata
from tests.unit.drift.corpus import catalog_cases, hostile_cases, other_cases

CASES = [*catalog_cases.CASES, *other_cases.CASES, *hostile_cases.CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_findings_equal_the_written_truth(case: Case) -> None:
    check(case)


def test_a_finding_is_as_severe_as_the_worst_of_its_changes() -> None:
    """Whichever of them comes first."""
    worse_later = 0
    for case in CASES:
        for finding in compared(snapshot(case.before), snapshot(case.after)).findings:
            levels = [Severity(change.extra["severity"]) for change in finding.changes]
            if levels:
                assert finding.severity is min(levels, key=lambda level: level.rank), (case.name, levels)
                worse_later += finding.severity is not levels[0]
    assert worse_later > 0


def test_a_source_without_metadata_says_the_same() -> None:
    bodies = [body for case in CASES for body in (*case.before, *case.after)]
    assert len(bodies) > 2 * 120
    for body in bodies:
        full, bare = snapshot([body]), snapshot([body], as_read=without_metadata)
        assert shown(compared(full, bare)) == [], body
        assert shown(compared(bare, full)) == [], body


def test_the_corpus_is_large_and_knows_every_type() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
    seen = {known.policy_type for case in CASES for body in (*case.before, *case.after) if (known := recognise(body))}
    assert seen >= FROM_EXPORTS
