"""People read names: no rendering of findings shows the id of a setting, an option or a group alone where its name is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.drift.comparison.names import ids_of, named
from flows.drift.folder_diff import diff_folders
from tests.support.bare_ids import bare, renderings

SAMPLES = Path(__file__).parents[3] / "deployments" / "samples"
LSASS = "device_vendor_msft_policy_config_defender_blockcredentialstealing"
GROUP, FILTER = (f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in (1, 2))
DEFINITION = {
    "id": LSASS,
    "displayName": "Block credential stealing from LSASS",
    "options": [{"itemId": f"{LSASS}_{word.lower()}", "displayName": word} for word in ("Audit", "Block")],
}
NAMES = {
    LSASS: "Block credential stealing from LSASS",
    f"{LSASS}_audit": "Audit",
    f"{LSASS}_block": "Block",
    GROUP: "Finance laptops",
    FILTER: "Corporate devices",
}


def export(folder: Path, option: str, *targets: dict[str, Any], definitions: bool = True) -> Path:
    setting: dict[str, Any] = {
        "settingInstance": {"settingDefinitionId": LSASS, "choiceSettingValue": {"value": f"{LSASS}_{option}"}}
    }
    if definitions:
        setting["settingDefinitions"] = [DEFINITION]
    policy = {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy",
        "id": "bbbbbbbb-0000-4000-8000-000000000001",
        "name": "ASR",
        "platforms": "windows10",
        "technologies": "mdm",
        "settings": [setting],
        "assignments": [{"target": target} for target in targets],
    }
    kept = {
        "@odata.type": "#microsoft.graph.deviceAndAppManagementAssignmentFilter",
        "id": FILTER,
        "displayName": "Corporate devices",
        "platform": "windows10AndLater",
        "rule": "x",
    }
    folder.mkdir(parents=True)
    (folder / "asr.json").write_text(json.dumps(policy))
    (folder / "filter.json").write_text(json.dumps(kept))
    return folder


def to_group(name: str | None = "Finance laptops") -> dict[str, Any]:
    target = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": GROUP}
    target |= {
        "deviceAndAppManagementAssignmentFilterId": FILTER,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    return {**target, "groupDisplayName": name} if name else target


def test_a_setting_an_option_a_group_and_a_filter_are_told_by_name(tmp_path: Path) -> None:
    document = diff_folders(export(tmp_path / "a", "audit"), export(tmp_path / "b", "block", to_group())).document
    shown = renderings(document)
    assert any("Block credential stealing from LSASS: Audit → Block" in row for row in shown["findings"])
    whom = f"include group Finance laptops ({GROUP}), filter include Corporate devices ({FILTER})"
    for kind, pieces in shown.items():
        assert bare(pieces, NAMES) == [], kind
        assert any("Block credential stealing from LSASS" in piece for piece in pieces), kind
        assert any(whom in piece for piece in pieces), kind
    changes = {change["facet"]: change for change in document["findings"][0]["changes"]}
    assert (changes["setting"]["before"], changes["setting"]["after"]) == (f"{LSASS}_audit", f"{LSASS}_block")
    assert changes["setting"]["names"] == {one: NAMES[one] for one in list(NAMES)[:3]}


def test_an_option_without_a_name_is_told_by_the_end_of_its_id_with_the_id_beside(tmp_path: Path) -> None:
    sides = (export(tmp_path / word, word, definitions=False) for word in ("audit", "block"))
    shown = renderings(diff_folders(*sides).document)
    assert any("audit → block" in row for row in shown["findings"])
    assert any(f"{LSASS}_audit" in row for row in shown["html"])


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_no_id_stands_bare_in_the_samples(tenant: str) -> None:
    document = diff_folders(*(SAMPLES / tenant / date for date in ("2026-10-05", "2026-11-02"))).document
    changes = [change for one in document["findings"] for change in one["changes"]]
    names = {key: name for change in changes for key, name in change.get("names", {}).items()}
    assert names or tenant == "globex"
    assert {kind: found for kind, pieces in renderings(document).items() if (found := bare(pieces, names))} == {}


HOSTILE = st.text(min_size=1, max_size=2_000).map(lambda text: f"{text}\x00\x1b[31m=1+1<b>*x*\u202e")


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from(list(NAMES)), HOSTILE))
def test_a_name_is_text_in_one_line_and_of_bounded_length(names: dict[str, str]) -> None:
    change: dict[str, Any] = {
        "facet": "setting", "setting": LSASS, "path": LSASS, "change": "changed", "severity": "high",
        "before": f"{LSASS}_audit", "after": {"value": f"{LSASS}_block", "who": [GROUP, FILTER]},
    }  # fmt: skip
    found = {"changes": [change]}
    assert set(NAMES) <= ids_of([found])
    (one,) = named([found], names)[0]["changes"]
    for text in (one["name"], one.get("before_name", ""), one.get("after_name", "")):
        assert len(text) <= 2_000
        assert text.isprintable()
        assert "\u202e" not in text
