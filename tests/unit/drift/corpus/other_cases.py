"""Every other policy type, assignments and scope tags, and what concerns whole policies and types."""

from __future__ import annotations

import base64
from typing import Any

from flows.drift.comparison.sides import Completeness
from tests.support.drift_cases import ABSENT, GRAPH, Body, Case, assignment, one, prop, setting, tags

ID = "22222222-0000-4000-8000-000000000001"
NEW = "22222222-0000-4000-8000-000000000002"
G1, G2 = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"
F1 = "ffffffff-0000-4000-8000-000000000001"
NIL = "00000000-0000-0000-0000-000000000000"


def of(odata: str, policy_id: str = ID, name: str = "P", **more: Any) -> Body:
    return {"@odata.type": GRAPH + odata, "id": policy_id, "displayName": name, **more}


def sets(**values: Any) -> Any:
    return lambda body: body.update(values)


def text(content: str) -> str:
    return base64.b64encode(content.encode()).decode()


def simple_type(odata: str, name: str, before: Any, after: Any, **more: Any) -> Case:
    return one(f"{odata} {name}", of(odata, **{name: before}, **more), sets(**{name: after}), prop(name, before, after))


PROPERTIES = [
    simple_type("windows10CompliancePolicy", "osMinimumVersion", "10.0.1", "10.0.2"),
    simple_type("windows10CompliancePolicy", "passwordMinimumLength", 8, 6),
    simple_type("iosCompliancePolicy", "securityBlockJailbrokenDevices", True, False),
    simple_type("macOSCompliancePolicy", "systemIntegrityProtectionEnabled", True, False),
    simple_type("androidWorkProfileCompliancePolicy", "minAndroidSecurityPatchLevel", "2026-01-01", "2026-02-01"),
    simple_type("windows10GeneralConfiguration", "cameraBlocked", False, True),
    simple_type("iosGeneralDeviceConfiguration", "appStoreBlocked", False, True),
    simple_type("windowsUpdateForBusinessConfiguration", "qualityUpdatesDeferralPeriodInDays", 7, 0),
    simple_type("macOSGeneralDeviceConfiguration", "passwordRequired", True, False),
    simple_type("windows81SCEPCertificateProfile", "renewalThresholdPercentage", 20, 10),
    simple_type("windows10VpnConfiguration", "connectionName", "A", "B"),
    simple_type("androidDeviceOwnerGeneralDeviceConfiguration", "factoryResetBlocked", True, False),
    simple_type("iosManagedAppProtection", "pinRequired", True, False),
    simple_type("androidManagedAppProtection", "screenCaptureBlocked", True, False),
    simple_type("windowsInformationProtectionPolicy", "enforcementLevel", "noProtection", "encryptAndAuditOnly"),
    simple_type("deviceEnrollmentLimitConfiguration", "limit", 5, 15),
    simple_type("deviceEnrollmentPlatformRestrictionsConfiguration", "priority", 1, 2),
    simple_type("windows10EnrollmentCompletionPageConfiguration", "allowNonBlockingAppInstallation", True, False),
    simple_type("azureADWindowsAutopilotDeploymentProfile", "deviceNameTemplate", "A-%SERIAL%", "B-%SERIAL%"),
    simple_type(
        "windowsFeatureUpdateProfile", "featureUpdateVersion", "Windows 11, version 23H2", "Windows 11, version 24H2"
    ),
    simple_type("windowsQualityUpdateProfile", "releaseDateDisplayName", "09/2026", "10/2026"),
    simple_type("windowsDriverUpdateProfile", "approvalType", "manual", "automatic"),
    simple_type("deviceAndAppManagementAssignmentFilter", "rule", '(device.model -eq "A")', '(device.model -eq "B")'),
    simple_type("roleScopeTag", "description", "A", "B"),
    simple_type("deviceManagementScript", "runAsAccount", "system", "user"),
    simple_type("deviceShellScript", "executionFrequency", "PT0S", "P1D"),
    simple_type("deviceHealthScript", "runAs32Bit", False, True),
    simple_type("deviceComplianceScript", "enforceSignatureCheck", False, True),
    simple_type("notificationMessageTemplate", "defaultLocale", "en-us", "de-de"),
    simple_type("conditionalAccessPolicy", "state", "enabled", "disabled", conditions={"clientAppTypes": ["all"]}),
    one(
        "property appears",
        of("windows10GeneralConfiguration"),
        sets(edgeBlocked=True),
        prop("edgeBlocked", ABSENT, True),
    ),
    one(
        "property turns null",
        of("windows10GeneralConfiguration", edgeBlocked=True),
        sets(edgeBlocked=None),
        prop("edgeBlocked", True, ABSENT),
    ),
    one(
        "object appears",
        of("windows10GeneralConfiguration"),
        sets(proxy={"address": "p", "port": 8080}),
        prop("proxy/address", ABSENT, "p"),
        prop("proxy/port", ABSENT, 8080),
    ),
    one(
        "inside an object",
        of("azureADWindowsAutopilotDeploymentProfile", outOfBoxExperienceSetting={"userType": "standard"}),
        lambda body: body["outOfBoxExperienceSetting"].update(userType="administrator"),
        prop("outOfBoxExperienceSetting/userType", "standard", "administrator"),
    ),
    one(
        "list of texts is a set",
        of("windows10GeneralConfiguration", blocked=["b", "a"]),
        sets(blocked=["a", "c", "b"]),
        prop("blocked", ["a", "b"], ["a", "b", "c"]),
    ),
    one(
        "subtype",
        of("windows10GeneralConfiguration"),
        sets(**{"@odata.type": GRAPH + "windows10EndpointProtectionConfiguration"}),
        prop("@odata.type", "windows10GeneralConfiguration", "windows10EndpointProtectionConfiguration"),
    ),
    one(
        "description",
        of("windows10GeneralConfiguration", description="A"),
        sets(description=""),
        prop("description", "A", ABSENT),
    ),
    one(
        "nested version is content",
        of("windows10GeneralConfiguration", app={"version": "1", "id": "x"}),
        lambda body: body["app"].update(version="2", id="y"),
        prop("app/version", "1", "2"),
        prop("app/id", "x", "y"),
    ),
    one(
        "authentication strength by id",
        of(
            "conditionalAccessPolicy",
            conditions={},
            grantControls={"authenticationStrength": {"id": "s1", "createdDateTime": "2020-01-01T00:00:00Z"}},
        ),
        lambda body: body["grantControls"]["authenticationStrength"].update(id="s2"),
        prop("grantControls/authenticationStrength/id", "s1", "s2"),
    ),
]


def oma(uri: str, value: Any, odata: str = "omaSettingString", **more: Any) -> Body:
    return {"@odata.type": GRAPH + odata, "displayName": uri, "omaUri": f"./Device/{uri}", "value": value, **more}


def custom(*rows: Body) -> Body:
    return of("windows10CustomConfiguration", omaSettings=list(rows))


def rows(*given: Body) -> Any:
    return sets(omaSettings=list(given))


OMA = "omaSettings[./Device/A]"
ELEMENTS = [
    one(
        "OMA value",
        custom(oma("A", "x"), oma("B", "y")),
        rows(oma("B", "y"), oma("A", "z")),
        prop(OMA + "/value", "x", "z"),
    ),
    one(
        "OMA data type alone",
        custom(oma("A", "1")),
        rows(oma("A", 1, "omaSettingInteger")),
        prop(OMA + "/dataType", "String", "Integer"),
    ),
    one(
        "OMA row added",
        custom(oma("B", 1, "omaSettingInteger")),
        rows(oma("B", 1, "omaSettingInteger"), oma("A", 2, "omaSettingInteger")),
        prop(OMA, ABSENT, {"displayName": "A", "omaUri": "./Device/A", "value": 2, "dataType": "Integer"}),
    ),
    one(
        "OMA row removed",
        custom(oma("A", 2, "omaSettingInteger"), oma("B", 1, "omaSettingInteger")),
        rows(oma("B", 1, "omaSettingInteger")),
        prop(OMA, {"displayName": "A", "omaUri": "./Device/A", "value": 2, "dataType": "Integer"}, ABSENT),
    ),
    one(
        "encrypted OMA value is only known to be there",
        custom(oma("A", "****", isEncrypted=True, secretReferenceValueId="r1")),
        rows(oma("A", "*****", isEncrypted=True, secretReferenceValueId="r1")),
    ),
    one(
        "encrypted OMA value replaced",
        custom(oma("A", "****", isEncrypted=True, secretReferenceValueId="r1")),
        rows(oma("A", "****", isEncrypted=True, secretReferenceValueId="r2")),
        prop(OMA + "/secretReferenceValueId", "r1", "r2"),
    ),
    one(
        "OMA read-only flag is content",
        custom(oma("A", 1, "omaSettingInteger", isReadOnly=False)),
        rows(oma("A", 1, "omaSettingInteger", isReadOnly=True)),
        prop(OMA + "/isReadOnly", False, True),
    ),
    one(
        "app configuration key",
        of(
            "iosMobileAppConfiguration",
            settings=[
                {"appConfigKey": "k1", "appConfigKeyType": "stringType", "appConfigKeyValue": "a"},
                {"appConfigKey": "k2", "appConfigKeyType": "stringType", "appConfigKeyValue": "b"},
            ],
        ),
        lambda body: (body["settings"].reverse(), body["settings"][1].update(appConfigKeyValue="c")),
        prop("settings[k1]/appConfigKeyValue", "a", "c"),
    ),
    one(
        "managed app configuration",
        of("targetedManagedAppConfiguration", customSettings=[{"name": "n", "value": "1"}]),
        lambda body: body["customSettings"][0].update(value="2"),
        prop("customSettings[n]/value", "1", "2"),
    ),
    one(
        "protected app added",
        of("iosManagedAppProtection", apps=[{"id": "1", "version": "5", "mobileAppIdentifier": {"bundleId": "a"}}]),
        lambda body: body["apps"].insert(0, {"id": "2", "version": "9", "mobileAppIdentifier": {"bundleId": "b"}}),
        prop("apps[b]", ABSENT, {"mobileAppIdentifier": {"bundleId": "b"}}),
    ),
    one(
        "notification text by locale",
        of(
            "notificationMessageTemplate",
            brandingOptions="none",
            localizedNotificationMessages=[
                {"id": "1", "locale": "en-us", "subject": "S"},
                {"id": "2", "locale": "de-de", "subject": "T"},
            ],
        ),
        lambda body: (
            body["localizedNotificationMessages"].reverse(),
            body["localizedNotificationMessages"][0].update(id="7", subject="U"),
        ),
        prop("localizedNotificationMessages[de-de]/subject", "T", "U"),
    ),
    one(
        "role permission",
        of(
            "deviceAndAppManagementRoleDefinition",
            isBuiltIn=False,
            rolePermissions=[
                {"resourceActions": [{"allowedResourceActions": ["a", "b"], "notAllowedResourceActions": []}]}
            ],
        ),
        lambda body: body["rolePermissions"][0]["resourceActions"][0].update(allowedResourceActions=["b"]),
        prop("rolePermissions/resourceActions/allowedResourceActions", ["a", "b"], ["b"]),
    ),
    one(
        "home screen order counts",
        of("iosDeviceFeaturesConfiguration", homeScreenDockIcons=[{"bundleID": "a"}, {"bundleID": "b"}]),
        lambda body: body["homeScreenDockIcons"].reverse(),
        prop("homeScreenDockIcons", [{"bundleID": "a"}, {"bundleID": "b"}], [{"bundleID": "b"}, {"bundleID": "a"}]),
    ),
]


def actions(*configurations: Body) -> Body:
    rule = {"id": "1", "ruleName": None, "scheduledActionConfigurations": list(configurations)}
    return of("windows10CompliancePolicy", scheduledActionsForRule=[rule])


def action(kind: str, hours: int, template: str = NIL, made_up: str = "1") -> Body:
    return {
        "id": made_up,
        "actionType": kind,
        "gracePeriodHours": hours,
        "notificationTemplateId": template,
        "notificationMessageCCList": [],
    }


def act(*configurations: Body) -> Any:
    return lambda body: body["scheduledActionsForRule"][0].update(scheduledActionConfigurations=list(configurations))


AT = "scheduledActionsForRule/scheduledActionConfigurations"
ACTIONS = [
    one(
        "grace period",
        actions(action("block", 24), action("retire", 720)),
        act(action("retire", 720), action("block", 72)),
        prop(f"{AT}[block]/gracePeriodHours", 24, 72),
    ),
    one(
        "action added",
        actions(action("block", 24)),
        act(action("block", 24), action("retire", 48)),
        prop(f"{AT}[retire]", ABSENT, {"actionType": "retire", "gracePeriodHours": 48}),
    ),
    one(
        "two notifications, one moves",
        actions(action("notification", 0, G1), action("notification", 24, G2)),
        act(action("notification", 0, G1), action("notification", 48, G2)),
        prop(f"{AT}[notification, {G2}]/gracePeriodHours", 24, 48),
    ),
    one("template nil against empty", actions(action("block", 24)), act(action("block", 24, "", "77"))),
    one(
        "rule name null against Graph's own",
        actions(action("block", 24)),
        lambda body: body["scheduledActionsForRule"][0].update(ruleName="PasswordRequired", id="9"),
    ),
]


def gpo(*values: Body) -> Body:
    return of("groupPolicyConfiguration", definitionValues=list(values))


def value(definition: str, enabled: Any = True, *presented: Body, **more: Any) -> Body:
    return {
        "id": "1",
        "enabled": enabled,
        "definition": {"id": definition, "displayName": "D " + definition[:4]},
        "presentationValues": list(presented),
        **more,
    }


def presented(identifier: str, content: Any) -> Body:
    return {"id": "9", "value": content, "presentation": {"id": identifier, "label": "L"}}


def bound(definition: str, enabled: bool, identifier: str, content: Any) -> Body:
    address = "https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions"
    return {
        "enabled": enabled,
        "definition@odata.bind": f"{address}('{definition}')",
        "presentationValues": [
            {"value": content, "presentation@odata.bind": f"{address}('{definition}')/presentations('{identifier}')"}
        ],
    }


def values(*given: Body) -> Any:
    return sets(definitionValues=list(given))


TEMPLATES = [
    one(
        "definition disabled",
        gpo(value(G1), value(G2)),
        values(value(G2), value(G1, False)),
        setting(G1, "enabled", "disabled"),
    ),
    one("definition added", gpo(value(G1)), values(value(G1), value(G2)), setting(G2, ABSENT, "enabled")),
    one("definition removed", gpo(value(G1), value(G2)), values(value(G2)), setting(G1, "enabled", ABSENT)),
    one(
        "presentation",
        gpo(value(G1, True, presented(F1, "3"))),
        values(value(G1, True, presented(F1, "2"))),
        setting(f"{G1}/{F1}", "3", "2"),
    ),
    one(
        "presentation list is a set",
        gpo(value(G1, True, {"values": ["a", "b"], "presentation": {"id": F1}})),
        values(value(G1, True, {"values": ["b", "c"], "presentation": {"id": F1}})),
        setting(f"{G1}/{F1}", ["a", "b"], ["b", "c"]),
    ),
    one(
        "presentation with named values",
        gpo(value(G1, True, {"values": [{"name": "x", "value": "1"}], "presentation": {"id": F1}})),
        values(value(G1, True, {"values": [{"name": "x", "value": "2"}], "presentation": {"id": F1}})),
        ("setting", "value", f"{G1}/{F1}[x]/value", "1", "2"),
    ),
    one(
        "expanded against bound by address", gpo(value(G1, True, presented(F1, "3"))), values(bound(G1, True, F1, "3"))
    ),
    one("enabled as text", gpo(value(G1)), values(value(G1, "true"))),
    one(
        "other ids, dates and order",
        gpo(value(G1), value(G2)),
        values(value(G2, id="8"), value(G1, lastModifiedDateTime="x")),
    ),
    one(
        "intent setting",
        of("deviceManagementIntent", templateId="t", settings=[{"id": "1", "definitionId": "d1", "valueJson": "6"}]),
        sets(settings=[{"id": "2", "definitionId": "d1", "valueJson": "4"}]),
        setting("d1", 6, 4),
    ),
    one(
        "intent value against its JSON",
        of("deviceManagementIntent", templateId="t", settings=[{"definitionId": "d1", "valueJson": "true"}]),
        sets(settings=[{"definitionId": "d1", "value": True}]),
    ),
    one(
        "intent complex value",
        of(
            "deviceManagementIntent", templateId="t", settings=[{"definitionId": "d1", "valueJson": '{"a": 1, "b": 2}'}]
        ),
        sets(settings=[{"definitionId": "d1", "valueJson": '{"b": 3, "a": 1}'}]),
        ("setting", "b", "d1/b", 2, 3),
    ),
]

OLD_TEXT, NEW_TEXT = "line 1\nline 2\n", "line 1\nline two\n"
SCRIPTS = [
    one(
        f"{odata} {name}",
        of(odata, **{name: text(OLD_TEXT)}),
        sets(**{name: text(NEW_TEXT)}),
        prop(name, OLD_TEXT, NEW_TEXT),
    )
    for odata, name in [
        ("deviceManagementScript", "scriptContent"),
        ("deviceShellScript", "scriptContent"),
        ("deviceHealthScript", "detectionScriptContent"),
        ("deviceHealthScript", "remediationScriptContent"),
        ("deviceComplianceScript", "detectionScriptContent"),
        ("macOSCustomConfiguration", "payload"),
    ]
] + [
    one(
        "script that was empty",
        of("deviceManagementScript", scriptContent=""),
        sets(scriptContent=text("x\n")),
        prop("scriptContent", "", "x\n"),
    ),
    one(
        "line ends alone",
        of("deviceManagementScript", scriptContent=text("a\nb\n")),
        sets(scriptContent=text("a\r\nb\r\n")),
        prop("scriptContent", "a\nb\n", "a\r\nb\r\n"),
    ),
    one(
        "same script with a byte-order mark",
        of("deviceManagementScript", scriptContent=text("a\n")),
        sets(scriptContent=text("\ufeffa\n")),
    ),
    one(
        "same script in UTF-16",
        of("deviceManagementScript", scriptContent=text("a\nb\n")),
        sets(scriptContent=base64.b64encode("a\nb\n".encode("utf-16")).decode()),
    ),
]


def access(**conditions: Any) -> Body:
    return of(
        "conditionalAccessPolicy",
        conditions=conditions,
        grantControls={"operator": "OR", "builtInControls": ["mfa"]},
        sessionControls=None,
    )


ACCESS = [
    one(
        "excluded group",
        access(users={"includeUsers": ["All"], "excludeGroups": [G1]}),
        lambda body: body["conditions"]["users"].update(excludeGroups=[G2, G1]),
        prop("conditions/users/excludeGroups", [G1], [G1, G2]),
    ),
    one(
        "first exclusion",
        access(users={"includeUsers": ["All"], "excludeGroups": []}),
        lambda body: body["conditions"]["users"].update(excludeGroups=[G1]),
        prop("conditions/users/excludeGroups", ABSENT, [G1]),
    ),
    one(
        "location condition goes",
        access(locations={"includeLocations": ["All"]}),
        lambda body: body["conditions"].update(locations=None),
        prop("conditions/locations/includeLocations", ["All"], ABSENT),
    ),
    one(
        "control",
        access(),
        lambda body: body["grantControls"].update(builtInControls=["block"]),
        prop("grantControls/builtInControls", ["mfa"], ["block"]),
    ),
    one(
        "session control appears",
        access(),
        sets(sessionControls={"signInFrequency": {"value": 4, "type": "hours"}}),
        prop("sessionControls/signInFrequency/value", ABSENT, 4),
        prop("sessionControls/signInFrequency/type", ABSENT, "hours"),
    ),
    one(
        "dates and order of users",
        access(users={"includeUsers": ["a", "b"]}, platforms=None),
        lambda body: (
            body.update(modifiedDateTime="2026-01-01T00:00:00Z"),
            body["conditions"]["users"].update(includeUsers=["b", "a"]),
        ),
    ),
]


def target(kind: str, group: str | None = None, **more: Any) -> Body:
    inner: Body = {"@odata.type": GRAPH + kind, **more}
    if group:
        inner["groupId"] = group
    return {"id": "x", "source": "direct", "target": inner}


def included(group: str, **more: Any) -> Body:
    return target("groupAssignmentTarget", group, **more)


def excluded(group: str) -> Body:
    return target("exclusionGroupAssignmentTarget", group)


def assigned(*given: Body, **more: Any) -> Body:
    return of("windows10GeneralConfiguration", assignments=list(given), **more)


def assign(*given: Body) -> Any:
    return sets(assignments=list(given))


def shown(group: str, mode: str = "include", **more: Any) -> Body:
    return {"target": "group", "mode": mode, "id": group, **more}


FILTER = {"deviceAndAppManagementAssignmentFilterId": F1, "deviceAndAppManagementAssignmentFilterType": "include"}
NO_FILTER = {"deviceAndAppManagementAssignmentFilterId": NIL, "deviceAndAppManagementAssignmentFilterType": "none"}
ASSIGNMENTS = [
    one(
        "group added",
        assigned(included(G1)),
        assign(included(G1), included(G2)),
        assignment(f"group, {G2}", ABSENT, shown(G2)),
    ),
    one(
        "group removed",
        assigned(included(G1), included(G2)),
        assign(included(G2)),
        assignment(f"group, {G1}", shown(G1), ABSENT),
    ),
    one("last assignment removed", assigned(included(G1)), assign(), assignment(f"group, {G1}", shown(G1), ABSENT)),
    one(
        "included to excluded",
        assigned(included(G1)),
        assign(excluded(G1)),
        assignment(f"group, {G1}", shown(G1), shown(G1, "exclude")),
    ),
    one(
        "filter added",
        assigned(included(G1)),
        assign(included(G1, **FILTER)),
        assignment(f"group, {G1}", shown(G1), shown(G1, filter=F1, filter_mode="include")),
    ),
    one(
        "filter turned round",
        assigned(included(G1, **FILTER)),
        assign(included(G1, **{**FILTER, "deviceAndAppManagementAssignmentFilterType": "exclude"})),
        assignment(
            f"group, {G1}", shown(G1, filter=F1, filter_mode="include"), shown(G1, filter=F1, filter_mode="exclude")
        ),
    ),
    one(
        "all devices",
        assigned(),
        assign(target("allDevicesAssignmentTarget")),
        assignment("all_devices", ABSENT, {"target": "all_devices", "mode": "include"}),
    ),
    one(
        "all users to all devices",
        assigned(target("allLicensedUsersAssignmentTarget")),
        assign(target("allDevicesAssignmentTarget")),
        assignment("all_users", {"target": "all_users", "mode": "include"}, ABSENT),
        assignment("all_devices", ABSENT, {"target": "all_devices", "mode": "include"}),
    ),
    one(
        "intent",
        assigned({**included(G1), "intent": "apply"}),
        assign({**included(G1), "intent": "remove"}),
        assignment(f"group, {G1}", shown(G1, intent="apply"), shown(G1, intent="remove")),
    ),
    one(
        "order, ids and sources",
        assigned(included(G1), included(G2)),
        assign({**included(G2), "id": "q", "source": "policySets"}, included(G1)),
    ),
    one("no filter in three spellings", assigned(included(G1)), assign(included(G1, **NO_FILTER))),
    one("group id in capitals", assigned(included(G1)), assign(included(G1.upper()))),
    one("plain group without metadata", assigned(included(G1)), assign({"target": {"groupId": G1}})),
    one("scope tag added", assigned(roleScopeTagIds=["0"]), sets(roleScopeTagIds=["5", "0"]), tags(["0"], ["0", "5"])),
    one("scope tag replaced", assigned(roleScopeTagIds=["0"]), sets(roleScopeTagIds=["5"]), tags(["0"], ["5"])),
    one("scope tags in another order", assigned(roleScopeTagIds=["1", "2"]), sets(roleScopeTagIds=["2", "1"])),
    one(
        "assignment and scope tag beside a property",
        assigned(cameraBlocked=True),
        sets(cameraBlocked=False, assignments=[included(G1)], roleScopeTagIds=["7"]),
        prop("cameraBlocked", True, False),
        assignment(f"group, {G1}", ABSENT, shown(G1)),
        tags(["0"], ["7"]),
    ),
]


def some(count: int, odata: str = "windows10CompliancePolicy", **more: Any) -> list[Body]:
    return [of(odata, f"33333333-0000-4000-8000-{n:012}", f"Policy {n}", number=n, **more) for n in range(count)]


LARGE = of("windows10GeneralConfiguration", names=["x" * 1000 + str(n) for n in range(20_000)])
RICH = of("windows10GeneralConfiguration", a=1, b=2, c=3, d=4)
COMPLIANCE = of("windows10CompliancePolicy", a=1)
UNREAD = Completeness(frozenset({"compliance"}))
WHOLE = [
    Case("policy added", [], [RICH], [("policy_added", ID, [])]),
    Case("policy removed", [RICH], [], [("policy_removed", ID, [])]),
    Case("policy re-created", [RICH], [{**RICH, "id": NEW}], [("policy_recreated", NEW, [])]),
    Case(
        "policy re-created with an edit",
        [RICH],
        [{**RICH, "id": NEW, "a": 9}],
        [("policy_recreated", NEW, [prop("a", 1, 9)])],
    ),
    Case(
        "policy re-created, half of it the same",
        [RICH],
        [{**RICH, "id": NEW, "a": 9, "b": 9, "c": 9}],
        [("policy_recreated", NEW, [prop("a", 1, 9), prop("b", 2, 9), prop("c", 3, 9)])],
    ),
    Case(
        "same name, less than half the same",
        [RICH],
        [{**RICH, "id": NEW, "a": 9, "b": 9, "c": 9, "d": 9}],
        [("policy_removed", ID, []), ("policy_added", NEW, [])],
    ),
    Case(
        "same name with other content",
        [of("windows10GeneralConfiguration", x=1, y=2)],
        [of("windows10GeneralConfiguration", NEW, p=3, q=4)],
        [("policy_removed", ID, []), ("policy_added", NEW, [])],
    ),
    Case(
        "same name of another type",
        [RICH],
        [of("windows10CompliancePolicy", NEW, a=1)],
        [("policy_removed", ID, []), ("policy_added", NEW, [])],
    ),
    Case(
        "renamed, not re-created",
        [RICH],
        [{**RICH, "displayName": "Q"}],
        [("policy_modified", ID, [prop("displayName", "P", "Q")])],
    ),
    Case("nothing at all", [], [], []),
    Case(
        "a key the platform adds everywhere",
        some(6),
        some(6, newKey="notConfigured"),
        [("platform_change", None, [prop("newKey", ABSENT, "notConfigured")])],
    ),
    Case(
        "a key the platform takes away",
        some(6, oldKey=1),
        some(6),
        [("platform_change", None, [prop("oldKey", 1, ABSENT)])],
    ),
    Case(
        "a value that differs everywhere is somebody's doing",
        some(6, mode="a"),
        some(6, mode="b"),
        [("policy_modified", f"33333333-0000-4000-8000-{n:012}", [prop("mode", "a", "b")]) for n in range(6)],
    ),
    Case(
        "a platform change beside a real one",
        some(6),
        [*some(5, k=1), {**some(6, k=1)[5], "number": 99}],
        [
            ("platform_change", None, [prop("k", ABSENT, 1)]),
            ("policy_modified", "33333333-0000-4000-8000-000000000005", [prop("number", 5, 99)]),
        ],
    ),
    Case(
        "two policies of many are not a platform",
        some(6),
        [*some(6)[:4], *some(6, k=1)[4:]],
        [("policy_modified", f"33333333-0000-4000-8000-{n:012}", [prop("k", ABSENT, 1)]) for n in (4, 5)],
    ),
    Case(
        "two policies that are all there are, are not a platform",
        some(2),
        some(2, k=1),
        [("policy_modified", f"33333333-0000-4000-8000-{n:012}", [prop("k", ABSENT, 1)]) for n in (0, 1)],
    ),
    Case(
        "three policies of two subtypes that are all there are, are a platform",
        [*some(2), *some(3, "iosCompliancePolicy")[2:]],
        [*some(2, k=1), *some(3, "iosCompliancePolicy", k=1)[2:]],
        [("platform_change", None, [prop("k", ABSENT, 1)])],
    ),
    Case(
        "assignments everywhere are somebody's doing",
        some(4),
        [{**body, "assignments": [included(G1)]} for body in some(4)],
        [
            ("policy_modified", f"33333333-0000-4000-8000-{n:012}", [assignment(f"group, {G1}", ABSENT, shown(G1))])
            for n in range(4)
        ],
    ),
    Case(
        "unread now is not removed",
        [COMPLIANCE, {**RICH, "id": NEW}],
        [{**RICH, "id": NEW}],
        [],
        current=UNREAD,
        withheld=[("compliance", 1)],
    ),
    Case("unread before is not new", [], [COMPLIANCE], [], baseline=UNREAD, withheld=[("compliance", 1)]),
    Case("another type is still known", [RICH], [], [("policy_removed", ID, [])], current=UNREAD),
    Case(
        "what was read of an incomplete type is compared",
        [COMPLIANCE],
        [{**COMPLIANCE, "a": 2}],
        [("policy_modified", ID, [prop("a", 1, 2)])],
        current=UNREAD,
    ),
    Case(
        "one policy known to be unread",
        [RICH, {**RICH, "id": NEW, "displayName": "Q"}],
        [],
        [("policy_removed", NEW, [])],
        current=Completeness(policies=frozenset({ID})),
        withheld=[("device_configuration", 1)],
    ),
    Case(
        "anything may be unread",
        [RICH, COMPLIANCE | {"id": NEW}],
        [],
        [],
        current=Completeness(frozenset({"*"})),
        withheld=[("compliance", 1), ("device_configuration", 1)],
    ),
    Case("an addition beside an unread current is new", [], [COMPLIANCE], [("policy_added", ID, [])], current=UNREAD),
    Case(
        "a policy of twenty megabytes",
        [LARGE],
        [{**LARGE, "names": LARGE["names"][1:]}],
        [("policy_modified", ID, [prop("names", sorted(LARGE["names"]), sorted(LARGE["names"][1:]))])],
    ),
    Case(
        "a type nobody knows",
        [of("brandNewThing", createdDateTime="2026-01-01T00:00:00Z", level=1)],
        [of("brandNewThing", createdDateTime="2026-01-02T00:00:00Z", level=2)],
        [("policy_modified", ID, [prop("level", 1, 2)])],
    ),
]

CASES = [*PROPERTIES, *ELEMENTS, *ACTIONS, *TEMPLATES, *SCRIPTS, *ACCESS, *ASSIGNMENTS, *WHOLE]
