"""Pairs made to mislead: shapes that read alike and are not, and shapes that read otherwise and are the same."""

from __future__ import annotations

import base64
from typing import Any

from tests.support.drift_cases import ABSENT, Body, Case, Moved, assignment, one, prop, setting
from tests.unit.drift.corpus.catalog_cases import (
    ASR,
    CPU,
    FW,
    TYPE,
    XTS,
    choice,
    group,
    groups,
    many,
    policy,
    put,
    simple,
)
from tests.unit.drift.corpus.catalog_cases import rule as firewall_rule
from tests.unit.drift.corpus.other_cases import F1, G1, G2, ID, NEW, NIL, of, sets, text

LIST = "x_list"


def numbered(count: int, **more: Any) -> list[Body]:
    return [
        of("windows10GeneralConfiguration", f"44444444-0000-4000-8000-{n:012}", f"P{n}", number=n, **more)
        for n in range(count)
    ]


def number_of(n: int) -> str:
    return f"44444444-0000-4000-8000-{n:012}"


def held(*tokens: str) -> Body:
    values = [{"value": token, "valueState": "encryptedValueToken"} for token in tokens]
    return {"settingDefinitionId": LIST, "simpleSettingCollectionValue": values}


def options(*chosen: tuple[str, list[Body]]) -> Body:
    values = [{"value": value, "children": below} for value, below in chosen]
    return {"settingDefinitionId": LIST, "choiceSettingCollectionValue": values}


def oma(kind: str, value: Any, **more: Any) -> Body:
    typed = {"@odata.type": f"#microsoft.graph.omaSetting{kind}"} if kind else {}
    return {**typed, "displayName": "N", "omaUri": "./a", "value": value, **more}


def custom(*settings: Body) -> Body:
    return of("windows10CustomConfiguration", omaSettings=list(settings))


def to(body: Body) -> Any:
    return lambda _: body


def target(kind: str, identifier: str = "", **more: Any) -> Body:
    found: Body = {"@odata.type": f"#microsoft.graph.{kind}AssignmentTarget", **more}
    if identifier:
        found["groupId"] = identifier
    return {"id": f"{identifier}_x", "source": "direct", "sourceId": "x", "target": found}


def filtered(mode: str) -> dict[str, str]:
    return {"deviceAndAppManagementAssignmentFilterId": F1, "deviceAndAppManagementAssignmentFilterType": mode}


def shown(identifier: str, mode: str = "include", **more: str) -> Body:
    return {"target": "group", "mode": mode, "id": identifier, **more}


def template(*values: Body) -> Body:
    return of("groupPolicyConfiguration", definitionValues=list(values))


def defined(identifier: str, enabled: Any, *presented: Body, value_id: str = "1") -> Body:
    return {
        "id": value_id,
        "enabled": enabled,
        "definition": {"id": identifier, "displayName": identifier},
        "presentationValues": list(presented),
    }


def presented(identifier: str, **value: Any) -> Body:
    return {"id": "p", "presentation": {"id": identifier, "label": "L"}, **value}


def actions(*given: tuple[str, int, str]) -> Body:
    configured = [
        {"id": str(n), "actionType": kind, "gracePeriodHours": hours, "notificationTemplateId": mail}
        for n, (kind, hours, mail) in enumerate(given)
    ]
    rules = [{"id": "r", "ruleName": None, "scheduledActionConfigurations": configured}]
    return of("windows10CompliancePolicy", scheduledActionsForRule=rules)


ACTION = "scheduledActionsForRule/scheduledActionConfigurations"


def access(**more: Any) -> Body:
    users = {"includeUsers": ["All"], "excludeUsers": ["u1"], "excludeGroups": []}
    conditions = {"users": users, "applications": {"includeApplications": ["All"]}, "platforms": None}
    return of("conditionalAccessPolicy", state="enabled", conditions=conditions, **more)


def nested(levels: int, value: Any) -> Any:
    for _ in range(levels):
        value = {"n": value}
    return value


SCRIPT = "Write-Host one\nWrite-Host two\n"
WRAPPED = "\r\n".join(text(SCRIPT)[at : at + 20] for at in range(0, len(text(SCRIPT)), 20))
PROFILE = "<a>1</a>\n<b/>"
SPLIT = (simple(XTS, 7), choice(TYPE, "on", simple(CPU, 5)), groups(FW, firewall_rule("A", "80")))
NAMED = f"{FW}[A]/"

SETTINGS = [
    one("null configures nothing", policy(simple(CPU, None), simple(XTS, 1)), put(simple(XTS, 1))),
    one("a fraction as text", policy(simple(CPU, 1.5)), put(simple(CPU, "1.5"))),
    one(
        "versions that are one number",
        policy(simple(CPU, "1.10")),
        put(simple(CPU, "1.1")),
        setting(CPU, "1.10", "1.1"),
    ),
    one("nineteen digits as text", policy(simple(CPU, 9223372036854775807)), put(simple(CPU, "9223372036854775807"))),
    one(
        "nineteen digits, the last one other",
        policy(simple(CPU, 9223372036854775807)),
        put(simple(CPU, 9223372036854775806)),
        setting(CPU, 9223372036854775807, 9223372036854775806),
    ),
    one("tokens of held secrets", policy(held("t1", "t2")), put(held("t3", "t4"))),
    one(
        "one more held secret",
        policy(held("t1")),
        put(held("t2", "t3")),
        ("setting", LIST, f"{LIST}[]", ABSENT, "secret:set"),
    ),
    one("numbers in a list as text, in another order", policy(many(LIST, 3, 1, 2)), put(many(LIST, "1", "2", "3"))),
    one("a member twice in a list", policy(many(LIST, "a", "b")), put(many(LIST, "b", "a", "a"))),
    one(
        "one instance more of two that are equal",
        policy(groups("g", [simple("g_v", 1)], [simple("g_v", 1)])),
        put(groups("g", [simple("g_v", 1)], [simple("g_v", 1)], [simple("g_v", 1)])),
        ("setting", "g", "g[]", ABSENT, {"g_v": 1}),
    ),
    one(
        "an instance without a name among three",
        policy(groups("g", [simple("g_v", 1)], [simple("g_v", 2)], [simple("g_v", 3)])),
        put(groups("g", [simple("g_v", 3)], [simple("g_v", 9)], [simple("g_v", 1)])),
        ("setting", "g", "g[]", {"g_v": 2}, ABSENT),
        ("setting", "g", "g[]", ABSENT, {"g_v": 9}),
    ),
    one(
        "a rule that takes the name of another",
        policy(groups(FW, firewall_rule("A", "80"), firewall_rule("B", "81"))),
        put(groups(FW, firewall_rule("B", "80"), firewall_rule("A", "81"))),
        setting(f"{NAMED}{FW}_port", "80", "81"),
        setting(f"{FW}[B]/{FW}_port", "81", "80"),
    ),
    one(
        "below a choice below an instance",
        policy(
            groups(
                FW,
                [simple(FW + "_name", "A"), choice(TYPE, "on", groups("i", [simple("i_id", "k"), simple("i_v", 1)]))],
            )
        ),
        put(
            groups(
                FW,
                [choice(TYPE, "on", groups("i", [simple("i_v", 2), simple("i_id", "k")])), simple(FW + "_name", "A")],
            )
        ),
        ("setting", "i_v", f"{NAMED}{TYPE}/i[k]/i_v", 1, 2),
    ),
    one(
        "a child of one of several chosen options",
        policy(options(("a", [simple(CPU, 1)]), ("b", []))),
        put(options(("b", []), ("a", [simple(CPU, 2)]))),
        ("setting", LIST, f"{LIST}[]", {"value": "a", CPU: 1}, ABSENT),
        ("setting", LIST, f"{LIST}[]", ABSENT, {"value": "a", CPU: 2}),
    ),
    one("a value that becomes a list", policy(simple(CPU, 1)), put(many(CPU, 1)), setting(CPU, 1, [1])),
    one(
        "groups in groups",
        policy(group("a", group("b", simple(CPU, 1)))),
        put(group("a", group("b", simple(CPU, 2)))),
        setting(f"a/b/{CPU}", 1, 2),
    ),
    one(
        "a name and a value at once",
        policy(simple(CPU, 1)),
        lambda body: body.update(policy(simple(CPU, 2), name="Q")),
        setting(CPU, 1, 2),
        prop("name", "Catalog", "Q"),
    ),
    one(
        "who refers to a reusable setting is not a change of it",
        of(
            "deviceManagementReusablePolicySetting",
            settingDefinitionId="q",
            settingInstance=simple("q", 1),
            referencingConfigurationPolicyCount=1,
        ),
        sets(referencingConfigurationPolicyCount=7),
    ),
    Case(
        "a block that moves with its children and instances",
        [policy(*SPLIT, policy_id=ID, name="A"), policy(simple(ASR, 1), policy_id=NEW, name="B")],
        [policy(SPLIT[0], policy_id=ID, name="A"), policy(simple(ASR, 1), *SPLIT[1:], policy_id=NEW, name="B")],
        [
            (
                "policy_modified",
                policy_id,
                [
                    Moved(setting(path, *sides(value)), **{word: other})
                    for path, value in (
                        (TYPE, "on"),
                        (f"{TYPE}/{CPU}", 5),
                        (f"{NAMED}{FW}_name", "A"),
                        (f"{NAMED}{FW}_port", "80"),
                        (f"{NAMED}{FW}_action", "allow"),
                    )
                ],
            )
            for policy_id, word, other, sides in (
                (ID, "moved_to", NEW, lambda value: (value, ABSENT)),
                (NEW, "moved_from", ID, lambda value: (ABSENT, value)),
            )
        ],
    ),
    Case(
        "a policy split in two",
        [policy(simple(CPU, 1), simple(XTS, 7), policy_id=ID, name="A")],
        [policy(simple(CPU, 1), policy_id=ID, name="A"), policy(simple(XTS, 7), policy_id=NEW, name="B")],
        [("policy_modified", ID, [Moved(setting(XTS, 7, ABSENT), moved_to=NEW)]), ("policy_added", NEW, [])],
    ),
]

OTHERS = [
    one(
        "a template's number as text, its value's id made up",
        template(defined("d", True, presented("p", value=5))),
        to(template(defined("d", "true", presented("p", value="5"), value_id="9"))),
    ),
    one(
        "a pair in a template's list",
        template(defined("d", True, presented("p", values=[{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]))),
        to(
            template(
                defined("d", True, presented("p", values=[{"name": "b", "value": "3"}, {"name": "a", "value": "1"}]))
            )
        ),
        ("setting", "value", "d/p[b]/value", "2", "3"),
    ),
    one(
        "a template switched off",
        template(defined("d", True, presented("p", value="a"))),
        to(template(defined("d", False))),
        setting("d", "enabled", "disabled"),
        setting("d/p", "a", ABSENT),
    ),
    one(
        "an action that waits",
        actions(("block", 0, NIL)),
        to(actions(("block", 24, ""))),
        ("property", "gracePeriodHours", f"{ACTION}[block]/gracePeriodHours", 0, 24),
    ),
    one(
        "two mails of one template, the later one later",
        actions(("notification", 0, G1), ("notification", 24, G1)),
        to(actions(("notification", 48, G1), ("notification", 0, G1))),
        *(
            prop(f"{ACTION}[notification, {hours}]", *((given, ABSENT) if hours == 24 else (ABSENT, given)))
            for hours in (24, 48)
            for given in [{"actionType": "notification", "gracePeriodHours": hours, "notificationTemplateId": G1}]
        ),
    ),
    one(
        "base64 in broken lines",
        of("deviceManagementScript", scriptContent=text(SCRIPT), fileName="a.ps1"),
        sets(scriptContent=WRAPPED),
    ),
    one(
        "base64 of another encoding",
        of("deviceManagementScript", scriptContent=text(SCRIPT), fileName="a.ps1"),
        sets(scriptContent=base64.b64encode(b"\xff\xfe" + SCRIPT.encode("utf-16-le")).decode()),
    ),
    one(
        "line ends of a script",
        of("deviceShellScript", scriptContent=text(SCRIPT), fileName="a.sh"),
        sets(scriptContent=text(SCRIPT.replace("\n", "\r\n"))),
        prop("scriptContent", SCRIPT, SCRIPT.replace("\n", "\r\n")),
    ),
    one(
        "a file of a custom profile is told as its text",
        custom(oma("StringXml", text(PROFILE), fileName="a.xml")),
        to(custom(oma("StringXml", text(PROFILE.replace("1", "2")), fileName="a.xml"))),
        prop("omaSettings[./a]/value", PROFILE, PROFILE.replace("1", "2")),
    ),
    one(
        "a custom profile without metadata",
        custom(oma("StringXml", text(PROFILE)), oma("DateTime", "2026") | {"omaUri": "b"}),
        to(custom(oma("", text(PROFILE)), oma("", "2026") | {"omaUri": "b"})),
    ),
    one(
        "a custom number that becomes a text",
        custom(oma("Integer", 1)),
        to(custom(oma("String", "1"))),
        prop("omaSettings[./a]/dataType", "Integer", "String"),
    ),
    one(
        "a masked secret that is another",
        custom(oma("String", "****", isEncrypted=True, secretReferenceValueId="r1")),
        to(custom(oma("String", "****", isEncrypted=True, secretReferenceValueId="r2"))),
        prop("omaSettings[./a]/secretReferenceValueId", "r1", "r2"),
    ),
    one(
        "access without its empty parts",
        access(grantControls=None, sessionControls={}),
        lambda body: [
            body.pop("grantControls"),
            body.pop("sessionControls"),
            body["conditions"].pop("platforms"),
            body["conditions"]["users"].pop("excludeGroups"),
        ],
    ),
    one(
        "access that excludes one more and only reports",
        access(),
        lambda body: [
            body.update(state="enabledForReportingButNotEnforced"),
            body["conditions"]["users"].update(excludeUsers=["u2", "u1"]),
        ],
        prop("state", "enabled", "enabledForReportingButNotEnforced"),
        prop("conditions/users/excludeUsers", ["u1"], ["u1", "u2"]),
    ),
    one(
        "the same strength of sign-in, expanded at another time",
        access(grantControls={"operator": "OR", "authenticationStrength": {"id": "2", "createdDateTime": "2021"}}),
        sets(grantControls={"operator": "OR", "authenticationStrength": {"id": "2", "createdDateTime": "2024"}}),
    ),
    one(
        "two hundred objects deep",
        of("windows10GeneralConfiguration", deep=nested(200, 1)),
        sets(deep=nested(200, 2)),
        ("property", "n", "deep" + "/n" * 200, 1, 2),
    ),
    one(
        "the default of a new object is nothing while it is empty",
        of("windows10GeneralConfiguration"),
        sets(limits={"a": None, "b": [], "c": {"d": None}}),
    ),
    one(
        "a policy that says nothing but its type",
        of("windows10GeneralConfiguration"),
        to(of("windows10EndpointProtectionConfiguration")),
        prop("@odata.type", "windows10GeneralConfiguration", "windows10EndpointProtectionConfiguration"),
    ),
    one(
        "an action of the service and a link",
        of("windows10GeneralConfiguration"),
        sets(
            **{
                "#microsoft.graph.assign": {"target": "x"},
                "assignments@odata.navigationLink": "x",
                "@odata.editLink": "y",
            }
        ),
    ),
]

ASSIGNED = [
    one(
        "a group both in and out",
        of("windows10GeneralConfiguration", assignments=[target("group", G1)]),
        sets(assignments=[target("exclusionGroup", G1), target("group", G1)]),
        assignment(f"group, {G1}, exclude", ABSENT, shown(G1, "exclude")),
    ),
    one(
        "a filter turned round",
        of("windows10GeneralConfiguration", assignments=[target("group", G1, **filtered("include"))]),
        sets(assignments=[target("group", G1, **filtered("exclude"))]),
        assignment(
            f"group, {G1}", shown(G1, filter=F1, filter_mode="include"), shown(G1, filter=F1, filter_mode="exclude")
        ),
    ),
    one(
        "a filter that is none",
        of("windows10GeneralConfiguration", assignments=[target("group", G1)]),
        sets(
            assignments=[
                target(
                    "group",
                    G1,
                    deviceAndAppManagementAssignmentFilterId=NIL,
                    deviceAndAppManagementAssignmentFilterType="none",
                )
            ]
        ),
    ),
    one(
        "groups in another order with other ids",
        of("windows10GeneralConfiguration", assignments=[target("group", G1), target("group", G2)]),
        sets(assignments=[target("group", G2) | {"id": "n"}, target("group", G1) | {"sourceId": "m"}]),
    ),
    one(
        "all devices instead of all users",
        of("windows10GeneralConfiguration", assignments=[target("allDevices")]),
        sets(assignments=[target("allLicensedUsers")]),
        assignment("all_devices", {"target": "all_devices", "mode": "include"}, ABSENT),
        assignment("all_users", ABSENT, {"target": "all_users", "mode": "include"}),
    ),
]

WHOLE = [
    Case(
        "a property that comes everywhere with values of its own",
        numbered(5),
        [body | {"fresh": body["number"]} for body in numbered(5)],
        [("platform_change", None, [prop("fresh", ABSENT, 0)])],
    ),
    Case(
        "two instances that come everywhere are somebody's doing",
        [policy(groups("g", [simple("g_v", n)]), policy_id=number_of(n)) for n in range(5)],
        [
            policy(groups("g", [simple("g_v", n)], [simple("g_v", 101)], [simple("g_v", 102)]), policy_id=number_of(n))
            for n in range(5)
        ],
        [
            ("policy_modified", number_of(n), [("setting", "g", "g[]", ABSENT, {"g_v": value}) for value in (101, 102)])
            for n in range(5)
        ],
    ),
    Case(
        "two policies that get the same twice are not a platform",
        [policy(groups("g", [simple("g_v", n)]), policy_id=number_of(n)) for n in range(2)],
        [policy(groups("g", [simple("g_v", n)], *[[simple("g_v", 9)]] * 2), policy_id=number_of(n)) for n in range(2)],
        [("policy_modified", number_of(n), [("setting", "g", "g[]", ABSENT, {"g_v": 9})] * 2) for n in range(2)],
    ),
    Case(
        "a setting that comes everywhere with values of its own is somebody's doing",
        [policy(simple(CPU, n), policy_id=number_of(n)) for n in range(4)],
        [policy(simple(CPU, n), simple(XTS, n + 50), policy_id=number_of(n)) for n in range(4)],
        [("policy_modified", number_of(n), [setting(XTS, ABSENT, n + 50)]) for n in range(4)],
    ),
    Case(
        "a property the platform takes away, and one real change",
        numbered(8, v="a"),
        [
            {key: value for key, value in body.items() if key != "v"} | ({"real": 1} if body["number"] == 7 else {})
            for body in numbered(8)
        ],
        [
            ("platform_change", None, [prop("v", "a", ABSENT)]),
            ("policy_modified", number_of(7), [prop("real", ABSENT, 1)]),
        ],
    ),
    Case(
        "a value set to null everywhere is somebody's doing",
        numbered(4, v="a"),
        numbered(4, v=None),
        [("policy_modified", number_of(n), [prop("v", "a", ABSENT)]) for n in range(4)],
    ),
    Case(
        "a value that comes where every policy had null is somebody's doing",
        numbered(4, v=None),
        numbered(4, v="a"),
        [("policy_modified", number_of(n), [prop("v", ABSENT, "a")]) for n in range(4)],
    ),
    Case(
        "a key that goes from all policies but one is somebody's doing",
        numbered(4, v="a"),
        [*numbered(3), numbered(4, v="a")[3]],
        [("policy_modified", number_of(n), [prop("v", "a", ABSENT)]) for n in range(3)],
    ),
    Case(
        "made again under another name is another policy",
        [policy(simple(CPU, 1), simple(XTS, 2), policy_id=ID, name="A")],
        [policy(simple(CPU, 1), simple(XTS, 2), policy_id=NEW, name="B")],
        [("policy_removed", ID, []), ("policy_added", NEW, [])],
    ),
    Case(
        "made again twice under one name: which is which would be a guess",
        [policy(simple(CPU, n), simple(XTS, 0), policy_id=number_of(n), name="A") for n in (1, 2)],
        [policy(simple(CPU, n), simple(XTS, 9), policy_id=number_of(n + 2), name="A") for n in (1, 2)],
        [("policy_removed", number_of(n), []) for n in (1, 2)] + [("policy_added", number_of(n), []) for n in (3, 4)],
    ),
    Case(
        "made again without its assignments",
        [policy(simple(CPU, 1), policy_id=ID, assignments=[target("group", G1)])],
        [policy(simple(CPU, 1), policy_id=NEW)],
        [("policy_recreated", NEW, [assignment(f"group, {G1}", shown(G1), ABSENT)])],
    ),
    one(
        "an id that another type of policy took over",
        of("windows10GeneralConfiguration", a=1),
        to(of("windows10CompliancePolicy", a=2)),
        prop("@odata.type", "windows10GeneralConfiguration", "windows10CompliancePolicy"),
        prop("a", 1, 2),
    ),
]

CASES = [*SETTINGS, *OTHERS, *ASSIGNED, *WHOLE]
