"""500 random single edits in realistic policies: each is found, at its place, with its values, and nothing else is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows._policies.protocol import SourcePolicy
from flows._policies.stored import body_bytes, body_of
from flows._sources.folder import FolderSource
from tests.support.drift_compare import compared, in_order, shown, snapshot

SAMPLES = Path(__file__).parents[3] / "deployments" / "samples"
EDITS = 500
NOT_PROPERTIES = {
    "id",
    "@odata.type",
    "createdDateTime",
    "lastModifiedDateTime",
    "modifiedDateTime",
    "version",
    "settingCount",
    "isAssigned",
    "creationSource",
    "settings",
    "assignments",
    "roleScopeTagIds",
    "roleScopeTags",
    "definitionValues",
    "scheduledActionsForRule",
}
BASE64 = {"scriptContent", "detectionScriptContent", "remediationScriptContent", "payload"}

Change = tuple[str, str, str, Any, Any]


@dataclass
class Edit:
    """Something to do to a policy, and the one change it must show as (`None` for a side with nothing)."""

    what: str
    do: Callable[[], None]
    facet: str
    setting: str
    path: str
    before: Any
    after: Any


def realistic() -> list[SourcePolicy]:
    found: list[SourcePolicy] = []
    for tenant in ("acme", "globex"):
        source = FolderSource(SAMPLES / tenant / "2026-10-05")
        found += [item for item in source.read() if isinstance(item, SourcePolicy)]
    return found


def edits(body: dict[str, Any], chance: random.Random) -> Iterator[Edit]:
    """Every single edit this check knows to make in a policy."""
    settings = body.get("settings")
    if settings and "settingInstance" in settings[0]:
        yield from _settings([item["settingInstance"] for item in settings], "", chance)
        fresh = {"settingDefinitionId": "new_setting", "simpleSettingValue": {"value": 7}}
        yield Edit("add setting", lambda: settings.append({"settingInstance": fresh}), *_at("new_setting"), None, 7)
        index = chance.randrange(len(settings))
        gone = settings[index]["settingInstance"]
        if "simpleSettingValue" in gone:
            place = _at(gone["settingDefinitionId"])
            yield Edit("drop setting", lambda: settings.pop(index), *place, gone["simpleSettingValue"]["value"], None)
    for value in body.get("definitionValues", []):
        identifier = value["definition"]["id"]
        words = ("enabled", "disabled") if value["enabled"] else ("disabled", "enabled")
        yield Edit("turn definition", _put(value, "enabled", not value["enabled"]), *_at(identifier), *words)
    yield from _properties({k: v for k, v in body.items() if k not in NOT_PROPERTIES}, body, "", chance)
    group = "99999999-0000-4000-8000-000000000000"
    target = {"@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": group}
    yield Edit(
        "exclude group",
        lambda: body.setdefault("assignments", []).append({"id": "n", "target": target}),
        "assignment",
        "assignments",
        f"assignments[group, {group}]",
        None,
        {"target": "group", "mode": "exclude", "id": group},
    )
    if "roleScopeTagIds" in body:
        tags = list(body["roleScopeTagIds"])
        place = ("scope_tag", "roleScopeTagIds", "roleScopeTagIds")
        yield Edit(
            "add scope tag",
            lambda: body["roleScopeTagIds"].insert(0, "42"),
            *place,
            tags,
            sorted([*tags, "42"], key=int),
        )


def _settings(instances: list[dict[str, Any]], above: str, chance: random.Random) -> Iterator[Edit]:
    for instance in instances:
        path = above + instance["settingDefinitionId"]
        if "simpleSettingValue" in instance:
            value = instance["simpleSettingValue"]
            new = value["value"] + 1000 if isinstance(value["value"], int) else f"{value['value']} edited"
            if not path.endswith("displayname"):
                yield Edit("simple", _put(value, "value", new), *_at(path), value["value"], new)
        if "choiceSettingValue" in instance:
            value = instance["choiceSettingValue"]
            yield Edit(
                "choice", _put(value, "value", value["value"] + "_x"), *_at(path), value["value"], value["value"] + "_x"
            )
            yield from _settings(value["children"], path + "/", chance)
        if "simpleSettingCollectionValue" in instance:
            values = instance["simpleSettingCollectionValue"]
            texts = sorted(item["value"] for item in values)
            grown = sorted([*texts, "C:\\New"])
            yield Edit("grow", _insert(values, {"value": "C:\\New"}), *_at(path), texts, grown)
        groups = instance.get("groupSettingCollectionValue", [])
        for member in groups:
            names = [
                c["simpleSettingValue"]["value"]
                for c in member["children"]
                if c["settingDefinitionId"].endswith("_displayname")
            ]
            yield from _settings(member["children"], f"{path}[{names[0]}]/" if names else path + "/", chance)


def _properties(level: dict[str, Any], holder: dict[str, Any], above: str, chance: random.Random) -> Iterator[Edit]:
    for key, value in level.items():
        if "@odata" in key or key in BASE64 or key.endswith("DateTime"):
            continue
        place = ("property", key, above + key)
        if isinstance(value, bool):
            yield Edit("turn", _put(holder, key, not value), *place, value, not value)
            yield Edit("drop", _drop(holder, key), *place, value, None)
        elif isinstance(value, int):
            yield Edit("count", _put(holder, key, value + 1), *place, value, value + 1)
        elif isinstance(value, str) and value:
            yield Edit("text", _put(holder, key, value + " edited"), *place, value, value + " edited")
            yield Edit("null", _put(holder, key, None), *place, value, None)
        elif isinstance(value, dict):
            yield from _properties(value, value, f"{above}{key}/", chance)
            yield Edit("add", _put(value, "newKey", 3), "property", "newKey", f"{above}{key}/newKey", None, 3)
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            yield Edit("grow", _insert(value, "zzz"), *place, sorted(value), [*sorted(value), "zzz"])


def _at(path: str) -> tuple[str, str, str]:
    return ("setting", path.rpartition("/")[2], path)


def _put(holder: dict[str, Any], key: str, value: Any) -> Callable[[], None]:
    return lambda: holder.__setitem__(key, value)


def _drop(holder: dict[str, Any], key: str) -> Callable[[], None]:
    return lambda: holder.pop(key)


def _insert(values: list[Any], value: Any) -> Callable[[], None]:
    return lambda: values.insert(0, value)


@pytest.mark.parametrize("seed", range(10))
def test_every_single_edit_is_found_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    policies = realistic()
    kinds: set[str] = set()
    for _ in range(EDITS // 10):
        policy = chance.choice(policies)
        before = policy.body
        after = body_of(body_bytes(before))
        edit = chance.choice(list(edits(after, chance)))
        edit.do()
        kinds.add(edit.what)
        others = [one.body for one in chance.sample(policies, 5) if one.policy_id != policy.policy_id]
        found = shown(compared(snapshot([before, *others]), snapshot([after, *others])))
        word = "added" if edit.before is None else "removed" if edit.after is None else "changed"
        change = {
            "facet": edit.facet,
            "setting": edit.setting,
            "path": edit.path,
            "change": word,
            "before": edit.before,
            "after": edit.after,
        }
        assert [one["policy_id"] for one in found] == [policy.policy_id], edit
        assert in_order(found[0]["changes"]) == [change], edit
    assert len(kinds) >= 6
