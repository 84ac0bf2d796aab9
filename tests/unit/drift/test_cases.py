"""Small exports as people's tools write them: each pair of folders gives exactly the findings its `expected.json` names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.drift.comparison.findings import Comparison
from flows.drift.comparison.severity import Severity
from tests.support.drift_compare import Snapshot, compared, folder_snapshot

CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").glob("*/expected.json"))


@dataclass(frozen=True)
class Outcome:
    """What a case came to."""

    before: Snapshot
    after: Snapshot
    comparison: Comparison

    @property
    def withheld(self) -> set[str]:
        return {one.policy_type for one in self.comparison.withheld}

    def at_least(self, level: Severity) -> bool:
        return all(finding.severity.at_least(level) for finding in self.comparison.findings)


def _withheld(*types: str) -> Callable[[Outcome], bool]:
    return lambda outcome: outcome.withheld >= set(types)


def _at_least(level: Severity) -> Callable[[Outcome], bool]:
    return lambda outcome: outcome.at_least(level)


def _unread(outcome: Outcome) -> bool:
    return any(not failure.no_policy for failure in outcome.after.failures)


ALSO: dict[str, Callable[[Outcome], bool]] = {
    "admin-turns-encryption-off-everywhere": _at_least(Severity.HIGH),
    "ca-lists-cut-to-texts": _unread,
    "ca-listing-by-select-object": _withheld("conditional_access"),
    "kinds-in-one-file-one-error": _withheld("compliance"),
    "kinds-in-one-file-one-null": _withheld("compliance"),
    "listing-by-select-object": lambda outcome: bool(outcome.withheld),
    "ca-selected-properties": _withheld("conditional_access"),
    "graph-explorer-selected-properties": _withheld("compliance"),
    "page-without-list": _withheld("compliance"),
    "reusable-setting-list": _withheld("reusable_setting"),
    "script-list-without-content": _withheld("powershell_script"),
    "type-folder-never-unpacked": _withheld("assignment_filter"),
    "v1-page-beside-beta": _withheld("device_configuration"),
    "both-sides-unread-says-nothing-drifted": _withheld("settings_catalog"),
    "ca-all-switched-off": _at_least(Severity.CRITICAL),
    "ca-trusted-location-range": _at_least(Severity.HIGH),
    "graph-explorer-first-page-only": _withheld("settings_catalog"),
    "powershell-depth-cut": _unread,
    "recreated-with-encryption-off-and-unassigned": _at_least(Severity.HIGH),
    "sc-portal-export-has-no-assignments": lambda outcome: bool(outcome.withheld),
    "settings-first-page-only": _withheld("settings_catalog"),
}
"""What must hold beside the findings."""


def found(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Every change as one entry with its finding's kind and policy; a policy that came or went is one entry."""
    for finding in comparison.findings:
        told = {"kind": finding.kind.value, "policy": finding.policy_name}
        yield from ({**told, **change} for change in finding.changes_json()) if finding.changes else [told]


def fits(entry: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether an entry is what is expected; `setting` is a part of the path, in any case."""
    for key, value in expected.items():
        if key == "setting":
            if value.casefold() not in f"{entry.get('path', '')}\n{entry.get('setting', '')}".casefold():
                return False
        elif key == "after" and isinstance(entry.get("after"), (dict, list)):
            if str(value) not in json.dumps(entry["after"]):
                return False
        elif entry.get(key) != value:
            return False
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_case_gives_what_it_names_and_nothing_else(case: Path) -> None:
    told = json.loads((case / "expected.json").read_text())
    before, after = folder_snapshot(case / "a"), folder_snapshot(case / "b")
    outcome = Outcome(before, after, compared(before, after))
    entries = list(found(outcome.comparison))
    said = json.dumps(entries, indent=1, default=str)
    assert all(any(fits(entry, expected) for expected in told["expected"]) for entry in entries), said
    left = list(entries)
    for expected in told["expected"]:
        match = next((entry for entry in left if fits(entry, expected)), None)
        assert match is not None, f"nothing found for {expected} in {said}"
        left.remove(match)
    assert ALSO.get(case.name, lambda _: True)(outcome), f"{told['note']}: {outcome}"


def test_the_lists_name_cases_that_exist() -> None:
    names = {path.name for path in CASES}
    assert len(names) >= 52
    assert ALSO.keys() <= names
