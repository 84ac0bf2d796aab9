"""A history of invented backups in a tool's layout, and of each step the findings that the script itself caused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

ALL_DEVICES = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
Body = dict[str, Any]
Told = tuple[str, str]
"""A kind of finding and the policy's name."""


@dataclass
class History:
    """The tenant as it is now, written down in one of two layouts at every step.

    `ids` says whether the tool keeps ids (IntuneManagement) or drops them and moves what is gone to an archive (IntuneCD).
    """

    root: Path
    ids: bool
    seed: int
    tenant: dict[str, Body] = field(default_factory=dict[str, Body])
    archived: dict[str, Body] = field(default_factory=dict[str, Body])
    cut: set[str] = field(default_factory=set[str])
    step: int = 0
    canary: str = ""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        for number in range(14):
            self.add(f"Policy {number}", ("catalog", "compliance", "configuration")[number % 3])
        # Names that several policies of different types share.
        for kind in ("catalog", "compliance", "configuration"):
            self.add("Shared", kind)
        self.canary = self.add("Canary", "feature")

    def new_id(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def add(self, name: str, kind: str) -> str:
        """A policy of one of four types; returns its key. The one of the fourth changes in nothing and is cut short at times."""
        key = self.new_id()
        value = self.random.randrange(10**6)
        body: Body = {"id": key, "roleScopeTagIds": ["0"], "assignments": [{"id": "a", "target": ALL_DEVICES}]}
        if kind == "catalog":
            body |= {"name": name, "platforms": "windows10", "technologies": "mdm", "settings": _settings(value, key)}
        elif kind == "compliance":
            body |= {"@odata.type": "#microsoft.graph.windows10CompliancePolicy", "displayName": name}
            body |= {"passwordMinimumLength": value, "osMinimumVersion": f"10.{key[:6]}", "scheduledActionsForRule": []}
        elif kind == "feature":
            body |= {"@odata.type": "#microsoft.graph.windowsFeatureUpdateProfile", "displayName": name}
            body |= {"featureUpdateVersion": "Windows 11, version 24H2", "rolloutSettings": {"offerInterval": 7}}
        else:
            body |= {"@odata.type": "#microsoft.graph.windows10GeneralConfiguration", "displayName": name}
            body |= {"passwordMinimumLength": value, "edgeHomepageUrls": [f"https://{key[:8]}.example"]}
        self.tenant[key] = body
        return key

    def write(self) -> Path:
        """The backup of now."""
        folder = self.root / f"{self.step:02}"
        for body in self.tenant.values():
            path = folder / self._place(body)
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = body if self.ids else {name: value for name, value in body.items() if name != "id"}
            text = json.dumps(kept)
            path.write_text(text[:-30] if body["id"] in self.cut else text)
        for key, body in self.archived.items() if not self.ids else ():
            path = folder / "__archive__" / "2026-11-25" / f"{key}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({name: value for name, value in body.items() if name != "id"}))
        return folder

    def _place(self, body: Body) -> str:
        name = _name(body)
        kind = "settings" if "settings" in body else body["@odata.type"].rpartition(".")[2]
        ours = {
            "settings": ("Settings Catalog", "SettingsCatalog"),
            "windows10CompliancePolicy": ("Compliance Policies/Policies", "CompliancePolicies"),
            "windowsFeatureUpdateProfile": ("Update Policies/Feature Updates", "FeatureUpdates"),
            "windows10GeneralConfiguration": ("Device Configurations", "DeviceConfiguration"),
        }[kind]
        # Two policies of one name: IntuneManagement appends the id.
        same = sum(_name(other) == name for other in self.tenant.values()) > 1
        return f"{ours[1]}/{name}_{body['id']}.json" if self.ids and same else f"{ours[self.ids]}/{name}_{kind}.json"

    def move_on(self, changes: int) -> list[Told]:
        """Changes the tenant so many times, each another policy, and tells what a comparison has to find."""
        self.step += 1
        self.cut.clear()
        told: list[Told] = []
        free = [key for key in self.tenant if key != self.canary]
        self.random.shuffle(free)
        for change in self.random.sample(self._changes(), min(changes, len(free))):
            told += change(free.pop())
        return sorted(told)

    def _changes(self) -> list[Callable[[str], list[Told]]]:
        return [self.edit, self.remove, self.come, self.rename, self.recreate, self.untarget, self.cut_short]

    def edit(self, key: str) -> list[Told]:
        _set(self.tenant[key], self.random.randrange(10**6, 10**7))
        return [("policy_modified", _name(self.tenant[key]))]

    def remove(self, key: str) -> list[Told]:
        self.archived[key] = self.tenant.pop(key)
        return [("policy_removed", _name(self.archived[key]))]

    def come(self, _: str) -> list[Told]:
        name = f"New {self.step}"
        self.add(name, self.random.choice(("catalog", "compliance", "configuration")))
        return [("policy_added", name)]

    def rename(self, key: str) -> list[Told]:
        body = self.tenant[key]
        body["name" if "name" in body else "displayName"] = f"Renamed {self.step}"
        return [("policy_modified", f"Renamed {self.step}")]

    def recreate(self, key: str) -> list[Told]:
        body = {**self.tenant.pop(key), "id": self.new_id()}
        self.tenant[body["id"]] = body
        # Without ids nobody can tell that it was made again.
        return [("policy_recreated", _name(body))] if self.ids else []

    def untarget(self, key: str) -> list[Told]:
        body = self.tenant[key]
        if not body.get("assignments"):
            return []
        if self.ids:
            body["assignments"] = []
        else:
            del body["assignments"]
        return [("policy_modified", _name(body))]

    def cut_short(self, _: str) -> list[Told]:
        self.cut.add(self.canary)
        return []


def _settings(value: int, key: str) -> list[Body]:
    simple = {"@odata.type": "#microsoft.graph.deviceManagementConfigurationIntegerSettingValue", "value": value}
    texts = [("device_vendor_msft_policy_config_x_a", simple), ("device_vendor_msft_policy_config_x_b", {"value": key})]
    return [
        {"id": str(n), "settingInstance": {"settingDefinitionId": name, "simpleSettingValue": one}}
        for n, (name, one) in enumerate(texts)
    ]


def _set(body: Body, value: int) -> None:
    if "settings" in body:
        body["settings"][0]["settingInstance"]["simpleSettingValue"]["value"] = value
    else:
        body["passwordMinimumLength"] = value


def _name(body: Body) -> str:
    return body.get("name") or body["displayName"]
