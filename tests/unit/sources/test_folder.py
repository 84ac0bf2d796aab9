"""Folders of exports as people have them: every encoding, every breakage, and what each leaves unknown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows._policies.canonical import canonical, content_hash
from flows._policies.protocol import SourceFailure, SourcePolicy
from flows._sources.folder import FolderSource
from flows._sources.json_text import JsonTextError, leading_members, parse
from flows._sources.opening import checked_source
from runstore.errors import BadInputError
from tests.support.examples import examples
from tests.support.unread import unenumerated

ONE, TWO = "10000000-0000-4000-8000-000000000000", "20000000-0000-4000-8000-000000000000"


def compliance(policy_id: str = ONE, name: str = "Grün & 日本", **more: Any) -> dict[str, Any]:
    return {"@odata.type": "#microsoft.graph.windows10CompliancePolicy", "id": policy_id, "displayName": name, **more}


def read(folder: Path, **options: Any) -> tuple[list[SourcePolicy], list[SourceFailure], FolderSource]:
    source = FolderSource(folder, **options)
    items = list(source.read())
    policies = [item for item in items if isinstance(item, SourcePolicy)]
    return policies, [item for item in items if isinstance(item, SourceFailure)], source


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content))
    return path


TEXT = json.dumps(compliance(), ensure_ascii=False)
ENCODINGS = {
    "utf-8": TEXT.encode(),
    "utf-8 with mark": TEXT.encode("utf-8-sig"),
    "utf-16 little with mark": b"\xff\xfe" + TEXT.encode("utf-16-le"),
    "utf-16 big with mark": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "utf-16 little without mark": TEXT.encode("utf-16-le"),
    "utf-16 big without mark": TEXT.encode("utf-16-be"),
    "bytes swapped under a little mark": b"\xff\xfe" + TEXT.encode("utf-16-be"),
    "bytes swapped under a big mark": b"\xfe\xff" + TEXT.encode("utf-16-le"),
    "utf-32": TEXT.encode("utf-32"),
    "json in a string": json.dumps(TEXT).encode(),
    "json in a string in a string, utf-16": json.dumps(json.dumps(TEXT)).encode("utf-16"),
    "space around": b"\n\n  " + TEXT.encode() + b"\r\n\r\n",
    "zeros behind": TEXT.encode() + b"\x00\x00",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_gives_the_same_policy(tmp_path: Path, encoding: str) -> None:
    write(tmp_path / "odd name (1) #ä.JSON", ENCODINGS[encoding])
    (policy,), failures, _ = read(tmp_path)
    assert not failures
    assert (policy.policy_id, policy.policy_type, policy.name) == (ONE, "compliance", "Grün & 日本")
    assert content_hash(canonical("compliance", policy.body)) == content_hash(canonical("compliance", compliance()))


@pytest.mark.parametrize(
    "document",
    [
        {"value": [compliance(), compliance(TWO)]},
        [compliance(), compliance(TWO)],
        {"@odata.context": "x", "value": [compliance(), compliance(TWO)], "@odata.count": 2},
    ],
)
def test_lists_hold_several_policies(tmp_path: Path, document: object) -> None:
    write(tmp_path / "deep" / "er" / "all.json", document)
    policies, failures, _ = read(tmp_path)
    assert {policy.policy_id for policy in policies} == {ONE, TWO}
    assert not failures
    assert [policy.origin for policy in policies] == ["deep/er/all.json#1", "deep/er/all.json#2"]


BROKEN = {
    "file_empty": b"",
    "json_truncated": TEXT.encode()[:5],
    "json_invalid": b'{"a": nope, "b": 1}',
    "file_encoding": b'{"a": "\xff\xfe\xfa"}',
    "not_a_policy": b'{"Some": "thing", "Objects": []}',
    "export_holds_error": b'{"error": {"code": "Unauthorized", "message": "secret text"}}',
    "file_too_large": b'{"x": "' + b"y" * 3000 + b'"}',
    "nested_too_deep": b'{"a":' * 1100 + b"1" + b"}" * 1100,
}


@pytest.mark.parametrize("code", BROKEN)
def test_each_breakage_has_its_reason_and_spoils_nothing_else(tmp_path: Path, code: str) -> None:
    write(tmp_path / "Compliance Policies" / "broken.json", BROKEN[code])
    write(
        tmp_path / "Conditional Access" / "good.json",
        {"id": TWO, "displayName": "CA", "state": "enabled", "conditions": {}},
    )
    limit = 2000 if code == "file_too_large" else 10**6
    policies, (failure,), _ = read(tmp_path, file_limit=limit)
    assert [policy.policy_type for policy in policies] == ["conditional_access"]
    assert failure.failure.reason_code == code
    assert "secret text" not in failure.failure.message
    assert failure.item_id == "Compliance Policies/broken.json"
    assert unenumerated([failure]) == {"compliance"}


def test_a_cut_file_is_only_the_policy_its_beginning_names(tmp_path: Path) -> None:
    whole = json.dumps(compliance(passwordRequired=True)).encode()
    write(tmp_path / "cut.json", whole[:-10])
    _, (failure,), _ = read(tmp_path)
    assert (failure.policy_id, failure.policy_type) == (ONE, "compliance")
    assert "compliance" not in unenumerated([failure])


def test_what_an_unreadable_file_could_have_been(tmp_path: Path) -> None:
    write(tmp_path / "Settings" / "x.json", b"{")
    write(tmp_path / "anything" / "x.json", b"{")
    for number in range(2):
        write(tmp_path / "mixed" / f"{number}.json", compliance(f"{number}" + ONE[1:]))
    write(tmp_path / "mixed" / "x.json", b"{")
    _, failures, _ = read(tmp_path)
    told = {failure.item_id: failure.policy_type for failure in failures}
    assert told == {"Settings/x.json": "settings_catalog", "anything/x.json": None, "mixed/x.json": "compliance"}
    assert "*" in unenumerated(failures)


def test_one_id_twice(tmp_path: Path) -> None:
    write(tmp_path / "a.json", compliance(lastModifiedDateTime="2026-01-01T00:00:00Z"))
    write(tmp_path / "b.json", compliance(assignments=[]))
    policies, failures, _ = read(tmp_path)
    assert (len(policies), failures) == (1, [])
    write(tmp_path / "c.json", compliance(passwordRequired=True))
    _, failures, _ = read(tmp_path)
    assert sorted(failure.item_id for failure in failures) == ["a.json", "c.json"]
    assert {failure.failure.reason_code for failure in failures} == {"duplicate_policy_id"}
    assert {failure.policy_id for failure in failures} == {ONE}
    assert "compliance" not in unenumerated(failures)


def test_links_that_go_in_circles_are_walked_once(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    write(inner / "p.json", compliance())
    (inner / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self.json").symlink_to(tmp_path / "self.json")
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.json")
    policies, failures, _ = read(tmp_path)
    assert len(policies) == 1
    assert {failure.item_id: failure.failure.reason_code for failure in failures} == {
        "self.json": "file_unreadable",
        "gone.json": "file_unreadable",
        "pipe.json": "file_unreadable",
    }


def test_parts_in_files_of_their_own_join_their_policy(tmp_path: Path) -> None:
    name = {"id": ONE, "name": "Edge", "platforms": "windows10", "technologies": "mdm"}
    setting = {"id": "0", "settingInstance": {"settingDefinitionId": "d", "simpleSettingValue": {"value": 1}}}
    target = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
    write(tmp_path / "Settings Catalog" / "Edge.json", name)
    write(tmp_path / "Settings Catalog" / "Edge_settings.json", [setting])
    write(tmp_path / "Settings Catalog" / "Assignments" / "Edge.json", [{"id": f"{ONE}_x", "target": target}])
    context = f"https://graph.microsoft.com/beta/$metadata#deviceManagement/configurationPolicies('{TWO}')/settings"
    write(tmp_path / "Other_settings.json", {"@odata.context": context, "value": [setting]})
    (policy,), (failure,), _ = read(tmp_path)
    form = canonical("settings_catalog", policy.body)
    assert (form["settings"], len(form["assignments"]["$each"])) == ({"d": 1}, 1)
    assert (failure.failure.reason_code, failure.policy_id) == ("part_without_policy", TWO)
    assert "settings_catalog" not in unenumerated([failure])


def test_an_administrative_template_may_be_the_bare_list_of_its_values(tmp_path: Path) -> None:
    bind = "https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('d1')"
    write(tmp_path / "Administrative Templates" / "Chrome.json", [{"enabled": True, "definition@odata.bind": bind}])
    (policy,), failures, _ = read(tmp_path)
    assert not failures
    assert (policy.policy_type, policy.name) == ("administrative_template", "Chrome")


def test_a_policy_without_an_id_keeps_the_one_made_for_it(tmp_path: Path) -> None:
    body = {key: value for key, value in compliance().items() if key != "id"}
    write(tmp_path / "one" / "x_2026-10-05T01:02:03Z.json", body)
    write(tmp_path / "two" / "x_2026-11-02T04:05:06Z.json", {**body, "description": "more"})
    first = read(tmp_path / "one")[0][0].policy_id
    assert first == read(tmp_path / "two")[0][0].policy_id
    write(tmp_path / "four" / "y.json", body)
    assert first != read(tmp_path / "four")[0][0].policy_id, "two files of one name and kind are two policies"
    write(tmp_path / "three" / f"policy__{TWO}.json", body)
    assert read(tmp_path / "three")[0][0].policy_id == TWO


def test_what_tools_write_for_themselves_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "MigrationTable.json", {"TenantId": "x", "Objects": []})
    write(tmp_path / "Groups" / "g.json", {"id": "g", "displayName": "Group"})
    write(tmp_path / ".git" / "x.json", {"a": 1})
    write(tmp_path / "p.json", compliance())
    policies, failures, source = read(tmp_path)
    assert (len(policies), failures, source.files()) == (1, [], ["p.json"])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "There is no folder"),
        (lambda path: path.mkdir(), "holds no \\*.json file"),
        (lambda path: path.write_text("x"), "is a file"),
        (lambda path: path.symlink_to(path), "cannot be opened|There is no folder"),
    ],
)
def test_a_folder_of_no_use_is_refused_in_one_sentence(tmp_path: Path, make: Any, sentence: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(BadInputError, match=sentence):
        checked_source(f"folder:{tmp_path / 'x'}")
    for wrong in ("", "folder:", "zip:x", "folder:a\x00b"):
        with pytest.raises(BadInputError):
            checked_source(wrong)


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_make_reading_fail_in_another_way(noise: bytes, at: int) -> None:
    for data in (noise, TEXT.encode()[:at] + noise, TEXT.encode("utf-16")[: at * 2] + noise):
        try:
            parse(data)
        except JsonTextError as problem:
            leading_members(getattr(problem, "text", ""))
