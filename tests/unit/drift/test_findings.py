"""What a comparison says of its findings: in which order, of which content, and how severe by whose rules."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from flows.drift.comparison.compare import Differences, compare
from flows.drift.comparison.findings import FindingKind
from flows.drift.comparison.severity import DEFAULT_RULES, Severity, SeverityRule
from flows.drift.comparison.sides import Completeness
from flows.drift.folder_diff import compare_sides
from tests.support.drift_cases import Body
from tests.support.drift_compare import FINGERPRINT, compared, snapshot
from tests.unit.drift.corpus.other_cases import of

NONE = snapshot([])


def named(name: str, number: int, odata: str = "windows10GeneralConfiguration", **more: Any) -> Body:
    return {**of(odata, str(UUID(int=number)), **{"a": 1, **more}), "displayName": name}


def test_the_most_severe_come_first_then_by_type_name_and_id() -> None:
    bodies = [
        named("b", 1), named("C", 2), named("a", 4), named("a", 3), named("x", 5, passwordRequired=True),
        named("d", 6, "iosCompliancePolicy"), named("e", 7, "iosManagedAppProtection"),
    ]  # fmt: skip
    found = [
        (one.severity.value, one.policy_type, one.policy_name) for one in compared(NONE, snapshot(bodies)).findings
    ]
    assert found == [
        ("high", "compliance", "d"),
        ("high", "device_configuration", "x"),
        ("medium", "app_protection", "e"),
        ("medium", "device_configuration", "a"),
        ("medium", "device_configuration", "a"),
        ("medium", "device_configuration", "b"),
        ("medium", "device_configuration", "C"),
    ]
    (first, second) = [one for one in compared(NONE, snapshot(bodies)).findings if one.policy_name == "a"]
    assert (first.policy_id, second.policy_id) == (str(UUID(int=3)), str(UUID(int=4)))


def test_a_policy_that_came_or_went_leads_to_its_content() -> None:
    side = snapshot([named("a", 1)])
    digest = next(iter(side.policies.values())).content_hash
    (came,), (went,) = compared(NONE, side).findings, compared(side, NONE).findings
    assert (came.kind, came.before_hash, came.after_hash) == (FindingKind.ADDED, None, digest)
    assert (went.kind, went.before_hash, went.after_hash) == (FindingKind.REMOVED, digest, None)


def test_a_policy_whose_content_is_not_there_is_not_said_to_differ() -> None:
    sides = [snapshot([named("a", 1, b=number)]) for number in (1, 2)]
    before, after = (next(iter(side.policies.values())) for side in sides)
    assert not compare(Differences([], [], [(before, after)], {}), lambda hashes: {}).findings


@pytest.mark.parametrize(("name", "notes"), [("a", ()), ("b", ("renamed, before: a",))])
def test_a_new_name_is_noted_with_the_one_before(name: str, notes: tuple[str, ...]) -> None:
    (found,) = compared(snapshot([named("a", 1)]), snapshot([named(name, 1, a=2)])).findings
    assert (found.kind, found.notes) == (FindingKind.MODIFIED, notes)


@pytest.mark.parametrize("kind", [FindingKind.ADDED, FindingKind.REMOVED])
def test_a_tenants_own_rule_speaks_of_what_is_inside_a_policy_that_came_or_went(kind: FindingKind) -> None:
    own = SeverityRule(Severity.CRITICAL, frozenset({kind.value}), setting="^wallpaper$")
    side = snapshot([named("a", 1, wallpaper="x")])
    for came, (before, after) in {True: (NONE, side), False: (side, NONE)}.items():
        (found,) = compare_sides(before, after, FINGERPRINT, rules=[own, *DEFAULT_RULES]).findings
        assert (found.severity is Severity.CRITICAL) is (came is (kind is FindingKind.ADDED))


@pytest.mark.parametrize(("name", "level"), [("Defender exclusions", "high"), ("Wallpaper", "medium")])
def test_the_name_of_a_policy_that_went_counts(name: str, level: str) -> None:
    (found,) = compared(snapshot([named(name, 1)]), NONE).findings
    assert found.severity.value == level


def test_what_was_withheld_is_told_in_one_order() -> None:
    parts = {"settings": {"compliance": 1, "app": 2}, "assignments": {"compliance": 3}}
    held = compared(NONE, snapshot([], Completeness(parts=parts))).withheld
    assert [(one.policy_type, one.part, one.count) for one in held] == [
        ("app", "settings", 2),
        ("compliance", "assignments", 3),
        ("compliance", "settings", 1),
    ]
