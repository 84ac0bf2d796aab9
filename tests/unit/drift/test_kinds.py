# ruff: noqa: E501 - a table reads best with one case a line
"""Each kind of the cases again, on other tools' forms and other policy types: a table of pairs and what they must give."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flows.drift.comparison.names import named
from flows.drift.comparison.severity import Severity
from tests.support.drift_compare import FINGERPRINT, compared, folder_snapshot, snapshot

GRAPH = "#microsoft.graph."
G1, G2 = (f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in (1, 2))
Files = Mapping[str, Any]


class Kind(NamedTuple):
    """Two sides as files, and the changes expected: (kind, part of the path, change)."""

    name: str
    before: Files
    after: Files
    expected: list[tuple[str, str, str]]
    at_least: Severity = Severity.INFO


def of(odata: str, number: int | None = 1, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"@odata.type": GRAPH + odata, "displayName": "P", "roleScopeTagIds": ["0"], **more}
    return body if number is None else {"id": f"bbbbbbbb-0000-4000-8000-{number:012}", **body}


def catalog(number: int | None, *settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": "P",
        "platforms": "windows10",
        "technologies": "mdm",
        "settings": [{"settingInstance": setting} for setting in settings],
        **more,
    }
    return body if number is None else {"id": f"bbbbbbbb-0000-4000-8000-{number:012}", **body}


def simple(definition: str, value: Any) -> dict[str, Any]:
    return {"settingDefinitionId": definition, "simpleSettingValue": {"value": value}}


def several(definition: str, *values: Any) -> dict[str, Any]:
    return {"settingDefinitionId": definition, "simpleSettingCollectionValue": [{"value": value} for value in values]}


def to(target: str, **more: Any) -> dict[str, Any]:
    return {"target": {"@odata.type": f"{GRAPH}{target}AssignmentTarget", **more}}


def text(*lines: str, end: str = "\n") -> str:
    return base64.b64encode(end.join(lines).encode()).decode()


def one(
    name: str, odata: str, before: Any, after: Any, *found: tuple[str, str], least: Severity = Severity.INFO
) -> Kind:
    """One policy with other properties on each side."""
    changes = [("policy_modified", path, change) for path, change in found]
    return Kind(name, {"x.json": of(odata, **before)}, {"x.json": of(odata, **after)}, changes, least)


def some(odata: str, count: int, **more: Any) -> Files:
    return {f"{n}.json": of(odata, n, displayName=f"P{n}", **more) for n in range(1, count + 1)}


IDENTITY = [
    Kind(
        "two kinds of one name in compliance",
        {"a.json": of("iosCompliancePolicy", None, x=1), "b.json": of("macOSCompliancePolicy", None, x=1)},
        {"a.json": of("iosCompliancePolicy", None, x=2), "b.json": of("macOSCompliancePolicy", None, x=1)},
        [("policy_modified", "x", "changed")],
    ),
    Kind(
        "one name, one kind, two files: the one that is left is still itself",
        {
            "P_1.json": of("iosGeneralDeviceConfiguration", None, x=1),
            "P_2.json": of("iosGeneralDeviceConfiguration", None, x=2),
        },
        {"P_2.json": of("iosGeneralDeviceConfiguration", None, x=2)},
        [("policy_removed", "", "")],
    ),
    Kind(
        "one name for two platforms in the settings catalog",
        {"m.json": catalog(None, simple("d", 1), platforms="macOS"), "w.json": catalog(None, simple("d", 1))},
        {"m.json": catalog(None, simple("d", 1), platforms="macOS"), "w.json": catalog(None, simple("d", 5))},
        [("policy_modified", "d", "changed")],
    ),
    Kind(
        "names that differ by case, one removed",
        {
            "a.json": of("iosCompliancePolicy", None, x=1),
            "b.json": of("iosCompliancePolicy", None, displayName="p", x=1),
        },
        {"b.json": of("iosCompliancePolicy", None, displayName="p", x=1)},
        [("policy_removed", "", "")],
    ),
    Kind(
        "a file that was renamed is not a change",
        {"old.json": of("iosCompliancePolicy", None, x=1)},
        {"new.json": of("iosCompliancePolicy", None, x=1)},
        [],
    ),
    Kind(
        "a file that was renamed and its policy changed",
        {"P 2026-10-05.json": of("windowsUpdateForBusinessConfiguration", None, x=1)},
        {"Updates.json": of("windowsUpdateForBusinessConfiguration", None, x=2)},
        [("policy_modified", "x", "changed")],
    ),
    *(
        Kind(
            f"a rename is one rename: {odata or 'settings catalog'}",
            {"old.json": body | {key: "Old"}},
            {"new.json": body | {key: "New"}},
            [("policy_modified", key, "changed")],
        )
        for odata, key, body in (
            ("androidCompliancePolicy", "displayName", of("androidCompliancePolicy", None, x=1)),
            ("", "name", catalog(None, simple("d", 1))),
            ("deviceShellScript", "displayName", of("deviceShellScript", None, scriptContent=text("echo", "x"))),
        )
    ),
]

ASSIGNMENTS = [
    one(
        "another group by name",
        "windowsKioskConfiguration",
        {"assignments": [to("group", groupName="Floor 1")]},
        {"assignments": [to("group", groupName="Floor 2")]},
        ("assignments[group, Floor 1]", "removed"),
        ("assignments[group, Floor 2]", "added"),
    ),
    one(
        "one group by name on one side and by id and name on the other",
        "iosCompliancePolicy",
        {"assignments": [to("group", groupName="Floor 1")]},
        {"assignments": [to("group", groupId=G1, groupName="Floor 1")]},
    ),
    one(
        "a name that two ids share stays a name",
        "iosCompliancePolicy",
        {"assignments": [to("group", groupName="F")]},
        {"assignments": [to("group", groupId=G1, groupName="F"), to("group", groupId=G2, groupName="F")]},
        ("assignments", "removed"),
        ("assignments", "added"),
        ("assignments", "added"),
    ),
    one(
        "another filter by name",
        "deviceManagementScript",
        {"assignments": [to("allDevices", deviceAndAppManagementAssignmentFilterId="Pilots")]},
        {"assignments": [to("allDevices", deviceAndAppManagementAssignmentFilterId="pilots")]},
        ("assignments[all_devices]", "changed"),
    ),
    one(
        "a deleted group is known by its id",
        "iosGeneralDeviceConfiguration",
        {"assignments": [to("group", groupId=G1, groupName="F")]},
        {"assignments": [to("group", groupId=G1, groupName=None)]},
    ),
    one(
        "an exclusion by name that became an inclusion",
        "macOSCompliancePolicy",
        {"assignments": [to("exclusionGroup", groupDisplayName="Guests")]},
        {"assignments": [to("group", groupDisplayName="Guests")]},
        ("assignments[group, Guests]", "changed"),
        least=Severity.HIGH,
    ),
]

EVERYWHERE = [
    Kind(
        f"turned off everywhere: {path} of {odata}",
        some(odata, 4, **{path: before}),
        some(odata, 4, **{path: after}),
        [("policy_modified", path, change)] * 4,
        least,
    )
    for odata, path, before, after, change, least in (
        ("iosManagedAppProtection", "saveAsBlocked", True, False, "changed", Severity.HIGH),
        ("windowsUpdateForBusinessConfiguration", "qualityUpdatesPaused", False, True, "changed", Severity.HIGH),
        ("windows10CompliancePolicy", "tpmRequired", True, None, "removed", Severity.HIGH),
        ("deviceManagementScript", "enforceSignatureCheck", True, False, "changed", Severity.HIGH),
        ("windows10EndpointProtectionConfiguration", "firewallBlockStatefulFTP", None, True, "added", Severity.HIGH),
    )
]
SEVERE = [
    one(
        "a country that is trusted now",
        "countryNamedLocation",
        {"countriesAndRegions": ["DE"], "createdDateTime": "2026-01-01T00:00:00Z"},
        {"countriesAndRegions": ["DE", "KP"], "createdDateTime": "2026-01-01T00:00:00Z"},
        ("countriesAndRegions", "changed"),
        least=Severity.HIGH,
    ),
    one(
        "personal devices may enrol",
        "deviceEnrollmentPlatformRestrictionsConfiguration",
        {"iosRestriction": {"personalDeviceEnrollmentBlocked": True}},
        {"iosRestriction": {"personalDeviceEnrollmentBlocked": False}},
        ("personalDeviceEnrollmentBlocked", "changed"),
        least=Severity.HIGH,
    ),
    one(
        "a filter that lets everyone through",
        "deviceAndAppManagementAssignmentFilter",
        {"rule": '(device.model -eq "A")'},
        {"rule": '(device.model -ne "")'},
        ("rule", "changed"),
        least=Severity.HIGH,
    ),
    one(
        "a role that may do more",
        "roleDefinition",
        {"rolePermissions": [{"resourceActions": [{"allowedResourceActions": ["a_Read"]}]}]},
        {"rolePermissions": [{"resourceActions": [{"allowedResourceActions": ["a_Read", "a_Delete"]}]}]},
        ("allowedResourceActions", "changed"),
        least=Severity.HIGH,
    ),
    Kind(
        "another version for all devices",
        {"x.json": of("windowsFeatureUpdateProfile", featureUpdateVersion="Windows 11, version 24H2")},
        {"x.json": of("windowsFeatureUpdateProfile", featureUpdateVersion="Windows 11, version 25H2")},
        [("policy_modified", "featureUpdateVersion", "changed")],
        Severity.HIGH,
    ),
    *(
        Kind(
            f"made again with less: {path}",
            {"x.json": of(odata, 1, a=1, b=2, c=3, **{path: before})},
            {"x.json": of(odata, 2, a=1, b=2, c=3, **{path: after})},
            [("policy_recreated", path, "changed")],
            Severity.HIGH,
        )
        for odata, path, before, after in (
            ("iosManagedAppProtection", "pinRequired", True, False),
            ("macOSEndpointProtectionConfiguration", "firewallEnabled", True, False),
            ("conditionalAccessPolicy", "state", "enabled", "disabled"),
        )
    ),
]

NOISE = [
    one("an instant with an offset", "windowsFeatureUpdateProfile", {"at": "2026-01-07T01:00:00+01:00"}, {"at": "2026-01-07T00:00:00Z"}),
    one("an instant with a fraction", "iosUpdateConfiguration", {"at": "2026-01-07T00:00:00.50Z"}, {"at": "2026-01-07T00:00:00.5000000Z"}),
    one("another instant", "iosUpdateConfiguration", {"at": "2026-01-07T00:00:00Z"}, {"at": "2026-01-07T00:00:00+01:00"}, ("at", "changed")),
    one("a time of day", "windowsUpdateForBusinessConfiguration", {"at": "08:00:00.0000000"}, {"at": "08:00:00"}),
    one("a filter's users", "deviceAndAppManagementAssignmentFilter", {"rule": "r", "payloads": [{"payloadId": "1"}]}, {"rule": "r", "payloads": []}),
    one("spaces in a description", "iosCompliancePolicy", {"description": "a \r\nb\r\n"}, {"description": "a\nb"}),
    one("line ends of a message", "iosGeneralDeviceConfiguration", {"lockScreenFootnote": "a\r\nb"}, {"lockScreenFootnote": "a\nb"}),
    one("a cleared version", "androidCompliancePolicy", {"osMinimumVersion": ""}, {"osMinimumVersion": None}),
    one("an empty publisher", "deviceHealthScript", {"publisher": ""}, {}),
    Kind("a setting's instant", {"x.json": catalog(1, simple("t", "2026-01-01T00:00:00Z"))}, {"x.json": catalog(1, simple("t", "2026-01-01T00:00:00.000Z"))}, []),
]  # fmt: skip

FOLDER = {"displayName": "Work", "pages": [{"displayName": "1", "apps": [{"bundleID": "a"}, {"bundleID": "b"}]}]}
SWAPPED = {"displayName": "Work", "pages": [{"displayName": "1", "apps": [{"bundleID": "b"}, {"bundleID": "a"}]}]}
ORDER = [
    one("a folder's apps", "iosDeviceFeaturesConfiguration", {"homeScreenDockIcons": [FOLDER]}, {"homeScreenDockIcons": [SWAPPED]}, ("homeScreen", "changed")),
    one("pages", "iosDeviceFeaturesConfiguration", {"homeScreenPages": [{"displayName": "1"}, {"displayName": "2"}]}, {"homeScreenPages": [{"displayName": "2"}, {"displayName": "1"}]}, ("homeScreen", "changed")),
    one("DNS suffixes", "windows10VpnConfiguration", {"dnsSuffixes": ["a", "b"]}, {"dnsSuffixes": ["b", "a"]}, ("dnsSuffixes", "changed")),
    one("an app protection's apps have no order", "androidManagedAppProtection", {"apps": [{"mobileAppIdentifier": {"packageId": "a"}}, {"mobileAppIdentifier": {"packageId": "b"}}]}, {"apps": [{"mobileAppIdentifier": {"packageId": "b"}}, {"mobileAppIdentifier": {"packageId": "a"}}]}),
    one("firewall rules have no order", "windows10EndpointProtectionConfiguration", {"firewallRules": [{"displayName": "a", "action": "allow"}, {"displayName": "b", "action": "blocked"}]}, {"firewallRules": [{"displayName": "b", "action": "blocked"}, {"displayName": "a", "action": "allow"}]}),
    Kind("servers of the catalog", {"x.json": catalog(1, several("com.apple.dnssettings_serveraddresses", "1.1.1.1", "9.9.9.9"))}, {"x.json": catalog(1, several("com.apple.dnssettings_serveraddresses", "9.9.9.9", "1.1.1.1"))}, [("policy_modified", "serveraddresses", "changed")]),
    Kind("other lists of the catalog", {"x.json": catalog(1, several("defender_exclusions", "a", "b"))}, {"x.json": catalog(1, several("defender_exclusions", "b", "a"))}, []),
]  # fmt: skip

KINDS = [*IDENTITY, *ASSIGNMENTS, *EVERYWHERE, *SEVERE, *NOISE, *ORDER]


def sides(tmp_path: Path, kind: Kind) -> tuple[Path, Path]:
    for side, files in (("a", kind.before), ("b", kind.after)):
        for name, body in files.items():
            path = tmp_path / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(body))
    return tmp_path / "a", tmp_path / "b"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_found_wherever_it_occurs(kind: Kind, tmp_path: Path) -> None:
    before, after = map(folder_snapshot, sides(tmp_path, kind))
    assert [one for one in (*before.failures, *after.failures) if not one.no_policy] == []
    comparison = compared(before, after)
    found = [
        (finding.kind.value, change.path if change else "", change.kind.value if change else "")
        for finding in comparison.findings
        for change in (finding.changes or (None,))
    ]
    assert len(found) == len(kind.expected), found
    for wanted, part, how in kind.expected:
        match = next((entry for entry in found if entry[::2] == (wanted, how) and part in entry[1]), None)
        assert match is not None, found
        found.remove(match)
    assert all(finding.severity.at_least(kind.at_least) for finding in comparison.findings), comparison.findings


def test_a_rename_says_so_and_an_assignment_says_id_and_name(tmp_path: Path) -> None:
    renamed = next(kind for kind in KINDS if kind.name.startswith("a rename is one rename"))
    finding = compared(*map(folder_snapshot, sides(tmp_path / "1", renamed))).findings[0]
    assert finding.notes == ("renamed, before: Old",)
    assert finding.previous_policy_id is not None
    target = to("group", groupId=G1, groupName="Floor 1", deviceAndAppManagementAssignmentFilterId="Pilots")
    assigned = one("", "iosCompliancePolicy", {"assignments": []}, {"assignments": [target]})
    finding = compared(*map(folder_snapshot, sides(tmp_path / "2", assigned))).findings[0]
    change = named([finding.as_json("", None)], {})[0]["changes"][0]
    assert change["group"] == {"id": G1, "name": "Floor 1"}
    assert change["filter"] == {"name": "Pilots"}


SCRIPT = ("#!/bin/bash", "set -e", "limit={}", "TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ01{}", "echo done")
HOLDERS = {
    "shell": lambda script: of("deviceShellScript", scriptContent=script),
    "remediation": lambda script: of("deviceHealthScript", publisher="x", detectionScriptContent=script),
    "oma": lambda script: of(
        "windows10CustomConfiguration", omaSettings=[{"omaUri": "./x", "displayName": "a", "value": script}]
    ),
    "catalog": lambda script: catalog(1, simple("linux_customcompliance_discoveryscript", script), platforms="linux"),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_line_of_a_script_is_seen_and_its_secret_is_not(holder: str) -> None:
    def side(limit: int, token: int) -> Any:
        lines = "\n".join(SCRIPT).format(limit, token)
        return snapshot([HOLDERS[holder](text(*lines.split("\n")))])

    (line,) = (change["diff"] for one in compared(side(1, 23), side(2, 23)).findings for change in one.changes_json())
    assert "-limit=1\n+limit=2" in line
    (secret,) = (change["diff"] for one in compared(side(1, 23), side(1, 45)).findings for change in one.changes_json())
    assert secret.count("\n-TOKEN=secret:v1:") == secret.count("\n+TOKEN=secret:v1:") == 1
    assert "ghp_" not in line + secret


def test_a_script_that_an_older_rule_kept_as_one_fingerprint_is_the_same_script() -> None:
    script = text("#!/bin/bash", "set -e", "echo done")
    held = HOLDERS["catalog"](FINGERPRINT(script))
    assert compared(snapshot([held]), snapshot([HOLDERS["catalog"](script)])).findings == []
    other = HOLDERS["catalog"](text("#!/bin/bash", "set -e", "rm -rf /"))
    assert len(compared(snapshot([held]), snapshot([other])).findings) == 1
