# ruff: noqa: E501 - a policy reads best with one part a line
"""Every leaf counts and no spelling does, on realistic policies: a changed leaf is found at its place, a rewritten policy is the same.

Each property runs 40 examples by default, 1,000 with TENANTATLAS_EXAMPLES=1000.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows._policies.base64_text import decoded
from flows._policies.content import PROSE, TEXTS
from flows._policies.json_shape import GUID
from flows._policies.noise import ANYWHERE, OF_ELEMENT, OF_POLICY
from flows._policies.types import BY_SLUG
from tests.support.drift_compare import compared, snapshot
from tests.unit.drift.test_kinds import FOLDER, G1, G2, catalog, of, several, simple, text, to

EXAMPLES = int(os.environ.get("TENANTATLAS_EXAMPLES", "40"))
examples = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

CHOICE = {
    "settingDefinitionId": "defender_x",
    "choiceSettingValue": {"value": "defender_x_1", "children": [simple("defender_x_limit", 30)]},
}
RULES = {
    "settingDefinitionId": "vendor_msft_firewall_rules",
    "groupSettingCollectionValue": [
        {"children": [simple("fw_name", name), simple("fw_port", port)]} for name, port in (("In", 80), ("Out", 443))
    ],
}
ACTIONS = [
    {"scheduledActionConfigurations": [
        {"actionType": "block", "gracePeriodHours": 0, "notificationMessageCCList": []},
        {"actionType": "notification", "gracePeriodHours": 24, "notificationTemplateId": G1, "notificationMessageCCList": ["a@x.example"]},
    ]}
]  # fmt: skip
POLICIES = [
    catalog(1, simple("a", 1), CHOICE, RULES, several("exclusions", "c:\\a", "c:\\b"), simple("since", "2026-01-07T00:00:00Z"), description="one\ntwo", assignments=[to("group", groupName="Floor 1"), to("exclusionGroup", groupName="Guests")]),
    of("windows10CompliancePolicy", 2, bitLockerEnabled=True, osMinimumVersion="10.0.19045", passwordMinimumLength=8, scheduledActionsForRule=ACTIONS, assignments=[to("allDevices", deviceAndAppManagementAssignmentFilterId="Pilots", deviceAndAppManagementAssignmentFilterType="include")]),
    of("conditionalAccessPolicy", 3, state="enabled", conditions={"users": {"includeUsers": ["All"], "excludeGroups": [G1, G2]}, "applications": {"includeApplications": ["All"]}}, grantControls={"operator": "OR", "builtInControls": ["mfa"], "authenticationStrength": {"id": G2}}),
    of("iosDeviceFeaturesConfiguration", 4, homeScreenDockIcons=[FOLDER], homeScreenPages=[{"displayName": "1", "icons": [{"displayName": "A", "bundleID": "a"}]}], lockScreenFootnote="call\n112", assignments=[to("group", groupId=G1, groupName="All")]),
    of("windows10CustomConfiguration", 5, omaSettings=[{"@odata.type": "#microsoft.graph.omaSettingInteger", "displayName": "A", "omaUri": "./a", "value": 3}, {"@odata.type": "#microsoft.graph.omaSettingString", "displayName": "B", "omaUri": "./b", "value": "two"}]),
    of("deviceManagementScript", 6, fileName="a.ps1", runAsAccount="system", enforceSignatureCheck=False, scriptContent=text("Write-Host 1", "Get-Date"), assignments=[to("group", groupName="Floor 1")]),
    of("iosManagedAppProtection", 7, pinRequired=True, periodOfflineBeforeAccessCheck="PT12H", apps=[{"id": "x", "mobileAppIdentifier": {"bundleId": "com.a"}}, {"mobileAppIdentifier": {"bundleId": "com.b"}}]),
    of("windowsUpdateForBusinessConfiguration", 8, qualityUpdatesPaused=False, installationSchedule={"activeHoursStart": "08:00:00", "activeHoursEnd": "17:00:00"}, qualityUpdatesPauseStartDate="2026-02-01"),
    of("windowsFeatureUpdateProfile", 9, featureUpdateVersion="Windows 11, version 24H2", rolloutSettings={"offerStartDateTimeInUTC": "2026-01-07T00:00:00Z"}),
    of("roleDefinition", 10, isBuiltIn=False, rolePermissions=[{"resourceActions": [{"allowedResourceActions": ["a_Read", "b_Read"], "notAllowedResourceActions": []}]}]),
    of("notificationMessageTemplate", 11, defaultLocale="en-us", localizedNotificationMessages=[{"locale": "en-us", "subject": "s", "messageTemplate": "one\ntwo", "isDefault": True}, {"locale": "de-de", "subject": "s", "messageTemplate": "drei", "isDefault": False}]),
    of("deviceAndAppManagementAssignmentFilter", 12, platform="windows10AndLater", rule='(device.model -eq "A")', payloads=[{"payloadId": G1}]),
    of("windowsDriverUpdateProfile", 13, approvalType="manual", deploymentDeferralInDays=3, newUpdates=4, deviceReporting=5, inventorySyncStatus={"driverInventorySyncState": "success"}),
    of("deviceEnrollmentPlatformRestrictionsConfiguration", 14, priority=1, iosRestriction={"platformBlocked": False, "osMinimumVersion": "17.0"}),
    of("windows10VpnConfiguration", 15, servers=[{"description": "d", "address": "vpn.example", "isDefaultServer": True}], dnsSuffixes=["a.example", "b.example"], dnsRules=[{"name": "r", "servers": ["10.0.0.1"]}]),
]  # fmt: skip
KEPT = {"newUpdates", "deviceReporting", "inventorySyncStatus", "payloads"}
Place = tuple[Any, ...]


def leaves(value: Any, place: Place = (), of_type: str = "") -> Iterator[Place]:
    """The way to every scalar that says something about the policy; `of_type` knows what the service keeps of such a one."""
    parent = next((step for step in reversed(place) if isinstance(step, str)), None)
    if isinstance(value, dict):
        for key, item in value.items():
            kept = frozenset(KEPT)
            if of_type:
                entry = BY_SLUG[of_type]
                kept = entry.content.kept | {entry.collections[0].id_property}
            noise = (
                ANYWHERE | OF_POLICY | kept | {"@odata.type"}
                if not place
                else ANYWHERE | OF_ELEMENT.get(str(parent), frozenset()) | {"@odata.type"}
            )
            both = key == "groupName" and "groupId" in value
            if key not in noise and not both:
                yield from leaves(item, (*place, key), of_type)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*place, index), of_type)
    elif value is not None:
        yield place


LEAVES = [(number, place) for number, policy in enumerate(POLICIES) for place in leaves(policy)]


def changed(value: Any, key: Any) -> Any:
    if key in TEXTS:
        return text(*decoded(value).split("\n"), "Stop-Process -Id 1")
    if isinstance(value, bool):
        return not value
    if isinstance(value, str) and value.endswith("')"):
        # An address stays one: another object, not none.
        return f"{value[:-2]}x')"
    return value + 1 if isinstance(value, int) else "2027-12-01T00:00:00Z" if value.endswith("Z") else f"{value}x"


@examples
@given(st.sampled_from(LEAVES))
def test_a_changed_leaf_is_found_at_its_place(leaf: tuple[int, Place]) -> None:
    number, place = leaf
    body = json.loads(json.dumps(POLICIES[number]))
    holder = body
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = changed(holder[place[-1]], place[-1])
    findings = compared(snapshot(POLICIES), snapshot([*POLICIES[:number], body, *POLICIES[number + 1 :]])).findings
    assert [finding.policy_id for finding in findings] == [body["id"]]
    top = "settingInstance" if place[0] == "settings" else str(place[0])
    paths = [change.path for change in findings[0].changes]
    wanted = _definitions(POLICIES[number]) if top == "settingInstance" else {top}
    assert all(any(one in path or path in one for one in {*wanted, *_definitions(body)}) for path in paths), paths


def _definitions(body: dict[str, Any]) -> set[str]:
    found = {item["settingInstance"]["settingDefinitionId"] for item in body.get("settings", [])}
    return found


@examples
@given(st.integers(0, len(POLICIES) - 1), st.integers(0, 2**32))
def test_a_rewritten_policy_is_the_same(number: int, seed: int) -> None:
    policy = POLICIES[number]
    assert compared(snapshot([policy]), snapshot([rewritten(policy, random.Random(seed))])).findings == []


FOLLOWED = {"homeScreenDockIcons", "homeScreenPages", "icons", "pages", "dnsSuffixes"}


def rewritten(body: dict[str, Any], chance: random.Random, *, untyped: bool = False) -> dict[str, Any]:
    """The same policy as another tool would write it: order, nulls, spelling of numbers, dates, durations and ids, metadata, line
    ends.

    `untyped` leaves the values of OMA settings: without metadata only the value says of which kind it is.
    """
    bare = chance.random() < 0.3

    def again(value: Any, name: str | None, holder: str | None) -> Any:
        if isinstance(value, dict):
            items = [(key, again(item, key, name)) for key, item in value.items()]
            if name in ("target", "omaSettings") or name is None or not bare:
                items += (
                    [("x@odata.type", "#Collection(String)"), ("@odata.id", "https://graph.example/x")]
                    if not bare
                    else []
                )
            items += [(key, chance.choice([None, [], {}])) for key in ("never", "set") if chance.random() < 0.5]
            if name is None:
                items += [("lastModifiedDateTime", "2026-08-01T00:00:00Z"), ("version", chance.randrange(99))]
            chance.shuffle(items)
            return dict(items)
        if isinstance(value, list):
            members = [again(item, name, holder) for item in value]
            if name not in FOLLOWED and (holder, name) not in {("pages", "apps"), ("dnsRules", "servers")}:
                chance.shuffle(members)
            return members
        if name in TEXTS or name == "@odata.type" or value is None or (untyped and holder == "omaSettings"):
            return value
        if isinstance(value, bool):
            return chance.choice([value, str(value), str(value).lower()])
        if isinstance(value, int):
            return chance.choice([value, str(value), float(value)])
        return spelt(value, str(name), chance)

    return again(body, None, None)


def spelt(value: str, name: str, chance: random.Random) -> str:
    if value.endswith("Z") and value[4:5] == "-":
        moment = datetime.fromisoformat(value)
        away = moment.astimezone(timezone(timedelta(hours=chance.randrange(-11, 13))))
        return chance.choice([value, f"{value[:-1]}.0000000Z", f"{value[:-1]}+00:00", away.isoformat()])
    if len(value) == 8 and value[2] == value[5] == ":":
        return chance.choice([value, f"{value}.0000000"])
    if GUID.fullmatch(value):
        return chance.choice([value, value.upper()])
    if re.fullmatch(r"PT\d+H", value):
        return chance.choice([value, f"PT{int(value[2:-1]) * 60}M", f"PT{int(value[2:-1]) * 3600}S"])
    if name in PROSE:
        value = value.replace("\n", chance.choice(["\n", " \n", "\r\n"])) + chance.choice(["", " ", "\r\n"])
    return value.replace("\r\n", "\n").replace("\n", chance.choice(["\n", "\r\n"]))
