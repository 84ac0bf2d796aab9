"""A type that one of two syncs was not asked for: its policies are neither new nor gone, and nobody waits for them."""

from __future__ import annotations

from typing import Any

import pytest

from flows._policies.protocol import SourcePolicy
from flows._policies.stored import stored
from flows._policies.types import BY_SLUG, FROM_EXPORTS
from flows.drift.comparison.findings import FindingKind, Withheld
from flows.drift.comparison.sides import Completeness
from flows.drift.comparison.withheld import BASELINE_INCOMPLETE, CURRENT_INCOMPLETE
from flows.drift.folder_diff import Side
from tests.support.drift_compare import FINGERPRINT, compared

APP: dict[str, Any] = {"id": "44444444-0000-4000-8000-000000000004", "displayName": "Editor", "publisher": "IT"}


def side(asked: list[str] | None, *, with_app: bool, origin: str = "beta/deviceAppManagement/mobileApps") -> Side:
    policy = SourcePolicy(APP["id"], "app", "Editor", None, APP, origin)
    policies = {APP["id"]: stored(policy, FINGERPRINT)} if with_app else {}
    return Side(policies, Completeness.of_json({} if asked is None else {"asked": asked}))


@pytest.mark.parametrize("asked", [None, sorted(FROM_EXPORTS), ["compliance"]])
def test_what_was_not_asked_for_is_neither_unread_nor_removed(asked: list[str] | None) -> None:
    without, with_it = side(asked, with_app=False), side(sorted(BY_SLUG), with_app=True)
    for sides in ((without, with_it), (with_it, without)):
        comparison = compared(*sides)
        assert comparison.findings == []
        assert comparison.withheld == []
    assert not without.unread.knows("app", APP["id"])


def test_what_was_asked_for_comes_and_goes() -> None:
    without, with_it = side(sorted(BY_SLUG), with_app=False), side(sorted(BY_SLUG), with_app=True)
    assert [finding.kind for finding in compared(without, with_it).findings] == [FindingKind.ADDED]
    assert [finding.kind for finding in compared(with_it, without).findings] == [FindingKind.REMOVED]


def test_a_policy_in_a_folder_waits_for_a_read_that_asks_for_its_type() -> None:
    without, in_folder = side(["compliance"], with_app=False), side(None, with_app=True, origin="IntuneCD")
    for sides, reason in (((without, in_folder), BASELINE_INCOMPLETE), ((in_folder, without), CURRENT_INCOMPLETE)):
        comparison = compared(*sides)
        assert (comparison.findings, comparison.withheld) == ([], [Withheld("app", 1, reason)])
