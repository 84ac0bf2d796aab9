"""Hypothesis strategies for Graph-shaped policies, and the ways their exports differ without meaning anything."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import strategies as st

GRAPH = "#microsoft.graph."
CATALOG = "#microsoft.graph.deviceManagementConfiguration"

words = st.sampled_from(
    ["bitlocker", "defender", "firewall", "browser", "camera", "update", "laps", "account", "privacy", "wifi", "edge"]
)
texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
scalars = st.one_of(st.booleans(), st.integers(-5, 200), texts)
guids = st.uuids(version=4).map(str)


def _definition(word: str, leaf: str) -> str:
    return f"device_vendor_msft_policy_config_{word}_{leaf}"


@st.composite
def instances(draw: st.DrawFn, prefix: str, depth: int = 0) -> dict[str, Any]:
    """One setting instance of any kind, nested up to three levels."""
    kinds = ["simple", "choice", "collection", "secret", "choices"] + (
        ["group", "groups", "keyed"] if depth < 3 else []
    )
    kind = draw(st.sampled_from(kinds))
    identifier = prefix
    if kind == "simple":
        return {
            "@odata.type": f"{CATALOG}SimpleSettingInstance",
            "settingDefinitionId": identifier,
            "simpleSettingValue": {"@odata.type": f"{CATALOG}StringSettingValue", "value": draw(scalars)},
        }
    if kind == "secret":
        return {
            "settingDefinitionId": identifier,
            "simpleSettingValue": {
                "@odata.type": f"{CATALOG}SecretSettingValue",
                "value": draw(guids),
                "valueState": "encryptedValueToken",
            },
        }
    if kind == "collection":
        return {
            "settingDefinitionId": identifier,
            "simpleSettingCollectionValue": [{"value": value} for value in draw(st.lists(texts, max_size=4))],
        }
    if kind == "choices":
        return {
            "settingDefinitionId": identifier,
            "choiceSettingCollectionValue": [
                {"value": f"{identifier}_{n}", "children": []} for n in draw(st.sets(st.integers(0, 5), max_size=3))
            ],
        }
    if kind == "choice":
        return {
            "@odata.type": f"{CATALOG}ChoiceSettingInstance",
            "settingDefinitionId": identifier,
            "choiceSettingValue": {
                "value": f"{identifier}_{draw(st.integers(0, 2))}",
                "children": draw(children(identifier, depth)),
            },
        }
    if kind == "group":
        return {
            "settingDefinitionId": identifier,
            "groupSettingValue": {"children": draw(children(identifier, depth))},
        }
    members = [{"children": draw(children(identifier, depth))} for _ in range(draw(st.integers(0, 3)))]
    if kind == "keyed":
        names = draw(st.lists(texts.filter(bool), min_size=len(members), max_size=len(members), unique=True))
        for name, member in zip(names, members, strict=True):
            member["children"].append(
                {"settingDefinitionId": f"{identifier}_name", "simpleSettingValue": {"value": f"rule {name}"}}
            )
    return {"settingDefinitionId": identifier, "groupSettingCollectionValue": members}


@st.composite
def children(draw: st.DrawFn, prefix: str, depth: int) -> list[dict[str, Any]]:
    """Children below a definition, each with a definition of its own."""
    leaves = draw(st.lists(words, max_size=2, unique=True))
    return [draw(instances(f"{prefix}_{leaf}", depth + 1)) for leaf in leaves]


targets = st.one_of(
    st.builds(
        lambda group, kind: {"@odata.type": f"{GRAPH}{kind}", "groupId": group},
        guids,
        st.sampled_from(["groupAssignmentTarget", "exclusionGroupAssignmentTarget"]),
    ),
    st.just({"@odata.type": f"{GRAPH}allDevicesAssignmentTarget"}),
    st.builds(
        lambda filter_id: {
            "@odata.type": f"{GRAPH}allLicensedUsersAssignmentTarget",
            "deviceAndAppManagementAssignmentFilterId": filter_id,
            "deviceAndAppManagementAssignmentFilterType": "include",
        },
        guids,
    ),
)
assignments = st.lists(
    st.builds(lambda target, made_up: {"id": made_up, "source": "direct", "target": target}, targets, guids),
    max_size=3,
)
tags = st.lists(st.sampled_from(["0", "1", "7"]), max_size=3, unique=True)


@st.composite
def catalog_policies(draw: st.DrawFn) -> dict[str, Any]:
    """A settings-catalog policy as Graph returns it."""
    leaves = draw(st.lists(words, max_size=4, unique=True))
    settings = [
        {"id": str(n), "settingInstance": draw(instances(_definition(leaf, "top")))} for n, leaf in enumerate(leaves)
    ]
    return {
        "@odata.type": f"{GRAPH}deviceManagementConfigurationPolicy",
        "id": draw(guids),
        "name": draw(texts),
        "description": draw(st.one_of(st.none(), texts)),
        "platforms": "windows10",
        "technologies": "mdm",
        "settings": settings,
        "assignments": draw(assignments),
        "roleScopeTagIds": draw(tags),
        "createdDateTime": "2026-01-01T00:00:00Z",
    }


values = st.recursive(
    st.one_of(st.none(), scalars, st.lists(texts, max_size=3)),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from(["mode", "limit", "rule", "users", "name"]), inner, max_size=3),
        st.lists(st.dictionaries(st.sampled_from(["name", "level", "note"]), scalars, max_size=3), max_size=3),
    ),
    max_leaves=8,
)


@st.composite
def property_policies(draw: st.DrawFn) -> dict[str, Any]:
    """A policy that is compared by property path."""
    names = st.sampled_from(["passwordRequired", "grantControls", "conditions", "apps", "edition", "limits"])
    return {
        "@odata.type": f"{GRAPH}windows10GeneralConfiguration",
        "id": draw(guids),
        "displayName": draw(texts),
        **draw(st.dictionaries(names, values, max_size=5)),
        "assignments": draw(assignments),
        "roleScopeTagIds": draw(tags),
    }


policies = st.one_of(
    catalog_policies().map(lambda body: ("settings_catalog", body)),
    property_policies().map(lambda body: ("device_configuration", body)),
)


def noisy(body: dict[str, Any], seed: int) -> dict[str, Any]:
    """The same policy as another read or another tool would export it: order, ids, dates, metadata, emptiness."""
    chance = random.Random(seed)

    def again(value: Any, parent: str | None) -> Any:
        if isinstance(value, dict):
            items = [(key, again(item, key)) for key, item in value.items()]
            if parent in ("settings", "assignments"):
                items = [(key, item) for key, item in items if key != "id"] + [("id", str(chance.randrange(9999)))]
            if parent is None:
                items += [
                    ("lastModifiedDateTime", f"2026-0{chance.randrange(1, 9)}-01T10:00:00Z"),
                    ("version", chance.randrange(99)),
                    ("settingCount", chance.randrange(99)),
                    ("isAssigned", chance.random() < 0.5),
                    ("@odata.context", "https://graph.microsoft.com/beta/$metadata#anything"),
                    ("assignments@odata.associationLink", "https://graph.microsoft.com/x"),
                    ("#microsoft.graph.assign", {"target": "https://graph.microsoft.com/x/assign"}),
                ]
                if chance.random() < 0.5:
                    items = [(key, item) for key, item in items if item not in (None, [])]
            elif chance.random() < 0.3:
                items.append(("@odata.id", "https://graph.microsoft.com/x"))
                items.append(("value@odata.type", "#String"))
            chance.shuffle(items)
            return dict(items)
        if isinstance(value, list):
            members = [again(item, parent) for item in value]
            chance.shuffle(members)
            return members
        if isinstance(value, bool):
            return chance.choice([value, str(value), str(value).lower()])
        if isinstance(value, int):
            return chance.choice([value, str(value), float(value)])
        return value

    return again(body, None)


def without_metadata(body: dict[str, Any]) -> dict[str, Any]:
    """The same policy as a source without metadata gives it: no `@odata.` annotation at any depth."""

    def own(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if "@odata." not in key or "@odata.bind" in key}

    return json.loads(json.dumps(body), object_pairs_hook=own)
