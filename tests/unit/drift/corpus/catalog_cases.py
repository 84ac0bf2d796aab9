"""Settings catalog: every kind of setting, and every pitfall of its shape."""

from __future__ import annotations

import copy
from typing import Any

from tests.support.drift_cases import ABSENT, Body, Case, Moved, one, prop, setting

ID = "11111111-0000-4000-8000-000000000001"
D = "device_vendor_msft_policy_config_defender_"
CPU, CLOUD, PATHS, PUA = D + "avgcpuloadfactor", D + "cloudblocklevel", D + "excludedpaths", D + "puaprotection"
BL = "device_vendor_msft_bitlocker_"
TYPE, XTS = BL + "encryptionmethodbydrivetype", BL + "encryptionmethodbydrivetype_xts"
ASR = D + "attacksurfacereductionrules"
ADOBE, LSASS = ASR + "_adobe", ASR + "_lsass"
FW = "vendor_msft_firewall_rules_{rulename}"
TCC = "com.apple.tcc_services"
GROUP = "device_vendor_msft_policy_config_group"
TYPED = "#microsoft.graph.deviceManagementConfiguration"


def simple(identifier: str, value: Any) -> Body:
    return {"settingDefinitionId": identifier, "simpleSettingValue": {"value": value}}


def choice(identifier: str, option: Any, *below: Body) -> Body:
    return {"settingDefinitionId": identifier, "choiceSettingValue": {"value": option, "children": list(below)}}


def many(identifier: str, *values: Any) -> Body:
    return {"settingDefinitionId": identifier, "simpleSettingCollectionValue": [{"value": value} for value in values]}


def group(identifier: str, *below: Body) -> Body:
    return {"settingDefinitionId": identifier, "groupSettingValue": {"children": list(below)}}


def groups(identifier: str, *members: list[Body]) -> Body:
    value = [{"children": member} for member in members]
    return {"settingDefinitionId": identifier, "groupSettingCollectionValue": value}


def rule(name: str, port: str, action: str = "allow") -> list[Body]:
    return [simple(FW + "_name", name), simple(FW + "_port", port), choice(FW + "_action", action)]


def tcc(identifier: str, allowed: str) -> list[Body]:
    return [simple(TCC + "_identifier", identifier), choice(TCC + "_authorization", allowed)]


def policy(*settings: Body, policy_id: str = ID, name: str = "Catalog", **more: Any) -> Body:
    return {
        "id": policy_id,
        "name": name,
        "platforms": "windows10",
        "technologies": "mdm",
        "settings": [{"id": str(n), "settingInstance": instance} for n, instance in enumerate(settings)],
        **more,
    }


def put(*settings: Body) -> Any:
    """An edit that replaces all settings."""

    def edit(body: Body) -> None:
        body["settings"] = [{"id": str(n), "settingInstance": item} for n, item in enumerate(settings)]

    return edit


def deep(levels: int, value: Any) -> Body:
    node = simple(f"level{levels}", value)
    for level in range(levels - 1, -1, -1):
        node = choice(f"level{level}", "on", node)
    return node


NAMED = "[Allow WinRM]"
KINDS = [
    one("simple integer", policy(simple(CPU, 20)), put(simple(CPU, 50)), setting(CPU, 20, 50)),
    one("simple text", policy(simple(CPU, "a")), put(simple(CPU, "b")), setting(CPU, "a", "b")),
    one("text to empty text", policy(simple(CPU, "a")), put(simple(CPU, "")), setting(CPU, "a", "")),
    one("text case", policy(simple(CPU, "Path")), put(simple(CPU, "path")), setting(CPU, "Path", "path")),
    one("zero is a value", policy(simple(CPU, 5)), put(simple(CPU, 0)), setting(CPU, 5, 0)),
    one("leading zeros are text", policy(simple(CPU, "007")), put(simple(CPU, "7")), setting(CPU, "007", "7")),
    one("one is not true", policy(simple(CPU, True)), put(simple(CPU, 1)), setting(CPU, True, 1)),
    one("choice", policy(choice(PUA, PUA + "_0")), put(choice(PUA, PUA + "_1")), setting(PUA, PUA + "_0", PUA + "_1")),
    one("setting added", policy(simple(CPU, 20)), put(simple(CPU, 20), choice(PUA, "on")), setting(PUA, ABSENT, "on")),
    one(
        "setting removed", policy(simple(CPU, 20), choice(PUA, "on")), put(simple(CPU, 20)), setting(PUA, "on", ABSENT)
    ),
    one("only setting removed", policy(simple(CPU, 20)), put(), setting(CPU, 20, ABSENT)),
    one(
        "three settings at once",
        policy(simple(CPU, 20), choice(PUA, "on"), simple(CLOUD, 1)),
        put(simple(CPU, 21), choice(PUA, "off"), simple(CLOUD, 2)),
        setting(CPU, 20, 21),
        setting(PUA, "on", "off"),
        setting(CLOUD, 1, 2),
    ),
    one(
        "child of a choice",
        policy(choice(TYPE, "on", simple(XTS, 7))),
        put(choice(TYPE, "on", simple(XTS, 6))),
        setting(f"{TYPE}/{XTS}", 7, 6),
    ),
    one(
        "choice that loses its child",
        policy(choice(TYPE, "on", simple(XTS, 7))),
        put(choice(TYPE, "off")),
        setting(TYPE, "on", "off"),
        setting(f"{TYPE}/{XTS}", 7, ABSENT),
    ),
    one(
        "choice that brings children",
        policy(choice(TYPE, "off")),
        put(choice(TYPE, "on", simple(XTS, 7), simple(CPU, 1))),
        setting(TYPE, "off", "on"),
        setting(f"{TYPE}/{XTS}", ABSENT, 7),
        setting(f"{TYPE}/{CPU}", ABSENT, 1),
    ),
    one(
        "child that goes while the choice stays",
        policy(choice(TYPE, "on", simple(XTS, 7))),
        put(choice(TYPE, "on")),
        setting(f"{TYPE}/{XTS}", 7, ABSENT),
    ),
    one(
        "grandchild",
        policy(choice(TYPE, "on", choice(PUA, "x", simple(XTS, 7)))),
        put(choice(TYPE, "on", choice(PUA, "x", simple(XTS, 8)))),
        setting(f"{TYPE}/{PUA}/{XTS}", 7, 8),
    ),
    one(
        "same definition at two places",
        policy(choice(TYPE, "on", simple(XTS, 7)), simple(XTS, 7)),
        put(choice(TYPE, "on", simple(XTS, 7)), simple(XTS, 8)),
        setting(XTS, 7, 8),
    ),
    one(
        "collection grows",
        policy(many(PATHS, "a", "b")),
        put(many(PATHS, "b", "a", "c")),
        setting(PATHS, ["a", "b"], ["a", "b", "c"]),
    ),
    one("collection shrinks", policy(many(PATHS, "a", "b")), put(many(PATHS, "b")), setting(PATHS, ["a", "b"], ["b"])),
    one("collection appears", policy(), put(many(PATHS, "a")), setting(PATHS, ABSENT, ["a"])),
    one("collection goes", policy(many(PATHS, "a")), put(), setting(PATHS, ["a"], ABSENT)),
    one("collection of one replaced", policy(many(PATHS, "a")), put(many(PATHS, "z")), setting(PATHS, ["a"], ["z"])),
    one(
        "group's child",
        policy(group(GROUP, simple(CPU, 1))),
        put(group(GROUP, simple(CPU, 2))),
        setting(f"{GROUP}/{CPU}", 1, 2),
    ),
    one("group appears", policy(), put(group(GROUP, simple(CPU, 1))), setting(f"{GROUP}/{CPU}", ABSENT, 1)),
    one(
        "single unnamed instance is compared inside",
        policy(groups(ASR, [choice(ADOBE, "block"), choice(LSASS, "block")])),
        put(groups(ASR, [choice(ADOBE, "audit"), choice(LSASS, "block")])),
        setting(f"{ASR}/{ADOBE}", "block", "audit"),
    ),
    one(
        "single unnamed instance gains a rule",
        policy(groups(ASR, [choice(ADOBE, "block")])),
        put(groups(ASR, [choice(ADOBE, "block"), choice(LSASS, "warn")])),
        setting(f"{ASR}/{LSASS}", ABSENT, "warn"),
    ),
    one(
        "instance by name",
        policy(groups(FW, rule("Allow WinRM", "5985"), rule("Block SMB", "445", "block"))),
        put(groups(FW, rule("Block SMB", "445", "block"), rule("Allow WinRM", "5986"))),
        setting(f"{FW}{NAMED}/{FW}_port", "5985", "5986"),
    ),
    one(
        "instance by name added",
        policy(groups(FW, rule("Block SMB", "445"))),
        put(groups(FW, rule("Block SMB", "445"), rule("Allow WinRM", "5985"))),
        setting(f"{FW}{NAMED}/{FW}_name", ABSENT, "Allow WinRM"),
        setting(f"{FW}{NAMED}/{FW}_port", ABSENT, "5985"),
        setting(f"{FW}{NAMED}/{FW}_action", ABSENT, "allow"),
    ),
    one(
        "instance by name removed",
        policy(groups(FW, rule("Block SMB", "445"), rule("Allow WinRM", "5985"))),
        put(groups(FW, rule("Block SMB", "445"))),
        setting(f"{FW}{NAMED}/{FW}_name", "Allow WinRM", ABSENT),
        setting(f"{FW}{NAMED}/{FW}_port", "5985", ABSENT),
        setting(f"{FW}{NAMED}/{FW}_action", "allow", ABSENT),
    ),
    one(
        "instance by identifier",
        policy(groups(TCC, tcc("com.example.a", "allow"), tcc("com.example.b", "allow"))),
        put(groups(TCC, tcc("com.example.a", "allow"), tcc("com.example.b", "deny"))),
        setting(f"{TCC}[com.example.b]/{TCC}_authorization", "allow", "deny"),
    ),
    one(
        "unnamed instances are a set",
        policy(groups(ASR, [simple(CPU, 1)], [simple(CPU, 2)])),
        put(groups(ASR, [simple(CPU, 2)], [simple(CPU, 3)])),
        ("setting", ASR, ASR + "[]", {CPU: 1}, ABSENT),
        ("setting", ASR, ASR + "[]", ABSENT, {CPU: 3}),
    ),
    one(
        "two of one name are a set",
        policy(groups(FW, rule("Same", "1"), rule("Same", "2"))),
        put(groups(FW, rule("Same", "1"), rule("Same", "3"))),
        ("setting", FW, FW + "[]", {FW + "_name": "Same", FW + "_port": "2", FW + "_action": "allow"}, ABSENT),
        ("setting", FW, FW + "[]", ABSENT, {FW + "_name": "Same", FW + "_port": "3", FW + "_action": "allow"}),
    ),
    one(
        "nested collections",
        policy(
            groups(
                FW,
                [simple(FW + "_name", "A"), groups(TCC, tcc("x", "allow"), tcc("y", "allow"))],
                [simple(FW + "_name", "B")],
            )
        ),
        put(
            groups(
                FW,
                [simple(FW + "_name", "B")],
                [simple(FW + "_name", "A"), groups(TCC, tcc("y", "deny"), tcc("x", "allow"))],
            )
        ),
        setting(f"{FW}[A]/{TCC}[y]/{TCC}_authorization", "allow", "deny"),
    ),
    one(
        "choice collection",
        policy({"settingDefinitionId": PUA, "choiceSettingCollectionValue": [{"value": "a"}, {"value": "b"}]}),
        put({"settingDefinitionId": PUA, "choiceSettingCollectionValue": [{"value": "b"}, {"value": "c"}]}),
        setting(PUA, ["a", "b"], ["b", "c"]),
    ),
    one(
        "two hundred levels deep",
        policy(deep(200, 1)),
        put(deep(200, 2)),
        setting("/".join(f"level{n}" for n in range(201)), 1, 2),
    ),
    one(
        "unknown kind of setting",
        policy({"settingDefinitionId": PUA, "futureSettingValue": {"amount": 3}}),
        put({"settingDefinitionId": PUA, "futureSettingValue": {"amount": 4}}),
        setting(f"{PUA}/futureSettingValue/amount", 3, 4),
    ),
    one(
        "reusable setting",
        {"id": ID, "displayName": "Shared", "settingDefinitionId": PATHS, "settingInstance": many(PATHS, "a")},
        lambda body: body.update(settingInstance=many(PATHS, "a", "b")),
        setting(PATHS, ["a"], ["a", "b"]),
    ),
    one(
        "compliance in the settings catalog",
        policy(
            simple(CPU, 1),
            technologies="linuxMdm",
            platforms="linux",
            scheduledActionsForRule=[
                {"scheduledActionConfigurations": [{"actionType": "block", "gracePeriodHours": 0}]}
            ],
        ),
        lambda body: body["scheduledActionsForRule"][0]["scheduledActionConfigurations"][0].update(gracePeriodHours=6),
        prop("scheduledActionsForRule/scheduledActionConfigurations[block]/gracePeriodHours", 0, 6),
    ),
    one(
        "renamed policy",
        policy(simple(CPU, 1)),
        lambda body: body.update(name="Catalog v2"),
        prop("name", "Catalog", "Catalog v2"),
    ),
    one(
        "renamed and changed",
        policy(simple(CPU, 1)),
        lambda body: (body.update(name="B"), put(simple(CPU, 2))(body)),
        prop("name", "Catalog", "B"),
        setting(CPU, 1, 2),
    ),
    one(
        "template of another version",
        policy(simple(CPU, 1), templateReference={"templateId": "t_1"}),
        lambda body: body.update(templateReference={"templateId": "t_2"}),
        prop("templateReference/templateId", "t_1", "t_2"),
    ),
]


def _typed(body: Body) -> Body:
    typed: Body = copy.deepcopy(body)
    typed["@odata.type"] = "#microsoft.graph.deviceManagementConfigurationPolicy"
    typed["@odata.context"] = (
        "https://graph.microsoft.com/beta/$metadata#deviceManagement/configurationPolicies/$entity"
    )
    for item in typed["settings"]:
        item["@odata.type"] = TYPED + "Setting"
        item["settingInstance"]["@odata.type"] = TYPED + "SimpleSettingInstance"
        item["settingInstance"]["settingInstanceTemplateReference"] = None
        item["settingInstance"]["simpleSettingValue"]["@odata.type"] = TYPED + "IntegerSettingValue"
        item["settingInstance"]["simpleSettingValue"]["settingValueTemplateReference"] = None
    return typed


def _renumbered(body: Body) -> None:
    body["settings"].reverse()
    for number, item in enumerate(body["settings"]):
        item["id"] = str(number + 160)


def _secret(token: str, state: str = "encryptedValueToken") -> Body:
    return {"settingDefinitionId": PUA, "simpleSettingValue": {"value": token, "valueState": state}}


TWO = policy(simple(CPU, 1), simple(CLOUD, 2))
NOISE = [
    one("renumbered and turned round", TWO, _renumbered),
    one("full metadata against none", TWO, _typed),
    one(
        "definitions expanded",
        TWO,
        lambda body: [
            item.update(settingDefinitions=[{"id": CPU, "displayName": "CPU", "version": "7"}])
            for item in body["settings"]
        ],
    ),
    one("numbers as text", TWO, put(simple(CPU, "1"), simple(CLOUD, "2"))),
    one("numbers as floats", TWO, put(simple(CPU, 1.0), simple(CLOUD, 2.0))),
    one("booleans as text", policy(simple(CPU, True)), put(simple(CPU, "True"))),
    one("collection in another order", policy(many(PATHS, "a", "b", "c")), put(many(PATHS, "c", "a", "b"))),
    one("collection with one value twice", policy(many(PATHS, "a", "b")), put(many(PATHS, "a", "b", "a"))),
    one("empty collection", policy(), put(many(PATHS))),
    one("empty group", policy(), put(group(GROUP))),
    one(
        "no children against an empty list",
        policy({"settingDefinitionId": PUA, "choiceSettingValue": {"value": "a"}}),
        put(choice(PUA, "a")),
    ),
    one("another token for the same secret", policy(_secret("t-1")), put(_secret("t-2"))),
    one(
        "instances in another order",
        policy(groups(ASR, [simple(CPU, 1)], [simple(CPU, 2)])),
        put(groups(ASR, [simple(CPU, 2)], [simple(CPU, 1)])),
    ),
    one(
        "template reference without meaning",
        TWO,
        lambda body: [
            item["settingInstance"].update(settingInstanceTemplateReference={"settingInstanceTemplateId": "x"})
            for item in body["settings"]
        ],
    ),
    one(
        "description null against empty",
        policy(simple(CPU, 1), description=None),
        lambda body: body.update(description=""),
    ),
    one(
        "counts and dates",
        TWO,
        lambda body: body.update(
            settingCount=2,
            isAssigned=True,
            lastModifiedDateTime="2026-06-01T00:00:00Z",
            createdDateTime="2026-01-01T00:00:00Z",
        ),
    ),
    one("empty assignments against none", TWO, lambda body: body.update(assignments=[])),
    one("default scope tag against none", TWO, lambda body: body.update(roleScopeTagIds=["0"])),
    one(
        "links and actions",
        TWO,
        lambda body: body.update(
            {
                "settings@odata.context": "x",
                "assignments@odata.navigationLink": "y",
                "#microsoft.graph.assign": {"target": "z"},
            }
        ),
    ),
]

OTHER_ID = "11111111-0000-4000-8000-000000000002"


def _moved() -> Case:
    before = [policy(simple(CPU, 1), simple(CLOUD, 2)), policy(simple(PUA, 3), policy_id=OTHER_ID, name="Other")]
    after = [policy(simple(CLOUD, 2)), policy(simple(PUA, 3), simple(CPU, 1), policy_id=OTHER_ID, name="Other")]
    gone = (*setting(CPU, 1, ABSENT),)
    came = (*setting(CPU, ABSENT, 1),)
    return Case(
        "setting moved to another policy",
        before,
        after,
        [
            ("policy_modified", ID, [Moved(gone, moved_to=OTHER_ID)]),
            ("policy_modified", OTHER_ID, [Moved(came, moved_from=ID)]),
        ],
    )


CASES = [*KINDS, *NOISE, _moved()]
