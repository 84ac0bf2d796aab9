"""A policy read under v1.0 of Graph and later under beta: what v1.0 leaves out is not drift, what was changed is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flows._policies.unread import SELECTED, UNREAD
from flows.drift.comparison.findings import Withheld
from flows.drift.comparison.withheld import PART_NOT_READ
from tests.support.drift_compare import Snapshot, compared, snapshot

GROUP = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "11111111-0000-4000-8000-000000000001"}
ALL = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
FILTER = {"deviceAndAppManagementAssignmentFilterId": "22222222-0000-4000-8000-000000000002"}
OLD: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
    "id": "33333333-0000-4000-8000-000000000003",
    "displayName": "Windows",
    "osMinimumVersion": None,
    "passwordRequired": True,
    "scheduledActionsForRule": [],
    "assignments": [{"id": "1", "target": GROUP}],
}
NEW = OLD | {
    "roleScopeTagIds": ["1"],
    "activeFirewallRequired": True,
    "assignments": [{"id": "1", "source": "direct", "target": GROUP | FILTER}],
}


def read_under(version: str, body: dict[str, Any]) -> Snapshot:
    side = snapshot([body])
    origin = f"{version}/deviceManagement/deviceCompliancePolicies"
    side.policies = {key: replace(one, origin=origin) for key, one in side.policies.items()}
    return side


def changes(before: Snapshot, after: Snapshot) -> list[tuple[str, str]]:
    return [(change.facet, change.path) for finding in compared(before, after).findings for change in finding.changes]


@pytest.mark.parametrize("backwards", [False, True])
def test_what_one_version_does_not_return_is_no_drift(backwards: bool) -> None:
    sides = [read_under("v1.0", OLD), read_under("beta", NEW)]
    assert changes(*(sides[::-1] if backwards else sides)) == []
    assert compared(*sides).withheld == []
    assert changes(read_under("beta", OLD), read_under("beta", NEW)) != []
    assert changes(snapshot([OLD]), snapshot([NEW])) != []


def test_what_both_return_is_compared() -> None:
    edited = NEW | {"osMinimumVersion": "10.0.1", "assignments": [{"id": "1", "target": ALL}]}
    found = changes(read_under("v1.0", OLD), read_under("beta", edited))
    assert sorted({facet for facet, _ in found}) == ["assignment", "property"]
    assert "osMinimumVersion" in {path for _, path in found}


@pytest.mark.parametrize("unread", [[], [SELECTED]])
def test_of_two_files_that_were_asked_for_other_properties_one_says_so(unread: list[str]) -> None:
    """Unless the file itself lists what it was not asked for, which its read has counted."""
    old, new = (
        snapshot([body | {"@odata.context": f"https://graph.microsoft.com/{version}/$metadata#x", UNREAD: unread}])
        for version, body in (("v1.0", OLD), ("beta", NEW | {"assignments": OLD["assignments"]}))
    )
    assert changes(old, new) == []
    assert compared(old, new).withheld == ([] if unread else [Withheld("compliance", 1, PART_NOT_READ, SELECTED)])
