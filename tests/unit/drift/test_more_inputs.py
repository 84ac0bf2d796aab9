# ruff: noqa: E501 - a pair reads best in few lines
# fmt: off
"""Pairs of exports as other tools write them and of other types than the cases: what is found, and what is said to be unread."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.drift_compare import compared, folder_snapshot

GRAPH = "#microsoft.graph."
Body = dict[str, Any]
Pair = tuple[str, Body, Body]


def guid(number: int) -> str:
    return f"eeeeeeee-0000-4000-8000-{number:012}"


def of(odata: str, number: int | None = 1, **more: Any) -> Body:
    body: Body = {"@odata.type": GRAPH + odata, "displayName": "P", "assignments": [], "roleScopeTagIds": ["0"], **more}
    return body if number is None else {"id": guid(number), **body}


def catalog(number: int | None, *settings: Any, **more: Any) -> Body:
    body: Body = {"name": "P", "platforms": "windows10", "technologies": "mdm", "assignments": [], "settings": list(settings), **more}
    return body if number is None else {"id": guid(number), **body}


def simple(definition: str, value: Any) -> Body:
    return {"id": "0", "settingInstance": {"settingDefinitionId": definition, "simpleSettingValue": {"value": value}}}


def group(**more: Any) -> Body:
    return {"target": {"@odata.type": GRAPH + "groupAssignmentTarget", **more}}


def without(body: Body, *names: str) -> Body:
    return {key: value for key, value in body.items() if key not in names}


def pascal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if key.startswith("@") else key[:1].upper() + key[1:]: pascal(item) for key, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value


def utf16(value: Any) -> bytes:
    return b"\xff\xfe" + json.dumps(value).encode("utf-16-le")


FILTER = {"id": guid(3), "displayName": "F", "platform": "iOS", "rule": "a"}


def pairs() -> Iterator[Pair]:
    # identity
    yield (
        "icd esp default+custom same name same type no ids, files by suffix",
        {"Enrollment Configurations/All users_limit.json": of("deviceEnrollmentLimitConfiguration", None, displayName="All users", limit=5, priority=0), "Enrollment Configurations/All users_esp.json": of("windows10EnrollmentCompletionPageConfiguration", None, displayName="All users", priority=0)},
        {"Enrollment Configurations/All users_limit.json": of("deviceEnrollmentLimitConfiguration", None, displayName="All users", limit=6, priority=0), "Enrollment Configurations/All users_esp.json": of("windows10EnrollmentCompletionPageConfiguration", None, displayName="All users", priority=0)},
    )
    yield "rename + one setting changed, no id", {"a.json": catalog(None, simple("d", 1), simple("e", 2), simple("f", 3), name="Old")}, {"a.json": catalog(None, simple("d", 1), simple("e", 2), simple("f", 9), name="New")}
    yield "file rename by tool with id in name", {f"P__{guid(1)}.json": without(catalog(1, simple("d", 1)), "id")}, {f"P__{guid(1)}.json": without(catalog(1, simple("d", 2)), "id")}
    yield "id upper case vs lower", {"a.json": catalog(1, simple("d", 1))}, {"a.json": {**catalog(1, simple("d", 1)), "id": guid(1).upper()}}
    yield "no-id against id (icd vs im)", {"a.json": catalog(None, simple("d", 1))}, {"a.json": catalog(1, simple("d", 2))}
    yield "name trailing space", {"a.json": catalog(1, simple("d", 1), name="P ")}, {"a.json": catalog(1, simple("d", 1), name="P")}
    # assignments
    yield (
        "icd assignment with groupName + groupType",
        {
            "a.json": of(
                "iosCompliancePolicy", None, assignments=[{"intent": "apply", "target": {"@odata.type": GRAPH + "groupAssignmentTarget", "groupName": "A", "groupType": "StaticMembership", "deviceAndAppManagementAssignmentFilterId": None, "deviceAndAppManagementAssignmentFilterType": "none"}}]
            )
        },
        {
            "a.json": of(
                "iosCompliancePolicy", None, assignments=[{"intent": "apply", "target": {"@odata.type": GRAPH + "groupAssignmentTarget", "groupName": "A", "groupType": "DynamicMembership", "deviceAndAppManagementAssignmentFilterId": None, "deviceAndAppManagementAssignmentFilterType": "none"}}]
            )
        },
    )
    yield "deleted group: groupName null and id kept vs other id", {"a.json": of("iosCompliancePolicy", 1, assignments=[group(groupId=guid(7), groupName=None)])}, {"a.json": of("iosCompliancePolicy", 1, assignments=[group(groupId=guid(8), groupName=None)])}
    yield (
        "filter name swapped by displayName",
        {"a.json": of("iosCompliancePolicy", 1, assignments=[group(groupId=guid(7), deviceAndAppManagementAssignmentFilterId=None, deviceAndAppManagementAssignmentFilterName="F1", deviceAndAppManagementAssignmentFilterType="include")])},
        {"a.json": of("iosCompliancePolicy", 1, assignments=[group(groupId=guid(7), deviceAndAppManagementAssignmentFilterId=None, deviceAndAppManagementAssignmentFilterName="F2", deviceAndAppManagementAssignmentFilterType="include")])},
    )
    yield "assignments as dict with value (graph nested page)", {"a.json": of("iosCompliancePolicy", 1, assignments=[group(groupId=guid(7))])}, {"a.json": of("iosCompliancePolicy", 1, assignments={"value": [group(groupId=guid(7))]})}
    yield "assignments@odata.nextLink", {"a.json": of("iosCompliancePolicy", 1, assignments=[group(groupId=guid(7)), group(groupId=guid(8))])}, {"a.json": {**of("iosCompliancePolicy", 1, assignments=[group(groupId=guid(7))]), "assignments@odata.nextLink": "https://x"}}
    # everywhere
    yield (
        "android everywhere: storageRequireEncryption off in 5",
        {f"{n}.json": of("androidCompliancePolicy", n, displayName=f"A{n}", storageRequireEncryption=True) for n in range(1, 6)},
        {f"{n}.json": of("androidCompliancePolicy", n, displayName=f"A{n}", storageRequireEncryption=False) for n in range(1, 6)},
    )
    yield "catalog: everywhere defender off 4", {f"{n}.json": catalog(n, simple("defender_rtp", 1), name=f"A{n}") for n in range(1, 5)}, {f"{n}.json": catalog(n, simple("defender_rtp", 0), name=f"A{n}") for n in range(1, 5)}
    yield "platform adds prop in all 4", {f"{n}.json": of("macOSCompliancePolicy", n, displayName=f"A{n}") for n in range(1, 5)}, {f"{n}.json": of("macOSCompliancePolicy", n, displayName=f"A{n}", gatekeeperAllowedAppSource="notConfigured") for n in range(1, 5)}
    # unread
    yield (
        "truncated in nested folder both",
        {"Compliance Policies/Policies/x.json": b'{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"X","pass', "Filters/f.json": {"id": guid(3), "displayName": "F", "platform": "iOS", "rule": "a"}},
        {"Compliance Policies/Policies/x.json": b'{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"X","pass', "Filters/f.json": {"id": guid(3), "displayName": "F", "platform": "iOS", "rule": "a"}},
    )
    yield "empty file", {"Filters/f.json": {"id": guid(3), "displayName": "F", "platform": "iOS", "rule": "a"}}, {"Filters/f.json": b"", " x.json": catalog(1, simple("d", 1))}
    yield "html error page saved as json", {"Filters/f.json": {"id": guid(3), "displayName": "F", "platform": "iOS", "rule": "a"}, "w.json": catalog(1, simple("d", 1))}, {"Filters/f.json": b"<!doctype html><html>401</html>", "w.json": catalog(1, simple("d", 1))}
    yield "graph error answer", {"CompliancePolicies/c.json": of("iosCompliancePolicy"), "w.json": catalog(2, simple("d", 1))}, {"CompliancePolicies/c.json": {"error": {"code": "Forbidden", "message": "x"}}, "w.json": catalog(2, simple("d", 1))}
    yield (
        "scheduledActions cut to hashtable",
        {"c.json": of("windows10CompliancePolicy", scheduledActionsForRule=[{"scheduledActionConfigurations": [{"actionType": "block"}]}])},
        {"c.json": of("windows10CompliancePolicy", scheduledActionsForRule=[{"scheduledActionConfigurations": "System.Collections.Hashtable"}])},
    )
    yield "ps5 cut '@{...}' in settings list", {"c.json": catalog(1, simple("d", 1))}, {"c.json": catalog(1, "@{id=0; settingInstance=}")}
    yield "settingCount 0 and settings absent", {"c.json": {**catalog(1, settingCount=0)}}, {"c.json": without(catalog(1, settingCount=0), "settings")}
    # forms
    yield (
        "IM custom profile UTF16",
        {"DeviceConfiguration/w.json": utf16(of("windows10CustomConfiguration", omaSettings=[{"@odata.type": GRAPH + "omaSettingString", "omaUri": "./a", "displayName": "a", "value": "x"}]))},
        {"DeviceConfiguration/w.json": utf16(of("windows10CustomConfiguration", omaSettings={"@odata.type": GRAPH + "omaSettingString", "omaUri": "./a", "displayName": "a", "value": "y"}))},
    )
    yield (
        "pascal CA",
        {"c.json": pascal({"id": guid(9), "displayName": "CA", "state": "enabled", "conditions": {"users": {"includeUsers": ["All"]}}, "grantControls": {"builtInControls": ["mfa"]}})},
        {"c.json": pascal({"id": guid(9), "displayName": "CA", "state": "disabled", "conditions": {"users": {"includeUsers": ["All"]}}, "grantControls": {"builtInControls": ["mfa"]}})},
    )
    yield (
        "pascal app protection with AdditionalProperties",
        {"c.json": {"Id": guid(9), "DisplayName": "AP", "PinRequired": True, "MinimumPinLength": 4, "Assignments": [], "AdditionalProperties": {"@odata.type": GRAPH + "iosManagedAppProtection"}}},
        {"c.json": {"Id": guid(9), "DisplayName": "AP", "PinRequired": False, "MinimumPinLength": 4, "Assignments": [], "AdditionalProperties": {"@odata.type": GRAPH + "iosManagedAppProtection"}}},
    )
    yield "a script in YAML", {"Scripts/Powershell/s.yml": of("deviceManagementScript", None, scriptContent=base64.b64encode(b"a\nb").decode())}, {"Scripts/Powershell/s.yml": of("deviceManagementScript", None, scriptContent=base64.b64encode(b"a\nc").decode())}
    yield (
        "IntuneCD's script as plain text, the file beside it",
        {"Scripts/Powershell/s.json": of("deviceManagementScript", None, fileName="s.ps1", scriptContent="Write-Host 1\r\n"), "Scripts/Powershell/Script Data/s.ps1": b"Write-Host 1"},
        {"Scripts/Powershell/s.json": of("deviceManagementScript", None, fileName="s.ps1", scriptContent="Write-Host 2\r\n"), "Scripts/Powershell/Script Data/s.ps1": b"Write-Host 2"},
    )
    yield (
        "a page of Conditional Access, one gone",
        {
            "ca.json": {
                "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/policies",
                "value": [{"id": guid(1), "displayName": "A", "state": "enabled", "conditions": {}, "grantControls": None}, {"id": guid(2), "displayName": "B", "state": "enabled", "conditions": {}, "grantControls": None}],
            }
        },
        {"ca.json": {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/policies", "value": [{"id": guid(2), "displayName": "B", "state": "disabled", "conditions": {}, "grantControls": None}]}},
    )
    yield "list under 'policies' key with count", {"x.json": {"policies": [catalog(1, simple("d", 1)), catalog(2, simple("d", 1), name="Q")], "count": 2}}, {"x.json": {"policies": [catalog(1, simple("d", 2)), catalog(2, simple("d", 1), name="Q")], "count": 2}}
    yield "portal export single with {date} file name", {"P_2026-10-05T10_20_30.123Z.json": without(catalog(None, simple("d", 1)), "assignments")}, {"P_2026-11-05T10_20_30.123Z.json": without(catalog(None, simple("d", 2)), "assignments")}
    yield (
        "ibr CA + assignments dir upper-case",
        {"Device Configurations/w.json": without(of("windows10GeneralConfiguration", 1), "assignments"), "Device Configurations/Assignments/w.json": [group(groupId=guid(7))]},
        {"Device Configurations/w.json": without(of("windows10GeneralConfiguration", 1), "assignments"), "Device Configurations/Assignments/w.json": [group(groupId=guid(8))]},
    )
    # noise
    yield (
        "update ring pause dates with fraction & +00:00",
        {"u.json": of("windowsUpdateForBusinessConfiguration", featureUpdatesPauseExpiryDateTime="2026-01-01T00:00:00Z")},
        {"u.json": of("windowsUpdateForBusinessConfiguration", featureUpdatesPauseExpiryDateTime="2026-01-01T00:00:00.0000000+00:00")},
    )
    yield "PowerShell 7 date with a local offset", {"u.json": of("iosUpdateConfiguration", at="2026-01-07T00:00:00Z")}, {"u.json": of("iosUpdateConfiguration", at="2026-01-07T01:00:00.0000000+01:00")}
    yield "PowerShell 5 date /Date(…)/", {"u.json": of("iosUpdateConfiguration", at="2026-01-07T00:00:00Z")}, {"u.json": of("iosUpdateConfiguration", at="/Date(1767744000000)/")}
    yield "description null vs '' in catalog", {"u.json": catalog(1, simple("d", 1), description="")}, {"u.json": catalog(1, simple("d", 1), description=None)}
    yield (
        "app config token ids reorder",
        {"u.json": of("iosMobileAppConfiguration", settings=[{"appConfigKey": "a", "appConfigKeyValue": "1"}, {"appConfigKey": "b", "appConfigKeyValue": "2"}])},
        {"u.json": of("iosMobileAppConfiguration", settings=[{"appConfigKey": "b", "appConfigKeyValue": "2"}, {"appConfigKey": "a", "appConfigKeyValue": "1"}])},
    )
    yield (
        "health script schedule + device health counters",
        {"h.json": of("deviceHealthScript", publisher="x", detectionScriptContent="ZWNobw==", remediationScriptContent="ZWNobw==", runSummary={"noIssueDetectedDeviceCount": 3})},
        {"h.json": of("deviceHealthScript", publisher="x", detectionScriptContent="ZWNobw==", remediationScriptContent="ZWNobw==", runSummary={"noIssueDetectedDeviceCount": 4})},
    )
    # order
    yield "macOS login items reordered", {"u.json": of("macOSDeviceFeaturesConfiguration", autoLaunchItems=[{"path": "a"}, {"path": "b"}])}, {"u.json": of("macOSDeviceFeaturesConfiguration", autoLaunchItems=[{"path": "b"}, {"path": "a"}])}
    yield "vpn: on-demand single property moved", {"u.json": of("iosVpnConfiguration", onDemandRules=[{"action": "connect", "dnsSearchDomains": ["a", "b"]}])}, {"u.json": of("iosVpnConfiguration", onDemandRules=[{"action": "connect", "dnsSearchDomains": ["b", "a"]}])}
    yield "wifi proxies + trustedServerCertificateNames reorder", {"u.json": of("windowsWifiEnterpriseEAPConfiguration", trustedServerCertificateNames=["a", "b"])}, {"u.json": of("windowsWifiEnterpriseEAPConfiguration", trustedServerCertificateNames=["b", "a"])}
    # secrets
    yield (
        "mac custom attribute script line",
        {"Custom Attributes/c.json": {"displayName": "CA", "customAttributeName": "n", "customAttributeType": "string", "scriptContent": base64.b64encode(b"#!/bin/sh\necho 1\n").decode(), "fileName": "a.sh"}},
        {"Custom Attributes/c.json": {"displayName": "CA", "customAttributeName": "n", "customAttributeType": "string", "scriptContent": base64.b64encode(b"#!/bin/sh\necho 2\n").decode(), "fileName": "a.sh"}},
    )
    yield (
        "compliance script with password line",
        {"c.json": of("deviceComplianceScript", publisher="x", detectionScriptContent=base64.b64encode(b"$password='Hunter2Hunter2'\n$a=1\n").decode())},
        {"c.json": of("deviceComplianceScript", publisher="x", detectionScriptContent=base64.b64encode(b"$password='Hunter2Hunter2'\n$a=2\n").decode())},
    )

    yield "graph single under value dict", {"x.json": {"@odata.context": "c", "value": catalog(1, simple("d", 1))}}, {"x.json": {"@odata.context": "c", "value": catalog(1, simple("d", 2))}}
    yield "json in json string", {"x.json": catalog(1, simple("d", 1))}, {"x.json": json.dumps(json.dumps(catalog(1, simple("d", 2)))).encode()}
    yield "utf8 bom", {"x.json": catalog(1, simple("d", 1))}, {"x.json": b"\xef\xbb\xbf" + json.dumps(catalog(1, simple("d", 2))).encode()}
    yield "utf16be no bom", {"x.json": catalog(1, simple("d", 1))}, {"x.json": json.dumps(catalog(1, simple("d", 2))).encode("utf-16-be")}
    yield "yaml multi doc", {"Filters/f.yaml": FILTER}, {"Filters/f.yaml": (yaml.safe_dump(FILTER) + "---\n" + yaml.safe_dump({**FILTER, "id": guid(4)})).encode()}
    yield (
        "IM policy with assignments as null & #CustomRef_ identity cert",
        {"DeviceConfiguration/v.json": {**of("iosVpnConfiguration"), "assignments": None, "#CustomRef_IdentityCertificate": "Cert A|:|https://graph/deviceConfigurations('x')"}},
        {"DeviceConfiguration/v.json": {**of("iosVpnConfiguration"), "assignments": None, "#CustomRef_IdentityCertificate": "Cert B|:|https://graph/deviceConfigurations('y')"}},
    )
    yield (
        "asr rules as unnamed group members",
        {
            "x.json": catalog(
                1,
                {
                    "id": "0",
                    "settingInstance": {
                        "settingDefinitionId": "asr",
                        "groupSettingCollectionValue": [{"children": [{"settingDefinitionId": "asr_a", "choiceSettingValue": {"value": "asr_a_block", "children": []}}, {"settingDefinitionId": "asr_b", "choiceSettingValue": {"value": "asr_b_block", "children": []}}]}],
                    },
                },
            )
        },
        {
            "x.json": catalog(
                1,
                {
                    "id": "0",
                    "settingInstance": {
                        "settingDefinitionId": "asr",
                        "groupSettingCollectionValue": [{"children": [{"settingDefinitionId": "asr_a", "choiceSettingValue": {"value": "asr_a_off", "children": []}}, {"settingDefinitionId": "asr_b", "choiceSettingValue": {"value": "asr_b_block", "children": []}}]}],
                    },
                },
            )
        },
    )
    yield "duplicated policy in two folders same id same content", {"a/x.json": catalog(1, simple("d", 1)), "b/x.json": {**catalog(1, simple("d", 1)), "lastModifiedDateTime": "2026-01-01T00:00:00Z"}}, {"a/x.json": catalog(1, simple("d", 2))}
    yield (
        "named location without odata type",
        {"Named Locations/n.json": {"id": guid(1), "displayName": "HQ", "isTrusted": True, "ipRanges": [{"cidrAddress": "10.0.0.0/24"}], "createdDateTime": "2026-01-01T00:00:00Z"}},
        {"Named Locations/n.json": {"id": guid(1), "displayName": "HQ", "isTrusted": True, "ipRanges": [{"cidrAddress": "0.0.0.0/1"}], "createdDateTime": "2026-01-01T00:00:00Z"}},
    )
    yield (
        "icd named location no id",
        {"Entra/Conditional Access/Named Locations/n.json": {"@odata.type": GRAPH + "ipNamedLocation", "displayName": "HQ", "isTrusted": True, "ipRanges": [{"@odata.type": GRAPH + "iPv4CidrRange", "cidrAddress": "10.0.0.0/24"}]}, "w.json": of("windowsWifiConfiguration")},
        {"Entra/Conditional Access/Named Locations/n.json": {"@odata.type": GRAPH + "ipNamedLocation", "displayName": "HQ", "isTrusted": True, "ipRanges": [{"@odata.type": GRAPH + "iPv4CidrRange", "cidrAddress": "0.0.0.0/1"}]}, "w.json": of("windowsWifiConfiguration")},
    )
    yield (
        "icd CA under Entra",
        {"Entra/Conditional Access/c.json": {"displayName": "C", "state": "enabled", "conditions": {"users": {"includeUsers": ["All"]}}, "grantControls": {"builtInControls": ["mfa"]}}},
        {"Entra/Conditional Access/c.json": {"displayName": "C", "state": "disabled", "conditions": {"users": {"includeUsers": ["All"]}}, "grantControls": {"builtInControls": ["mfa"]}}},
    )
    yield (
        "CA excludeUsers added by name (icd writes names)",
        {"c.json": {"id": guid(1), "displayName": "C", "state": "enabled", "conditions": {"users": {"includeUsers": ["All"], "excludeUsers": []}}, "grantControls": None}},
        {"c.json": {"id": guid(1), "displayName": "C", "state": "enabled", "conditions": {"users": {"includeUsers": ["All"], "excludeUsers": ["evil@x.example"]}}, "grantControls": None}},
    )
    yield "comanagement authority", {"c.json": of("deviceComanagementAuthorityConfiguration", 1, managedDeviceAuthority=0, installConfigurationManagerAgent=True)}, {"c.json": of("deviceComanagementAuthorityConfiguration", 1, managedDeviceAuthority=0, installConfigurationManagerAgent=False)}
    yield "windows hello pin length", {"c.json": of("deviceEnrollmentWindowsHelloForBusinessConfiguration", 1, pinMinimumLength=6, state="enabled")}, {"c.json": of("deviceEnrollmentWindowsHelloForBusinessConfiguration", 1, pinMinimumLength=4, state="enabled")}
    yield "scope tags reordered", {"c.json": of("iosCompliancePolicy", roleScopeTagIds=["1", "0"])}, {"c.json": of("iosCompliancePolicy", roleScopeTagIds=["0", "1"])}
    yield (
        "IBR settings catalog: Settings folder single element object",
        {"Settings Catalog/p.json": without(catalog(1), "settings"), "Settings Catalog/Settings/p.json": simple("d", 1)},
        {"Settings Catalog/p.json": without(catalog(1), "settings"), "Settings Catalog/Settings/p.json": [simple("d", 1), simple("e", 1)]},
    )
    yield (
        "IBR compliance with notification localized page",
        {"n.json": of("notificationMessageTemplate", 1, brandingOptions="x", defaultLocale="en-us", localizedNotificationMessages=[{"locale": "en-us", "subject": "s", "messageTemplate": "a"}])},
        {"n.json": of("notificationMessageTemplate", 1, brandingOptions="x", defaultLocale="en-us", localizedNotificationMessages={"value": [{"locale": "en-us", "subject": "s", "messageTemplate": "b"}]})},
    )
    yield (
        "template definition by displayName only (IM custom remarks)",
        {"t.json": of("groupPolicyConfiguration", definitionValues=[{"enabled": True, "#Definition_displayName": "Home page", "#Definition_classType": "user", "#Definition_categoryPath": "\\Edge"}])},
        {"t.json": of("groupPolicyConfiguration", definitionValues=[{"enabled": False, "#Definition_displayName": "Home page", "#Definition_classType": "user", "#Definition_categoryPath": "\\Edge"}])},
    )
    yield "a connector changed", {"Apple Push Notification/a.json": {"appleIdentifier": "x"}, "Filters/f.json": FILTER}, {"Apple Push Notification/a.json": {"appleIdentifier": "y"}, "Filters/f.json": FILTER}
    yield (
        "an app reaches another group",
        {"Applications/a.json": {"@odata.type": GRAPH + "win32LobApp", "id": guid(1), "displayName": "A", "assignments": []}, "Filters/f.json": FILTER},
        {"Applications/a.json": {"@odata.type": GRAPH + "win32LobApp", "id": guid(1), "displayName": "A", "assignments": [group(groupId=guid(8))]}, "Filters/f.json": FILTER},
    )
    yield "feature profile rename with id", {"u.json": of("windowsFeatureUpdateProfile", displayName="A", featureUpdateVersion="24H2")}, {"u.json": of("windowsFeatureUpdateProfile", displayName="B", featureUpdateVersion="24H2")}
    yield "recreated same content", {"u.json": of("windowsDriverUpdateProfile", 1, approvalType="manual", newUpdates=2)}, {"u.json": of("windowsDriverUpdateProfile", 2, approvalType="manual", newUpdates=9)}
    yield (
        "int as text in intents valueJson",
        {"i.json": {"id": guid(1), "displayName": "I", "templateId": guid(5), "assignments": [], "settings": [{"definitionId": "d", "valueJson": '{"a":1,"b":[1,2]}'}]}},
        {"i.json": {"id": guid(1), "displayName": "I", "templateId": guid(5), "assignments": [], "settings": [{"definitionId": "d", "valueJson": '{"b":[1,2],"a":1}'}]}},
    )
    yield (
        "intent valueJson vs value",
        {"i.json": {"id": guid(1), "displayName": "I", "templateId": guid(5), "assignments": [], "settings": [{"definitionId": "d", "valueJson": "true"}]}},
        {"i.json": {"id": guid(1), "displayName": "I", "templateId": guid(5), "assignments": [], "settings": [{"definitionId": "d", "value": True, "@odata.type": GRAPH + "deviceManagementBooleanSettingInstance"}]}},
    )
    yield (
        "macOS firewall list order noise",
        {"c.json": of("macOSEndpointProtectionConfiguration", firewallApplications=[{"bundleId": "a", "allowsIncomingConnections": True}, {"bundleId": "b", "allowsIncomingConnections": False}])},
        {"c.json": of("macOSEndpointProtectionConfiguration", firewallApplications=[{"bundleId": "b", "allowsIncomingConnections": False}, {"bundleId": "a", "allowsIncomingConnections": True}])},
    )
    yield (
        "macOS firewall app flips",
        {"c.json": of("macOSEndpointProtectionConfiguration", firewallApplications=[{"bundleId": "a", "allowsIncomingConnections": True}, {"bundleId": "b", "allowsIncomingConnections": False}])},
        {"c.json": of("macOSEndpointProtectionConfiguration", firewallApplications=[{"bundleId": "a", "allowsIncomingConnections": False}, {"bundleId": "b", "allowsIncomingConnections": False}])},
    )
    yield "shell script secret only changed", {"s.json": of("deviceShellScript", scriptContent=base64.b64encode(b"#!/bin/sh\nexport PASSWORD=Correct-Horse-1!\n").decode())}, {"s.json": of("deviceShellScript", scriptContent=base64.b64encode(b"#!/bin/sh\nexport PASSWORD=Correct-Horse-2!\n").decode())}
    yield "description trailing space + crlf in catalog compliance", {"c.json": {**catalog(1, simple("d", 1), scheduledActionsForRule=[]), "description": "a\nb"}}, {"c.json": {**catalog(1, simple("d", 1), scheduledActionsForRule=[]), "description": "a \r\nb \r\n"}}
    yield "unreadable in one of two types on both sides", {"x/a.json": of("windowsWifiConfiguration"), "Compliance/c.json": b"{"}, {"x/a.json": of("windowsWifiConfiguration", ssid="n"), "Compliance/c.json": b"{"}
    yield (
        "DNS servers of the catalog reordered",
        {"c.json": catalog(1, {"id": "0", "settingInstance": {"settingDefinitionId": "com.apple.dnssettings.managed_dnssettings_serveraddresses", "simpleSettingCollectionValue": [{"value": "1"}, {"value": "2"}]}})},
        {"c.json": catalog(1, {"id": "0", "settingInstance": {"settingDefinitionId": "com.apple.dnssettings.managed_dnssettings_serveraddresses", "simpleSettingCollectionValue": [{"value": "2"}, {"value": "1"}]}})},
    )


EXPECTED: dict[str, tuple[list[tuple[str, str, str]], list[str]]] = {
    "icd esp default+custom same name same type no ids, files by suffix": ([("modified", "medium", "limit")], []),
    "rename + one setting changed, no id": ([("removed", "medium", ""), ("added", "low", "")], []),
    "file rename by tool with id in name": ([("modified", "medium", "d")], []),
    "id upper case vs lower": ([], []),
    "no-id against id (icd vs im)": ([("recreated", "medium", "d")], []),
    "name trailing space": ([("modified", "info", "name")], []),
    "icd assignment with groupName + groupType": ([("modified", "high", "assignments[group, A]")], []),
    "deleted group: groupName null and id kept vs other id": ([("modified", "high", "assignments[group, eeeeeeee-0000-4000-8000-000000000007]"), ("modified", "high", "assignments[group, eeeeeeee-0000-4000-8000-000000000008]")], []),
    "filter name swapped by displayName": ([("modified", "high", "assignments[group, eeeeeeee-0000-4000-8000-000000000007]")], []),
    "assignments as dict with value (graph nested page)": ([], []),
    "assignments@odata.nextLink": ([], ["compliance"]),
    "android everywhere: storageRequireEncryption off in 5": (
        [("modified", "high", "storageRequireEncryption"), ("modified", "high", "storageRequireEncryption"), ("modified", "high", "storageRequireEncryption"), ("modified", "high", "storageRequireEncryption"), ("modified", "high", "storageRequireEncryption")],
        [],
    ),
    "catalog: everywhere defender off 4": ([("modified", "high", "defender_rtp"), ("modified", "high", "defender_rtp"), ("modified", "high", "defender_rtp"), ("modified", "high", "defender_rtp")], []),
    "platform adds prop in all 4": ([("platform_change", "medium", "gatekeeperAllowedAppSource")], []),
    "truncated in nested folder both": ([], ["compliance"]),
    "empty file": ([("added", "low", "")], ["assignment_filter"]),
    "html error page saved as json": ([], ["assignment_filter"]),
    "graph error answer": ([], ["compliance"]),
    "scheduledActions cut to hashtable": ([], ["compliance"]),
    "ps5 cut '@{...}' in settings list": ([], ["settings_catalog"]),
    "settingCount 0 and settings absent": ([], []),
    "IM custom profile UTF16": ([("modified", "medium", "omaSettings[./a]/value")], []),
    "pascal CA": ([("modified", "critical", "state")], []),
    "pascal app protection with AdditionalProperties": ([("modified", "high", "pinRequired")], ["app_protection"]),
    "a script in YAML": ([("modified", "high", "scriptContent")], []),
    "IntuneCD's script as plain text, the file beside it": ([("modified", "high", "scriptContent")], []),
    "a page of Conditional Access, one gone": ([("removed", "critical", ""), ("modified", "critical", "state")], []),
    "list under 'policies' key with count": ([("modified", "medium", "d")], []),
    "portal export single with {date} file name": ([("modified", "medium", "d")], ["settings_catalog"]),
    "ibr CA + assignments dir upper-case": ([("modified", "medium", "assignments[group, eeeeeeee-0000-4000-8000-000000000007]"), ("modified", "medium", "assignments[group, eeeeeeee-0000-4000-8000-000000000008]")], []),
    "update ring pause dates with fraction & +00:00": ([], []),
    "PowerShell 7 date with a local offset": ([], []),
    "PowerShell 5 date /Date(…)/": ([], []),
    "description null vs '' in catalog": ([], []),
    "app config token ids reorder": ([], []),
    "health script schedule + device health counters": ([], []),
    "macOS login items reordered": ([], []),
    "vpn: on-demand single property moved": ([("modified", "high", "onDemandRules")], []),
    "wifi proxies + trustedServerCertificateNames reorder": ([], []),
    "mac custom attribute script line": ([("modified", "high", "scriptContent")], ["custom_attribute"]),
    "compliance script with password line": ([("modified", "high", "detectionScriptContent")], []),
    "graph single under value dict": ([("modified", "medium", "d")], []),
    "json in json string": ([("modified", "medium", "d")], []),
    "utf8 bom": ([("modified", "medium", "d")], []),
    "utf16be no bom": ([("modified", "medium", "d")], []),
    "yaml multi doc": ([], ["assignment_filter"]),
    "IM policy with assignments as null & #CustomRef_ identity cert": ([("modified", "high", "identityCertificate@odata.bind")], []),
    "asr rules as unnamed group members": ([("modified", "high", "asr/asr_a")], []),
    "duplicated policy in two folders same id same content": ([("modified", "medium", "d")], []),
    "named location without odata type": ([("modified", "high", "ipRanges/cidrAddress")], []),
    "icd named location no id": ([("modified", "high", "ipRanges/cidrAddress")], []),
    "icd CA under Entra": ([("modified", "critical", "state")], []),
    "CA excludeUsers added by name (icd writes names)": ([("modified", "critical", "conditions/users/excludeUsers")], []),
    "comanagement authority": ([("modified", "medium", "installConfigurationManagerAgent")], []),
    "windows hello pin length": ([("modified", "high", "pinMinimumLength")], []),
    "scope tags reordered": ([], []),
    "IBR settings catalog: Settings folder single element object": ([("modified", "medium", "e")], []),
    "IBR compliance with notification localized page": ([("modified", "medium", "localizedNotificationMessages[en-us]/messageTemplate")], []),
    "template definition by displayName only (IM custom remarks)": ([("modified", "medium", "enabled")], []),
    "a connector changed": ([], []),
    "an app reaches another group": ([("modified", "medium", "assignments[group, eeeeeeee-0000-4000-8000-000000000008]")], []),
    "feature profile rename with id": ([("modified", "info", "displayName")], []),
    "recreated same content": ([("recreated", "low", "")], []),
    "int as text in intents valueJson": ([], []),
    "intent valueJson vs value": ([], []),
    "macOS firewall list order noise": ([], []),
    "macOS firewall app flips": ([("modified", "high", "firewallApplications[a]/allowsIncomingConnections")], []),
    "shell script secret only changed": ([("modified", "high", "scriptContent")], []),
    "description trailing space + crlf in catalog compliance": ([], []),
    "unreadable in one of two types on both sides": ([("modified", "medium", "ssid")], ["compliance"]),
    "DNS servers of the catalog reordered": ([("modified", "medium", "com.apple.dnssettings.managed_dnssettings_serveraddresses")], []),
}
"""Name → the changes as (kind, severity, path), and the types of which something is said not to be compared."""

PAIRS = list(pairs())


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_a_pair_gives_what_is_written_down(tmp_path: Path, pair: Pair) -> None:
    name, *sides = pair
    for side, files in zip("ab", sides, strict=True):
        for place, content in files.items():
            path = tmp_path / side / place
            path.parent.mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(content) if place.endswith((".yaml", ".yml")) else json.dumps(content, default=str)
            path.write_bytes(content if isinstance(content, bytes) else text.encode())
    found = compared(folder_snapshot(tmp_path / "a"), folder_snapshot(tmp_path / "b"))
    told = [(one.kind.value.removeprefix("policy_"), one.severity.value, change.path if change else "") for one in found.findings for change in (one.changes or (None,))]
    assert (told, sorted({one.policy_type for one in found.withheld})) == EXPECTED[name]


def test_each_pair_is_expected_to_be_something() -> None:
    assert len(PAIRS) == len(EXPECTED) == len({name for name, *_ in PAIRS}) > 60
