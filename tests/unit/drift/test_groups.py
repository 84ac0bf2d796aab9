"""The same change in several policies is shown once, with each of them and who made it; nothing of a finding is lost by that."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flows.drift.commands import findings_table
from flows.drift.reports.report import html_report
from flows.drift.reports.summary import groups_json, told
from tests.support.command_line import CommandLine

EVERYWHERE = Path(__file__).parent / "cases" / "admin-turns-encryption-off-everywhere"


def change(path: str, before: Any, after: Any, severity: str = "high", **more: Any) -> dict[str, Any]:
    said = {"facet": "property", "setting": path, "path": path, "change": "changed", "before": before, "after": after}
    return {**said, "severity": severity, **more}


def finding(number: int, *changes: dict[str, Any], kind: str = "policy_modified", **more: Any) -> dict[str, Any]:
    about = {"id": str(number), "policy_id": f"p{number}", "policy_name": f"P{number}", "policy_type": "compliance"}
    return {**about, "kind": kind, "severity": "high", "status": "open", "changes": list(changes), **more}


def test_one_change_in_several_policies_is_told_once_with_each_author() -> None:
    known = {"status": "known", "at": "2026-01-01T00:00:00+00:00"}
    off = change("bitLockerEnabled", True, False)
    findings = [finding(n, dict(off), changed_by={**known, "who": f"{n}@x"}) for n in range(6)]
    (group,) = groups_json(findings)
    assert [one["changed_by"]["who"] for one in group["policies"]] == [f"{n}@x" for n in range(6)]
    assert (group["before"], group["after"], group["severity"]) == (True, False, "high")
    (row,) = findings_table({"findings": findings}, "").rows
    assert "6 policies" in row
    assert ("bitLockerEnabled: true → false",) in row
    page = html_report({"findings": findings, "withheld": []}, "acme")
    assert page.count("<article") == 1
    assert all(f"P{n} · open · last changed: {n}@x" in page for n in range(6))


def test_what_is_not_the_same_change_stays_apart() -> None:
    apart = [
        finding(1, change("a", True, False)),
        finding(2, change("a", False, True)),
        finding(3, change("a", 1, 0)),
        finding(4, change("b", True, False)),
        finding(5, change("a", True, False), policy_type="device_configuration"),
        finding(6, kind="policy_removed"),
        finding(7, kind="policy_removed"),
        finding(8, change("c", None, 1, moved_to={"policy_id": "x", "policy_name": "X"})),
        finding(9, change("c", None, 1, moved_to={"policy_id": "y", "policy_name": "Y"})),
        finding(10, change("d", 1, 2), change("d", 1, 2)),
    ]
    assert groups_json(apart) == []
    assert [entry.findings[0]["id"] for entry in told(apart)] == [one["id"] for one in apart]


def test_a_finding_is_told_by_its_groups_and_by_what_is_left() -> None:
    shared = change("a", 1, 2, "medium")
    first, second = told([finding(1, shared, change("b", 1, 2, "low")), finding(2, dict(shared))])
    assert (first.policies, first.severity, len(first.shown)) == ("2 policies: P1, P2", "medium", 1)
    assert (second.policy, second.severity, [one["path"] for one in second.shown]) == ("P1", "low", ["b"])
    many = [finding(n, dict(shared)) for n in range(30)]
    assert told(many)[0].policies.endswith("P19 and 10 more")


@pytest.mark.parametrize("seed", range(20))
def test_every_change_of_every_finding_is_told_exactly_once(seed: int) -> None:
    chance = random.Random(seed)
    findings = [
        finding(n, *(change(chance.choice("abc"), 0, chance.randrange(3)) for _ in range(chance.randrange(4))))
        for n in range(chance.randrange(12))
    ]
    entries = told(findings)
    seen = Counter(id(one) for entry in entries for one in entry.changes)
    assert seen == Counter(id(one) for each in findings for one in each["changes"])
    assert {one["id"] for entry in entries for one in entry.findings} == {one["id"] for one in findings}


def test_a_folder_where_encryption_went_off_shows_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = CommandLine(tmp_path / "home", capsys)
    sides = (str(EVERYWHERE / "a"), str(EVERYWHERE / "b"))
    document = line("drift", "diff", *sides, "--json").document
    assert len(document["groups"][0]["policies"]) == len(document["findings"]) > 2
    shown = line("drift", "diff", *sides).out
    assert shown.count("true → false") == 1
    assert f"{len(document['findings'])} policies: " in shown
