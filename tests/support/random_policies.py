"""Random Graph-shaped policies from one number, many a second: the same shapes as the drawn ones, without shrinking."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

GRAPH = "#microsoft.graph."
WORDS = ["bitlocker", "defender", "firewall", "browser", "camera", "update", "laps", "account", "privacy", "wifi"]
LETTERS = "abcXYZ019 _-/\\.äß日\u202e\x00\n'\"<=[]"
Json = dict[str, Any]


def text(chance: random.Random) -> str:
    return "".join(chance.choices(LETTERS, k=chance.randrange(10)))


def scalar(chance: random.Random) -> Any:
    return chance.choice([lambda: chance.random() < 0.5, lambda: chance.randrange(-5, 200), lambda: text(chance)])()


def guid(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))


def instance(chance: random.Random, identifier: str, depth: int = 0) -> Json:
    kinds = ["simple", "choice", "collection", "secret", "choices"] + (
        ["group", "groups", "keyed"] if depth < 3 else []
    )
    kind = chance.choice(kinds)
    made: Json = {"settingDefinitionId": identifier}
    if kind == "simple":
        made["simpleSettingValue"] = {"value": scalar(chance)}
    elif kind == "secret":
        made["simpleSettingValue"] = {"value": guid(chance), "valueState": "encryptedValueToken"}
    elif kind == "collection":
        made["simpleSettingCollectionValue"] = [{"value": text(chance)} for _ in range(chance.randrange(5))]
    elif kind == "choices":
        options = chance.sample(range(6), chance.randrange(4))
        made["choiceSettingCollectionValue"] = [{"value": f"{identifier}_{n}", "children": []} for n in options]
    elif kind == "choice":
        value = {"value": f"{identifier}_{chance.randrange(3)}", "children": children(chance, identifier, depth)}
        made["choiceSettingValue"] = value
    elif kind == "group":
        made["groupSettingValue"] = {"children": children(chance, identifier, depth)}
    else:
        members = [{"children": children(chance, identifier, depth)} for _ in range(chance.randrange(4))]
        for number, member in enumerate(members if kind == "keyed" else []):
            name = f"rule {chance.randrange(4) + 10 * number}"
            child = {"settingDefinitionId": f"{identifier}_name", "simpleSettingValue": {"value": name}}
            member["children"].append(child)
        made["groupSettingCollectionValue"] = members
    return made


def children(chance: random.Random, prefix: str, depth: int) -> list[Json]:
    leaves = chance.sample(WORDS[:4], chance.randrange(3))
    return [instance(chance, f"{prefix}_{leaf}", depth + 1) for leaf in leaves]


def assignments(chance: random.Random) -> list[Json]:
    made: list[Json] = []
    for _ in range(chance.randrange(4)):
        kind = chance.choice(["group", "exclusionGroup", "allDevices", "allLicensedUsers"])
        target: Json = {"@odata.type": f"{GRAPH}{kind}AssignmentTarget"}
        if "roup" in kind:
            target["groupId"] = str(UUID(int=chance.randrange(5), version=4))
        if chance.random() < 0.3:
            target["deviceAndAppManagementAssignmentFilterId"] = str(UUID(int=chance.randrange(3), version=4))
            target["deviceAndAppManagementAssignmentFilterType"] = chance.choice(["include", "exclude"])
        made.append({"id": guid(chance), "source": "direct", "target": target})
    return made


def catalog(chance: random.Random) -> Json:
    """A settings-catalog policy as Graph returns it."""
    leaves = chance.sample(WORDS, chance.randrange(5))
    prefix = "device_vendor_msft_policy_config_"
    return {
        "@odata.type": f"{GRAPH}deviceManagementConfigurationPolicy",
        "id": guid(chance),
        "name": text(chance),
        "description": chance.choice([None, "", text(chance)]),
        "platforms": "windows10",
        "technologies": "mdm",
        "settings": [
            {"id": str(n), "settingInstance": instance(chance, f"{prefix}{leaf}")} for n, leaf in enumerate(leaves)
        ],
        "assignments": assignments(chance),
        "roleScopeTagIds": chance.sample(["0", "1", "7"], chance.randrange(4)),
    }


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(7 if depth < 3 else 4)
    if kind == 0:
        return None
    if kind in (1, 2):
        return scalar(chance)
    if kind == 3:
        return [text(chance) for _ in range(chance.randrange(4))]
    if kind == 4:
        rows = range(chance.randrange(4))
        return [{key: scalar(chance) for key in ("name", "level", "note") if chance.random() < 0.7} for _ in rows]
    keys = chance.sample(["mode", "limit", "rule", "users", "name"], chance.randrange(4))
    return {key: value(chance, depth + 1) for key in keys}


def by_property(chance: random.Random) -> Json:
    """A policy that is compared by property path."""
    names = ["passwordRequired", "grantControls", "conditions", "apps", "edition", "limits", "omaSettings"]
    return {
        "@odata.type": f"{GRAPH}windows10GeneralConfiguration",
        "id": guid(chance),
        "displayName": text(chance),
        **{name: value(chance) for name in chance.sample(names, chance.randrange(6))},
        "assignments": assignments(chance),
        "roleScopeTagIds": chance.sample(["0", "1", "7"], chance.randrange(4)),
    }


def three(seed: int) -> tuple[str, list[Json]]:
    """A type and three policies of it; now and then the later ones are the first with little changed."""
    chance = random.Random(seed)
    policy_type, make = chance.choice([("settings_catalog", catalog), ("device_configuration", by_property)])
    made = [make(chance) for _ in range(3)]
    if chance.random() < 0.5:
        for number in (1, 2):
            kept = {key: made[0][key] for key in made[0] if chance.random() < 0.7}
            made[number] = {**made[number], **kept}
    return policy_type, made
