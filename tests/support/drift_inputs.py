# ruff: noqa: E501 - an input reads best in one line
# fmt: off
"""Small exports written down in one line each, and what a comparison of two must find, withhold and show."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flows._policies.secrets import FINGERPRINT
from flows.drift.comparison.findings import Comparison
from flows.drift.comparison.severity import Severity
from flows.drift.comparison.withheld import why_empty
from flows.drift.folder_diff import diff_folders, difference
from runstore.errors import BadInputError
from tests.support.drift_compare import Snapshot, compared, folder_snapshot

G = "#microsoft.graph."
Body = dict[str, Any]
Files = dict[str, Any]
Wanted = tuple[str, str] | tuple[str, str, str | None] | tuple[str, str, str | None, str]
"""Kind, a part of the path, the least severity (the most, with `-` behind it; this one, with `=`), the policy's name."""

Check = Callable[[Snapshot, Snapshot, Comparison], bool]


@dataclass(frozen=True)
class Input:
    """One pair. `withheld` are types, or types with a part; `"any"` for something, `None` for nothing."""

    name: str
    before: Files
    after: Files
    expected: Sequence[Wanted]
    withheld: Collection[Any] | None
    fails: Collection[str]
    check: Check


Inputs = list[Input]


def gid(n: int) -> str:
    return f"abcdabcd-1111-4222-8333-{n:012}"


def of(t: str, n: int | None = 1, **m: Any) -> Body:
    b: Body = {"@odata.type": G + t, "displayName": "P", "assignments": [], "roleScopeTagIds": ["0"], **m}
    return b if n is None else {"id": gid(n), **b}


def cat(n: int | None, *s: Any, **m: Any) -> Body:
    b: Body = {"name": "P", "platforms": "windows10", "technologies": "mdm", "assignments": [], "settings": list(s), **m}
    return b if n is None else {"id": gid(n), **b}


def sim(d: str, v: Any) -> Body:
    return {"id": "0", "settingInstance": {"settingDefinitionId": d, "simpleSettingValue": {"value": v}}}


def cho(d: str, v: Any) -> Body:
    return {"id": "0", "settingInstance": {"settingDefinitionId": d, "choiceSettingValue": {"value": f"{d}_{v}", "children": []}}}


def filt(n: str, r: str = '(device.model -eq "x")', **m: Any) -> Body:
    return {"displayName": n, "platform": "windows10AndLater", "rule": r, "roleScopeTags": ["0"], "assignmentFilterManagementType": "devices", **m}


def grp(**m: Any) -> Body:
    return {"target": {"@odata.type": G + "groupAssignmentTarget", **m}}


def exc(**m: Any) -> Body:
    return {"target": {"@odata.type": G + "exclusionGroupAssignmentTarget", **m}}


def wo(b: Body, *k: str) -> Body:
    return {x: y for x, y in b.items() if x not in k}


def b64(s: str) -> str:
    return base64.b64encode(s.encode()).decode()


def pas(v: Any) -> Any:
    if isinstance(v, dict):
        return {k if k.startswith("@") else k[:1].upper() + k[1:]: pas(i) for k, i in v.items()}
    return [pas(i) for i in v] if isinstance(v, list) else v


def utf16(v: Any, encoding: str = "utf-16-le", mark: bytes = b"\xff\xfe") -> bytes:
    return mark + json.dumps(v, indent=1).replace("\n", "\r\n").encode(encoding)


def sides_at(path: str, before: Any, after: Any) -> Check:
    """Some change at the path has these sides; of an object, a part of its JSON."""
    def fits(side: Any, wanted: Any) -> bool:
        return side == wanted or (isinstance(side, dict | list) and isinstance(wanted, str) and wanted in json.dumps(side))

    return lambda a, b, found: any(path in one.path and fits(said["before"], before) and fits(said["after"], after) for finding in found.findings for one in finding.changes for said in [one.as_json()])


def never(*texts: str) -> Check:
    """Nothing that is told holds one of the texts."""
    return lambda a, b, found: not any(text in json.dumps([one.as_json("x", None) for one in found.findings]) for text in texts)


def told_lines(*parts: str) -> Check:
    """The line by line comparisons hold each of these."""
    return lambda a, b, found: all(any(part in one.as_json().get("diff", "") for finding in found.findings for one in finding.changes) for part in parts)


def all_of(*checks: Check) -> Check:
    return lambda a, b, found: all(check(a, b, found) for check in checks)


def put(into: Inputs, kind: str, name: str, before: Files, after: Files, expected: Sequence[Wanted], withheld: Collection[Any] | None = None, fails: Collection[str] = (), check: Check = lambda before, after, found: True) -> None:
    into.append(Input(f"{kind}: {name}", before, after, expected, withheld, fails, check))


def ios(n: int | None = 1, **m: Any) -> Body:
    return of("iosCompliancePolicy", n, **m)


def both(f: str, v: Any) -> Files:
    return {f: v} | W


W: Files = {"w.json": cat(99, sim("zz", 1), name="W")}


def _fits(found: tuple[Any, ...], wanted: Wanted) -> bool:
    kind, path, *rest = wanted
    level, name = (*rest, None, None)[:2]
    if found[0] != kind or path.lower() not in found[2].lower() or name not in (None, found[1]):
        return False
    if level is None:
        return True
    severity = Severity(found[3])
    wanted_level = Severity(level.rstrip("-="))
    if level.endswith("="):
        return severity is wanted_level
    return wanted_level.at_least(severity) if level.endswith("-") else severity.at_least(wanted_level)


def check_input(one: Input, folder: Path) -> None:
    """Writes both folders, compares them, and fails unless it comes to what is wanted."""
    for side, files in (("a", one.before), ("b", one.after)):
        for name, content in files.items():
            path = folder / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(content) if name.endswith((".yaml", ".yml")) and not isinstance(content, (str, bytes)) else content
            text = text if isinstance(text, (str, bytes)) else json.dumps(text)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before, after = folder_snapshot(folder / "a"), folder_snapshot(folder / "b")
    comparison = compared(before, after)
    found = [
        (finding.kind.value.removeprefix("policy_"), finding.policy_name, change.path if change else "", change.extra["severity"] if change else finding.severity)
        for finding in comparison.findings
        for change in (finding.changes or (None,))
    ]
    left = list(found)
    for wanted in one.expected:
        match = next((entry for entry in left if _fits(entry, wanted)), None)
        assert match is not None, (wanted, found)
        left.remove(match)
    assert not left, left
    withheld = {(entry.policy_type, entry.part) if entry.part else entry.policy_type for entry in comparison.withheld}
    assert withheld if one.withheld == "any" else withheld == set(one.withheld or ()), withheld
    assert set(one.fails) <= {failure.failure.reason_code for failure in (*before.failures, *after.failures)}
    assert one.check(before, after, comparison), found
    # Nothing is said to be nothing where something was not read.
    document = difference(before, after).document
    unread = document["withheld"] or any(document["unread"].values())
    assert not unread or why_empty(document) != "Nothing drifted."
    # The command reads the folders by a key of its own and says the same; of a folder of no use it says why.
    try:
        told = diff_folders(folder / "a", folder / "b").document
    except BadInputError:
        assert not (before.policies and after.policies)
    else:
        assert _unmarked(told) == _unmarked(document)


def _unmarked(document: Any) -> Any:
    return json.loads(FINGERPRINT.sub("", json.dumps(document)))
