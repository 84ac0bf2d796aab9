"""The sample exports, compared, give exactly the changes written down beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.drift_compare import compared, folder_snapshot, in_order, shown

SAMPLES = Path(__file__).parents[3] / "deployments" / "samples"
DATES = ("2026-10-05", "2026-11-02")


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_the_samples_give_what_is_written_down(tenant: str) -> None:
    expected: dict[str, Any] = json.loads((SAMPLES / tenant / "expected.json").read_text())
    for finding in expected["findings"]:
        finding["changes"] = in_order(finding["changes"])
    before, after = (folder_snapshot(SAMPLES / tenant / date) for date in DATES)
    found = compared(before, after)
    wanted = sorted(expected["findings"], key=lambda one: (one["kind"], str(one["policy_id"]), str(one["changes"])))
    assert shown(found) == wanted
    assert [entry.as_json() for entry in found.withheld] == expected["withheld"]


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_the_samples_are_rich_enough_to_show_something(tenant: str) -> None:
    before, after = (folder_snapshot(SAMPLES / tenant / date) for date in DATES)
    assert len(before.policies) >= 30
    assert len({one.policy_type for one in before.policies.values()}) >= 10
    assert not before.failures
    assert [item.failure.reason_code for item in after.failures] == ["json_truncated"]
