# ruff: noqa: E501 - an input reads best in one line
# fmt: off
"""Pairs of exports of types, tools and spellings that the other rows do not have."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path

import pytest

from tests.support.drift_inputs import (
    G,
    Input,
    Inputs,
    all_of,
    b64,
    both,
    check_input,
    exc,
    gid,
    grp,
    ios,
    never,
    of,
    pas,
    put,
    sim,
    told_lines,
)

INPUTS: Inputs = []
p = partial(put, INPUTS)
CA = {"id": gid(9), "displayName": "CA", "state": "enabled", "conditions": {"users": {"includeUsers": ["All"]}}, "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}}
HEALTH = of("deviceHealthScript", None, publisher="Contoso", detectionScriptContent=b64("exit 0\n"), remediationScriptContent=b64("exit 1\n"))

K = "1 identity"
p(K, "a remediation renamed, yaml, no id", both("Scripts/Remediations/Old.yaml", {**HEALTH, "displayName": "Old"}), both("Scripts/Remediations/New.yaml", {**HEALTH, "displayName": "New"}), [("modified", "displayName", "info")])
p(K, "driver profiles of one name: the first goes, the second is renumbered", both("Driver Update Profiles/P__1.json", of("windowsDriverUpdateProfile", None, approvalType="manual")) | {"Driver Update Profiles/P__2.json": of("windowsDriverUpdateProfile", None, approvalType="automatic", deploymentDeferralInDays=3)}, both("Driver Update Profiles/P__1.json", of("windowsDriverUpdateProfile", None, approvalType="automatic", deploymentDeferralInDays=3)), [("removed", "")])
p(K, "app protection of iOS and Android of one name in one list", both("x.json", [of("iosManagedAppProtection", None, pinRequired=True, apps=[]), of("androidManagedAppProtection", None, pinRequired=True, apps=[])]), both("x.json", [of("iosManagedAppProtection", None, pinRequired=True, apps=[]), of("androidManagedAppProtection", None, pinRequired=False, apps=[])]), [("modified", "pinRequired", "high")])
p(K, "a feature update made again for an older version", both("f.json", of("windowsFeatureUpdateProfile", 1, featureUpdateVersion="Windows 11, version 24H2", rolloutSettings={"offerStartDateTimeInUTC": "2026-01-07T00:00:00Z"})), both("f.json", of("windowsFeatureUpdateProfile", 2, featureUpdateVersion="Windows 11, version 23H2", rolloutSettings={"offerStartDateTimeInUTC": "2026-01-07T00:00:00Z"})), [("recreated", "featureUpdateVersion", "high")])

K = "2 assignments"
DEVICES = {"target": {"@odata.type": G + "allDevicesAssignmentTarget"}}
USERS = G + "allLicensedUsersAssignmentTarget"
p(K, "an update ring reaches the servers again", both("u.json", of("windowsUpdateForBusinessConfiguration", None, assignments=[DEVICES, exc(groupName="Servers")])), both("u.json", of("windowsUpdateForBusinessConfiguration", None, assignments=[DEVICES])), [("modified", "Servers", "high")])
p(K, "a platform restriction for all users gets a filter", both("e.json", of("deviceEnrollmentPlatformRestrictionsConfiguration", 1, priority=1, assignments=[{"target": {"@odata.type": USERS}}])), both("e.json", of("deviceEnrollmentPlatformRestrictionsConfiguration", 1, priority=1, assignments=[{"target": {"@odata.type": USERS, "deviceAndAppManagementAssignmentFilterId": "Pilots", "deviceAndAppManagementAssignmentFilterType": "include"}}])), [("modified", "assignments")])
p(K, "another collection of Configuration Manager", both("c.json", of("windows10CompliancePolicy", 1, assignments=[{"target": {"@odata.type": G + "configurationManagerCollectionAssignmentTarget", "collectionId": "SMS00001"}}])), both("c.json", of("windows10CompliancePolicy", 1, assignments=[{"target": {"@odata.type": G + "configurationManagerCollectionAssignmentTarget", "collectionId": "SMS00002"}}])), [("modified", "SMS00001"), ("modified", "SMS00002")])
p(K, "groups by name in another order, with nulls", both("d.json", of("windowsDriverUpdateProfile", None, approvalType="manual", assignments=[grp(groupName="A"), exc(groupName="B")])), both("d.json", of("windowsDriverUpdateProfile", None, approvalType="manual", assignments=[{"id": None, "source": "direct", **exc(groupName="B", deviceAndAppManagementAssignmentFilterId=None, deviceAndAppManagementAssignmentFilterType="none")}, grp(groupName="A", groupType=None)])), [])
p(K, "people of Conditional Access by their sign-in", both("c.json", {**CA, "conditions": {"users": {"includeUsers": ["kim@contoso.example"]}}}), both("c.json", {**CA, "conditions": {"users": {"includeUsers": ["lee@contoso.example"]}}}), [("modified", "conditions/users/includeUsers", "critical")])

K = "3 who"
p(K, "the firewall of Macs off in all four", {f"{n}.json": of("macOSCompliancePolicy", n, displayName=f"M{n}", firewallEnabled=True) for n in range(1, 5)}, {f"{n}.json": of("macOSCompliancePolicy", n, displayName=f"M{n}", firewallEnabled=False) for n in range(1, 5)}, [("modified", "firewallEnabled", "high")] * 4)
p(K, "unknown countries are let in", both("l.json", of("countryNamedLocation", 1, countriesAndRegions=["DE"], includeUnknownCountriesAndRegions=False)), both("l.json", of("countryNamedLocation", 1, countriesAndRegions=["DE"], includeUnknownCountriesAndRegions=True)), [("modified", "includeUnknownCountriesAndRegions", "high")])
p(K, "all of IPv6 is trusted", both("l.json", of("ipNamedLocation", 1, isTrusted=True, ipRanges=[{"@odata.type": G + "iPv6CidrRange", "cidrAddress": "2001:db8::/48"}])), both("l.json", of("ipNamedLocation", 1, isTrusted=True, ipRanges=[{"@odata.type": G + "iPv6CidrRange", "cidrAddress": "2001:db8::/48"}, {"@odata.type": G + "iPv6CidrRange", "cidrAddress": "2000::/3"}])), [("modified", "ipRanges", "high")])
p(K, "a strength lets a password alone in", both("s.json", of("authenticationStrengthPolicy", 1, policyType="custom", allowedCombinations=["fido2"])), both("s.json", of("authenticationStrengthPolicy", 1, policyType="custom", allowedCombinations=["fido2", "password"])), [("modified", "allowedCombinations", "high")])
p(K, "consent for a partner is given by itself", both("t.json", of("crossTenantAccessPolicyConfigurationPartner", None, tenantId=gid(7), automaticUserConsentSettings={"inboundAllowed": False})), both("t.json", of("crossTenantAccessPolicyConfigurationPartner", None, tenantId=gid(7), automaticUserConsentSettings={"inboundAllowed": True})), [("modified", "automaticUserConsentSettings", "high")])
p(K, "sign-in by text message is switched on", both("m.json", of("authenticationMethodsPolicy", None, authenticationMethodConfigurations=[{"@odata.type": G + "smsAuthenticationMethodConfiguration", "id": "Sms", "state": "disabled"}])), both("m.json", of("authenticationMethodsPolicy", None, authenticationMethodConfigurations=[{"@odata.type": G + "smsAuthenticationMethodConfiguration", "id": "Sms", "state": "enabled"}])), [("modified", "Sms", "high")])
p(K, "supervision off in all three profiles of Apple's programme", {f"{n}.json": of("depIOSEnrollmentProfile", n, displayName=f"D{n}", supervisedModeEnabled=True) for n in range(1, 4)}, {f"{n}.json": of("depIOSEnrollmentProfile", n, displayName=f"D{n}", supervisedModeEnabled=False) for n in range(1, 4)}, [("modified", "supervisedModeEnabled", "high")] * 3)
p(K, "firmware passwords go in all three", {f"{n}.json": of("hardwareConfiguration", n, displayName=f"H{n}", perDevicePasswordDisabled=False, hardwareConfigurationFormat="dell", configurationFileContent=b64("a=1\n")) for n in range(1, 4)}, {f"{n}.json": of("hardwareConfiguration", n, displayName=f"H{n}", perDevicePasswordDisabled=True, hardwareConfigurationFormat="dell", configurationFileContent=b64("a=1\n")) for n in range(1, 4)}, [("modified", "perDevicePasswordDisabled", "high")] * 3)

K = "4 unread"
for label, rest in (("JavaScript", "[object Object]"), ("JavaScript's list", "[object Object],[object Object]"), ("C#", "System.Collections.Generic.List`1[Microsoft.Graph.Beta.Models.GroupAssignmentTarget]"), ("the SDK of .NET", "Microsoft.Graph.Models.GroupAssignmentTarget"), ("Python", "<msgraph_beta.generated.models.entity.Entity object at 0x7f3a2c1b5d90>")):
    p(K, f"what {label} writes for an object", both("x.json", of("iosGeneralDeviceConfiguration", 1, networkUsageRules=[{"a": 1}])), both("x.json", of("iosGeneralDeviceConfiguration", 1, networkUsageRules=rest)), [], ["device_configuration"])
for label, data in (("zeroes", bytes(300)), ("gzip", gzip.compress(json.dumps(ios(1)).encode())), ("a mark and nothing", b"\xef\xbb\xbf"), ("a mark of UTF-16 and nothing", b"\xff\xfe"), ("null", b"null"), ("a number", b"42"), ("an empty list in a list", b"[[]]")):
    p(K, f"a file of {label}", both("Compliance Policies/x.json", ios(1)), both("Compliance Policies/x.json", data), [], ["compliance"])
p(K, "a YAML file of a remark", both("Filters/f.yaml", of("deviceAndAppManagementAssignmentFilter", platform="iOS", rule="a")), both("Filters/f.yaml", "# nothing yet\n"), [], ["assignment_filter"])
p(K, "YAML that breaks off in a text", both("Filters/f.yaml", of("deviceAndAppManagementAssignmentFilter", platform="iOS", rule="a")), both("Filters/f.yaml", f'id: {gid(1)}\ndisplayName: P\nplatform: iOS\nrule: "(device.mo'), [], ["assignment_filter"])
p(K, "values of a template go on elsewhere", both("t.json", of("groupPolicyConfiguration", 1, definitionValues=[{"enabled": True, "definition": {"id": gid(5)}}, {"enabled": True, "definition": {"id": gid(6)}}])), both("t.json", {**of("groupPolicyConfiguration", 1, definitionValues=[{"enabled": True, "definition": {"id": gid(5)}}]), "definitionValues@odata.nextLink": "https://graph.microsoft.com/x"}), [], ["administrative_template"])
p(K, "texts of a notification were not asked for", both("n.json", of("notificationMessageTemplate", 1, defaultLocale="en-us", localizedNotificationMessages=[{"locale": "en-us", "subject": "s", "messageTemplate": "m", "isDefault": True}])), both("n.json", of("notificationMessageTemplate", 1, defaultLocale="en-us")), [], [("notification_template", "localizedNotificationMessages")])
p(K, "apps of an app protection were not asked for", both("a.json", of("iosManagedAppProtection", 1, pinRequired=True, apps=[{"mobileAppIdentifier": {"bundleId": "a"}}])), both("a.json", of("iosManagedAppProtection", 1, pinRequired=True)), [], [("app_protection", "apps")])
p(K, "items of a policy set were not asked for", both("s.json", of("policySet", 1, items=[{"id": "a", "payloadId": gid(5)}])), both("s.json", of("policySet", 1)), [], [("policy_set", "items")])

K = "5 forms"
JS = {"id": gid(1), "odataType": G + "iosCompliancePolicy", "displayName": "P", "passcodeRequired": True, "roleScopeTagIds": ["0"], "assignments": [{"id": "x", "target": {"odataType": G + "groupAssignmentTarget", "groupId": gid(5)}}]}
p(K, "the JavaScript SDK's odataType", both("x.json", JS), both("x.json", {**JS, "passcodeRequired": False}), [("modified", "passcodeRequired", "high")])
p(K, "the JavaScript SDK against Graph", both("x.json", JS), both("x.json", ios(1, passcodeRequired=True, assignments=[grp(groupId=gid(5))])), [])
ACCESS, PLACES = "Identity/Conditional/AccessPolicies", "Identity/Conditional/NamedLocations"
p(K, "Entra Exporter: a folder for each object", both(f"{ACCESS}/{gid(9)}/{gid(9)}.json", CA) | {f"{PLACES}/{gid(3)}/{gid(3)}.json": of("ipNamedLocation", 3, displayName="Office", isTrusted=True, ipRanges=[]), f"{PLACES}/{gid(4)}/{gid(4)}.json": of("ipNamedLocation", 4, displayName="Home", isTrusted=True, ipRanges=[])}, both(f"{ACCESS}/{gid(9)}/{gid(9)}.json", {**CA, "state": "disabled"}) | {f"{PLACES}/{gid(4)}/{gid(4)}.json": of("ipNamedLocation", 4, displayName="Home", isTrusted=True, ipRanges=[])}, [("modified", "state", "critical"), ("removed", "", None, "Office")])
PAGE = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/namedLocations"}
p(K, "az rest: a page of named locations", both("l.json", {**PAGE, "value": [of("ipNamedLocation", 3, isTrusted=True, ipRanges=[{"cidrAddress": "192.0.2.0/24"}])]}), both("l.json", {**PAGE, "value": [of("ipNamedLocation", 3, isTrusted=True, ipRanges=[{"cidrAddress": "192.0.2.0/23"}])]}), [("modified", "ipRanges", "high")])
p(K, "PascalCase in YAML", both("x.yaml", pas(of("iosManagedAppProtection", 1, pinRequired=True, apps=[]))), both("x.yaml", pas(of("iosManagedAppProtection", 1, pinRequired=False, apps=[]))), [("modified", "pinRequired", "high")], "any")
REUSED = {"settingDefinitionId": "vendor_msft_firewall_mdmstore_dynamickeywords", "settingInstance": sim("vendor_msft_firewall_mdmstore_dynamickeywords", "10.0.0.0/8")["settingInstance"]}
p(K, "IntuneManagement: a reusable setting", both("ReusableSettings/r.json", of("deviceManagementReusablePolicySetting", 1, **REUSED)), both("ReusableSettings/r.json", of("deviceManagementReusablePolicySetting", 1, **{**REUSED, "settingInstance": sim("vendor_msft_firewall_mdmstore_dynamickeywords", "0.0.0.0/0")["settingInstance"]})), [("modified", "dynamickeywords", "high")])
p(K, "IntuneManagement: terms", both("TermsAndConditions/t.json", of("termsAndConditions", 1, title="Old", bodyText="b")), both("TermsAndConditions/t.json", of("termsAndConditions", 1, title="New", bodyText="b")), [("modified", "title")])
p(K, "line ends of old Macs in the file", both("x.json", ios(1, a=1)), both("x.json", json.dumps(ios(1, a=2), indent=1).replace("\n", "\r")), [("modified", "a")])
p(K, "pipelines and an editor's settings beside", both("x.json", ios(1)) | {".github/workflows/backup.yml": {"name": "backup", "on": ["push"], "jobs": {"a": {"steps": []}}}, ".vscode/settings.json": {"editor.tabSize": 2}}, both("x.json", ios(1)) | {".github/workflows/backup.yml": {"name": "backup", "on": ["push"], "jobs": {"b": {"steps": []}}}, ".vscode/settings.json": {"editor.tabSize": 4}}, [])
p(K, "a list under data", both("x.json", {"data": [ios(1, a=1), ios(2, displayName="B")]}), both("x.json", {"data": [ios(1, a=2), ios(2, displayName="B")]}), [("modified", "a")])
p(K, "one file by type and id", both("x.json", {"deviceCompliancePolicies": {gid(1): ios(1, a=1), gid(2): ios(2, displayName="B")}}), both("x.json", {"deviceCompliancePolicies": {gid(1): ios(1, a=2), gid(2): ios(2, displayName="B")}}), [("modified", "a")])

K = "6 noise"
for label, t, before, after in (
    ("a connector's heartbeat", "mobileThreatDefenseConnector", {"lastHeartbeatDateTime": "2026-01-01T00:00:00Z", "androidEnabled": True}, {"lastHeartbeatDateTime": "2026-02-01T00:00:00Z", "androidEnabled": True}),
    ("a partner's heartbeat", "complianceManagementPartner", {"lastHeartbeatDateTime": "2026-01-01T00:00:00Z", "macOsOnboarded": True}, {"lastHeartbeatDateTime": "2026-02-01T00:00:00Z", "macOsOnboarded": True}),
    ("the last look at Google Play", "androidManagedStoreAccountEnterpriseSettings", {"bindStatus": "bound", "lastAppSyncDateTime": "2026-01-01T00:00:00Z", "lastAppSyncStatus": "success"}, {"bindStatus": "bound", "lastAppSyncDateTime": "2026-02-01T00:00:00Z", "lastAppSyncStatus": "none"}),
    ("methods in another order", "authenticationMethodsPolicy", {"authenticationMethodConfigurations": [{"id": "Sms", "state": "disabled"}, {"id": "Fido2", "state": "enabled"}]}, {"authenticationMethodConfigurations": [{"id": "Fido2", "state": "enabled"}, {"id": "Sms", "state": "disabled"}]}),
    ("no time at all in days or seconds", "iosManagedAppProtection", {"periodBeforePinReset": "PT0S", "apps": []}, {"periodBeforePinReset": "P0D", "apps": []}),
    ("what becomes of a policy set", "policySet", {"status": "validating", "errorCode": "noError", "items": [{"id": "a", "payloadId": gid(5), "status": "validating", "errorCode": "noError"}]}, {"status": "success", "errorCode": "noError", "items": [{"id": "a", "payloadId": gid(5), "status": "success", "errorCode": "noError"}]}),
    ("countries in another order", "countryNamedLocation", {"countriesAndRegions": ["DE", "AT"]}, {"countriesAndRegions": ["AT", "DE"]}),
):
    p(K, label, both("x.json", of(t, 1, **before)), both("x.json", of(t, 1, **after)), [])
ASSIGNED = {"members": [gid(5)], "resourceScopes": [gid(6)]}
p(K, "tags of a role assignment written otherwise, one called otherwise", both("r.json", of("deviceAndAppManagementRoleAssignment", 1, roleScopeTagIds=None, **ASSIGNED, roleScopeTags=[{"id": "1", "displayName": "A", "description": ""}])), both("r.json", of("deviceAndAppManagementRoleAssignment", 1, roleScopeTagIds=None, **ASSIGNED, roleScopeTags=[{"description": None, "displayName": "B", "id": "1"}])), [])
p(K, "another tag of a role assignment", both("r.json", of("deviceAndAppManagementRoleAssignment", 1, roleScopeTagIds=None, **ASSIGNED, roleScopeTags=[{"id": "1", "displayName": "A"}])), both("r.json", of("deviceAndAppManagementRoleAssignment", 1, roleScopeTagIds=None, **ASSIGNED, roleScopeTags=[{"id": "2", "displayName": "A"}])), [("modified", "roleScopeTagIds", "high")])
p(K, "rights of a role in another order and one gone", both("r.json", of("roleDefinition", 1, isBuiltIn=False, rolePermissions=[{"resourceActions": [{"allowedResourceActions": ["a", "b", "c"]}]}])), both("r.json", of("roleDefinition", 1, isBuiltIn=False, rolePermissions=[{"resourceActions": [{"allowedResourceActions": ["c", "a"]}]}])), [("modified", "allowedResourceActions", "high")])

K = "7 secrets"


def scripted(name: str, t: str, key: str, before: str, after: str, shown: str, hidden: str = "\0") -> None:
    p(K, name, both("x.json", of(t, 1, **{key: b64(before)})), both("x.json", of(t, 1, **{key: b64(after)})), [("modified", key)], check=all_of(told_lines(shown), never(hidden)))


scripted("the name of a variable is none", "deviceShellScript", "scriptContent", 'import os\ntoken = os.environ["API_TOKEN"]\n', 'import os\ntoken = os.environ["APP_TOKEN"]\n', '"APP_TOKEN"]')
MOBILE = "<dict>\n<key>Password</key>\n<string>Geheim12345!</string>\n<key>SSID_STR</key>\n<string>{}</string>\n</dict>\n"
scripted("a network's name beside its password", "iosCustomConfiguration", "payload", MOBILE.format("Old"), MOBILE.format("New"), "+<string>New</string>", "Geheim12345!")
scripted("an app's settings in XML", "iosMobileAppConfiguration", "encodedSettingXml", "<dict>\n<key>server</key>\n<string>a</string>\n</dict>", "<dict>\n<key>server</key>\n<string>b</string>\n</dict>", "+<string>b</string>")
SAS = "curl 'https://x.blob.example/c/f?sv=2022-11-02&sig=aGVsbG8gd29ybGQgdGhpcyBpcyBhIHNpZ25hdHVyZTEyMw%3D%3D' -o {}\n"
scripted("a signed address, another target", "deviceCustomAttributeShellScript", "scriptContent", SAS.format("/tmp/a"), SAS.format("/tmp/b"), "/tmp/b", "aGVsbG8gd29ybGQ")
BASE = "$c = 'Server=tcp:db.example;User ID=sa;Password=Zx9!kkqqWw;Encrypt={}'\nexit 0\n"
scripted("a database's password beside a switch", "deviceComplianceScript", "detectionScriptContent", BASE.format("True"), BASE.format("False"), "Encrypt=False", "Zx9!kkqqWw")
p(K, "a password in an install command", both("a.json", of("win32LobApp", 1, installCommandLine="setup.exe /quiet /password:S3cret!Pass9 /log 1")), both("a.json", of("win32LobApp", 1, installCommandLine="setup.exe /quiet /password:S3cret!Pass9 /log 2")), [("modified", "installCommandLine", "high")], check=never("S3cret!Pass9"))


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.name)
def test_an_input_gives_what_is_written_down(one: Input, tmp_path: Path) -> None:
    check_input(one, tmp_path)
