"""The forms that tools write, each by a few small exports: what is read, what is not, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.drift.comparison.withheld import why_empty
from flows.drift.folder_diff import Side
from runstore.errors import BadInputError
from tests.support.drift_compare import compared, folder_snapshot
from tests.support.examples import examples

GRAPH = "#microsoft.graph."
Files = Mapping[str, Any]


def guid(number: int) -> str:
    return f"cccccccc-0000-4000-8000-{number:012}"


def of(odata: str, number: int | None = 1, **more: Any) -> dict[str, Any]:
    body = {"@odata.type": GRAPH + odata, "displayName": "P", "assignments": [], **more}
    return body if number is None else {"id": guid(number), **body}


def catalog(number: int | None = 1, value: Any = 1, **more: Any) -> dict[str, Any]:
    body = {
        "name": f"P{number}",
        "platforms": "windows10",
        "technologies": "mdm",
        "assignments": [],
        "settings": [setting("s", value)],
        **more,
    }
    return body if number is None else {"id": guid(number), **body}


def setting(definition: str, value: Any) -> dict[str, Any]:
    return {"id": "0", "settingInstance": {"settingDefinitionId": definition, "simpleSettingValue": {"value": value}}}


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in names}


def to_all() -> dict[str, Any]:
    return {"id": "x", "target": {"@odata.type": GRAPH + "allDevicesAssignmentTarget"}}


def pascal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if key.startswith("@") else key[:1].upper() + key[1:]: pascal(item) for key, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value


def swapped(text: str) -> bytes:
    data = bytearray(text.encode())
    even = len(data) // 2 * 2
    data[0:even:2], data[1:even:2] = data[1:even:2], data[0:even:2]
    return b"\xff\xfe" + bytes(data)


class Case(NamedTuple):
    """Two sides as files; the findings as (kind, part of the path); the types withheld."""

    name: str
    before: Files
    after: Files
    found: Sequence[tuple[str, str]] = ()
    held: frozenset[str] | set[str] = frozenset()


MODIFIED, REMOVED = "policy_modified", "policy_removed"
WIFI = of("windowsWifiConfiguration", ssid="a")
CA = {
    "id": guid(9),
    "displayName": "CA",
    "state": "enabled",
    "conditions": {"users": {"includeUsers": ["All"]}},
    "grantControls": {"builtInControls": ["mfa"], "operator": "OR"},
}
INTENT = {"displayName": "I", "templateId": guid(5), "settingsDelta": [{"definitionId": "d", "valueJson": "1"}]}
VALUE = {"enabled": True, "definition@odata.bind": f"https://graph/x('{guid(6)}')"}
SCEP = of("iosScepCertificateProfile")
FILTER = {"id": guid(3), "displayName": "F", "platform": "iOS", "rule": "a"}

CASES = [
    # IntuneCD
    Case(
        "archive nested deeper, another type",
        {"Scripts/Shell/s.json": of("deviceShellScript", scriptContent="ZXhpdA=="), "Filters/f.json": FILTER},
        {
            "__archive__/2026/Scripts/s.json": of("deviceShellScript", scriptContent="ZXhpdA=="),
            "Filters/f.json": FILTER,
        },
        [(REMOVED, "")],
    ),
    Case(
        "archive in YAML",
        {"Filters/f.yaml": FILTER, "Filters/g.yaml": {**FILTER, "id": guid(4)}},
        {"__archive__/d/f.yaml": FILTER, "Filters/g.yaml": {**FILTER, "id": guid(4)}},
        [(REMOVED, "")],
    ),
    Case(
        "archive on both sides says nothing",
        {"__archive__/d/f.json": FILTER, "Filters/g.json": WIFI},
        {"Filters/g.json": WIFI},
    ),
    Case(
        "YAML, a value changed",
        {"Settings Catalog/p.yaml": catalog(None)},
        {"Settings Catalog/p.yaml": catalog(None, 2)},
        [(MODIFIED, "s")],
    ),
    Case(
        "YAML beside JSON: the same policy",
        {"Device Configurations/w.yml": WIFI},
        {"Device Configurations/w.json": WIFI},
    ),
    Case(
        "its own report and settings are none",
        {"report.json": {"a": 1}, "Filters/f.json": FILTER},
        {"settings.json": {"b": 2}, "Assignment Report/report.json": [{"x": 1}], "Filters/f.json": FILTER},
    ),
    # IntuneManagement
    Case(
        "settings of an intent, one as the element",
        {
            "EndpointSecurity/B.json": {
                **without(INTENT, "settingsDelta"),
                "id": guid(7),
                "@odata.type": GRAPH + "deviceManagementIntent",
                "assignments": None,
            },
            "EndpointSecurity/B_Settings.json": {"settings": {"definitionId": "d", "value": 1}},
        },
        {
            "EndpointSecurity/B.json": {
                **without(INTENT, "settingsDelta"),
                "id": guid(7),
                "@odata.type": GRAPH + "deviceManagementIntent",
                "assignments": None,
            },
            "EndpointSecurity/B_Settings.json": {"settings": [{"definitionId": "d", "value": 2}]},
        },
        [(MODIFIED, "d")],
    ),
    Case(
        "settings of a template beside it",
        {
            "AdministrativeTemplates/E.json": of("groupPolicyConfiguration"),
            "AdministrativeTemplates/E_Settings.json": [VALUE],
        },
        {
            "AdministrativeTemplates/E.json": of("groupPolicyConfiguration"),
            "AdministrativeTemplates/E_Settings.json": [{**VALUE, "enabled": False}],
        },
        [(MODIFIED, guid(6))],
    ),
    Case(
        "a reference changed",
        {"DeviceConfiguration/s.json": {**SCEP, "#CustomRef_RootCertificate": "A|:|x"}},
        {"DeviceConfiguration/s.json": {**SCEP, "#CustomRef_RootCertificate": "B|:|x"}},
        [(MODIFIED, "rootCertificate")],
    ),
    Case(
        "another reference changed",
        {"DeviceConfiguration/v.json": {**of("windows10VpnConfiguration"), "#CustomRef_IdentityCertificate": "A|:|x"}},
        {"DeviceConfiguration/v.json": {**of("windows10VpnConfiguration"), "#CustomRef_IdentityCertificate": "B|:|y"}},
        [(MODIFIED, "identityCertificate")],
    ),
    Case(
        "single users and controls of Conditional Access",
        {"ConditionalAccess/c.json": CA},
        {
            "ConditionalAccess/c.json": {
                **CA,
                "conditions": {"users": {"includeUsers": "All"}},
                "grantControls": {"builtInControls": "mfa", "operator": "OR"},
            }
        },
    ),
    Case(
        "a single action and assignment of compliance",
        {
            "CompliancePolicies/c.json": of(
                "iosCompliancePolicy",
                assignments=[to_all()],
                scheduledActionsForRule=[
                    {"scheduledActionConfigurations": [{"actionType": "block", "gracePeriodHours": 1}]}
                ],
            )
        },
        {
            "CompliancePolicies/c.json": of(
                "iosCompliancePolicy",
                assignments=to_all(),
                scheduledActionsForRule={
                    "scheduledActionConfigurations": {"actionType": "block", "gracePeriodHours": 1}
                },
            )
        },
    ),
    Case(
        "pairs swapped, odd length, another type",
        {"DeviceConfiguration/w.json": swapped(json.dumps(WIFI, indent=1))},
        {"DeviceConfiguration/w.json": swapped(json.dumps({**WIFI, "ssid": "bb"}, indent=1))},
        [(MODIFIED, "ssid")],
    ),
    # IntuneBackupAndRestore
    Case(
        "intents of one template apart by name",
        {
            f"Device Management Intents/T/{guid(5)}_A.json": without(INTENT, "templateId"),
            f"Device Management Intents/T/{guid(5)}_B.json": {**without(INTENT, "templateId"), "displayName": "J"},
        },
        {
            f"Device Management Intents/T/{guid(5)}_A.json": {
                **without(INTENT, "templateId"),
                "settingsDelta": [{"definitionId": "d", "valueJson": "2"}],
            },
            f"Device Management Intents/T/{guid(5)}_B.json": {**without(INTENT, "templateId"), "displayName": "J"},
        },
        [(MODIFIED, "d")],
        held={"endpoint_security_intent"},
    ),
    Case(
        "one definition value, then two",
        {"Administrative Templates/E.json": VALUE},
        {
            "Administrative Templates/E.json": [
                VALUE,
                {**VALUE, "definition@odata.bind": f"https://graph/x('{guid(8)}')"},
            ]
        },
        [(MODIFIED, guid(8))],
        held={"administrative_template"},
    ),
    Case(
        "a policy of two lost its assignments file",
        {f"Settings Catalog/{n}.json": without(catalog(n), "assignments") for n in (1, 2)}
        | {f"Settings Catalog/Assignments/{n}.json": [to_all()] for n in (1, 2)},
        {f"Settings Catalog/{n}.json": without(catalog(n), "assignments") for n in (1, 2)}
        | {"Settings Catalog/Assignments/1.json": to_all()},
        [(MODIFIED, "assignments")],
    ),
    Case(
        "settings in a folder of their own",
        {
            "Settings Catalog/p.json": without(catalog(), "settings"),
            "Settings Catalog/Settings/p.json": [setting("s", 1)],
        },
        {
            "Settings Catalog/p.json": without(catalog(), "settings"),
            "Settings Catalog/Settings/p.json": setting("s", 2) and [setting("s", 2)],
        },
        [(MODIFIED, "s")],
    ),
    # PowerShell
    Case(
        "PascalCase of a catalog policy",
        {"a.json": pascal(catalog())},
        {"a.json": pascal(catalog(value=2))},
        [(MODIFIED, "s")],
        held={"settings_catalog"},
    ),
    Case(
        "PascalCase against Graph's own names",
        {"a.json": catalog()},
        {"a.json": pascal(catalog())},
        held={"settings_catalog"},
    ),
    Case(
        "PascalCase: what nobody asked for is unread",
        {"a.json": {**WIFI, "assignments": [to_all()]}},
        {
            "a.json": {
                "Id": WIFI["id"],
                "DisplayName": "P",
                "Assignments": None,
                "AdditionalProperties": {"@odata.type": WIFI["@odata.type"], "ssid": "a"},
            }
        },
        held={"device_configuration"},
    ),
    Case(
        "cut to a hash",
        {"Conditional Access/c.json": CA},
        {"Conditional Access/c.json": {**CA, "conditions": {"users": "@{includeUsers=System.Object[]}"}}},
        held={"conditional_access"},
    ),
    Case(
        "cut to an array",
        {"x/c.json": of("iosCompliancePolicy", scheduledActionsForRule=[{"scheduledActionConfigurations": []}])},
        {"x/c.json": of("iosCompliancePolicy", scheduledActionsForRule=["System.Object[]"])},
        held={"compliance"},
    ),
    Case(
        "cut children",
        {"p.json": catalog()},
        {
            "p.json": catalog(
                settings=[
                    {
                        "settingInstance": {
                            "settingDefinitionId": "s",
                            "choiceSettingValue": {"value": "v", "children": ""},
                        }
                    }
                ]
            )
        },
        held={"settings_catalog"},
    ),
    Case(
        "a description may look like it",
        {"w.json": WIFI},
        {"w.json": {**WIFI, "description": "@{a=b}"}},
        [(MODIFIED, "description")],
    ),
    # Lists and pages
    Case(
        "a list under `filters`",
        {"all.json": {"filters": [FILTER, {**FILTER, "id": guid(4)}]}},
        {"all.json": {"filters": [{**FILTER, "rule": "b"}, {**FILTER, "id": guid(4)}]}},
        [(MODIFIED, "rule")],
    ),
    Case(
        "a list under `settings`",
        {"all.json": {"settings": [catalog(1), catalog(2)]}},
        {"all.json": {"settings": [catalog(1)]}},
        [(REMOVED, "")],
    ),
    Case(
        "the first page of another type",
        {"c.json": {"value": [of("iosCompliancePolicy", 1), of("iosCompliancePolicy", 2)]}},
        {"c.json": {"value": [of("iosCompliancePolicy", 1)], "@odata.nextLink": "https://x"}},
        held={"compliance"},
    ),
    Case(
        "a count says there is more",
        {"c.json": [FILTER, {**FILTER, "id": guid(4)}]},
        {"c.json": {"@odata.count": 2, "value": [FILTER]}},
        held={"assignment_filter"},
    ),
    Case(
        "settings that go on",
        {"p.json": catalog(settings=[setting("a", 1), setting("b", 1)])},
        {"p.json": catalog(settings=[setting("a", 1)]) | {"settings@odata.nextLink": "https://x"}},
        held={"settings_catalog"},
    ),
    Case(
        "a part's own page that goes on",
        {"p.json": without(catalog(), "settings"), "p_settings.json": {"value": [setting("a", 1), setting("b", 1)]}},
        {
            "p.json": without(catalog(), "settings"),
            "p_settings.json": {"value": [setting("a", 1)], "@odata.nextLink": "https://x"},
        },
        held={"settings_catalog"},
    ),
    Case(
        "more settings than there are",
        {"p.json": catalog(settingCount=1)},
        {"p.json": catalog(settingCount=2)},
        held={"settings_catalog"},
    ),
    # Parts that are absent
    Case(
        "no settings at all",
        {"p.json": catalog(value=1)},
        {"p.json": without(catalog(settingCount=1), "settings")},
        held={"settings_catalog"},
    ),
    Case(
        "no assignments in one file",
        {"w.json": {**WIFI, "assignments": [to_all()]}},
        {"w.json": without(WIFI, "assignments")},
        held={"device_configuration"},
    ),
    Case(
        "no definition values",
        {"t.json": of("groupPolicyConfiguration", definitionValues=[VALUE])},
        {"t.json": of("groupPolicyConfiguration")},
        held={"administrative_template"},
    ),
    Case(
        "what is known beside it is compared",
        {"w.json": {**WIFI, "assignments": [to_all()]}},
        {"w.json": {**without(WIFI, "assignments"), "ssid": "b"}},
        [(MODIFIED, "ssid")],
        {"device_configuration"},
    ),
    # Not recognised, not readable, on both sides
    Case(
        "not recognised in the folder of a type",
        {"Filters/f.json": FILTER},
        {"Filters/f.json": {"Foo": 1}},
        held={"assignment_filter"},
    ),
    Case(
        "not recognised beside files of one type",
        {f"x/{n}.json": of("iosCompliancePolicy", n) for n in (1, 2, 3)},
        {f"x/{n}.json": of("iosCompliancePolicy", n) for n in (1, 2)} | {"x/3.json": {"Foo": 1}},
        held={"compliance"},
    ),
    Case(
        "broken on both sides",
        {"Scripts/s.json": b"{", "w.json": WIFI},
        {"Scripts/s.json": b"{", "w.json": WIFI},
        held={"powershell_script"},
    ),
    Case(
        "broken on one side only, and new",
        {"w.json": WIFI},
        {"w.json": WIFI, "Filters/f.json": b"{"},
        held={"assignment_filter"},
    ),
    Case(
        "another tool's form",
        {"w.json": WIFI, "x.json": [{"ResourceName": "AADGroup"}]},
        {"w.json": WIFI, "x.json": {"RAWJson": "{}"}},
        held={"*"},
    ),
]


def export(folder: Path, files: Files) -> Side:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(yaml.safe_dump(content) if name.endswith((".yaml", ".yml")) else json.dumps(content))
    return folder_snapshot(folder)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_form_is_read_or_said_not_to_be(tmp_path: Path, case: Case) -> None:
    found = compared(export(tmp_path / "a", case.before), export(tmp_path / "b", case.after))
    told = [
        (one.kind.value, change.path if change else "") for one in found.findings for change in one.changes or (None,)
    ]
    assert len(told) == len(case.found), told
    assert all(
        kind == wanted and part in path for (kind, path), (wanted, part) in zip(told, case.found, strict=True)
    ), told
    assert {one.policy_type for one in found.withheld} == case.held
    document = {"comparisons": [1], "ignored": 0, "withheld": [one.as_json() for one in found.withheld]}
    assert (why_empty(document) == "Nothing drifted.") == (not case.held)


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(["settings", "assignments"]), st.integers(0, 5), st.booleans())
def test_a_part_left_out_is_not_read(
    tmp_path_factory: pytest.TempPathFactory, part: str, value: int, other: bool
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    whole = catalog(value=value, assignments=[to_all()], description="x" if other else "")
    found = compared(export(folder / "a", {"p.json": whole}), export(folder / "b", {"p.json": without(whole, part)}))
    assert not found.findings
    assert [(one.reason_code, one.part) for one in found.withheld] == [("part_not_read", part)]


@pytest.mark.parametrize(
    ("name", "content", "tool"),
    [
        ("M365TenantConfig.ps1", b"Configuration X {}", "Microsoft365DSC"),
        ("M365TenantConfig.json", [{"ResourceName": "X"}], "Microsoft365DSC"),
        ("r.json", {"ResourceInstanceName": "X", "DisplayName": "X", "Id": "x", "Settings": []}, "Microsoft365DSC"),
        ("t.json", {"GUID": "x", "RAWJson": "{}"}, "CIPP"),
        ("s.json", {"terraform_version": "1", "resources": []}, "Terraform"),
        ("terraform.tfstate", b"{}", "Terraform"),
    ],
)
def test_what_is_refused_says_whose_form_it_is(tmp_path: Path, name: str, content: Any, tool: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    try:
        said = folder_snapshot(tmp_path).failures[0].failure.message
    except BadInputError as problem:
        said = str(problem)
    assert tool in said


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join(['*' + before] * 10)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "a: &a [*a]\n",
        "a: !!python/object/apply:os.system [x]\n",
        "a: [1,\n",
        "a: 1\nb: cut off her",
        "a: 1\n---\nb: 2\n",
        "[" * 2000,
    ],
)
def test_yaml_that_is_none_or_too_much_is_unread(tmp_path: Path, text: str) -> None:
    side = export(tmp_path, {"Filters/f.yaml": text.encode(), "Filters/g.yaml": FILTER})
    assert len(side.policies) == 1
    assert len(side.failures) == 1


def test_yaml_holds_the_types_of_json(tmp_path: Path) -> None:
    values = {
        "a": "2025-01-01",
        "b": "yes",
        "c": "012",
        "d": "1e3",
        "e": None,
        "f": 1.5,
        "g": [True, -3],
        "h": "x: y\n",
    }
    body = {**WIFI, **values, "date": "2025-01-07T00:00:00Z"}
    one, other = export(tmp_path / "a", {"w.yaml": body}), export(tmp_path / "b", {"w.json": body})
    assert [policy.content_hash for policy in one.policies.values()] == [
        policy.content_hash for policy in other.policies.values()
    ]
