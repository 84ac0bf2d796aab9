"""`tenantatlas drift diff`: two folders, every form of answer, and whatever can be wrong with them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.contracts.test_json_schemas import check
from tests.support.command_line import CommandLine, Outcome

ROOT = Path(__file__).parents[3]
ACME = ROOT / "deployments" / "samples" / "acme"
BEFORE, AFTER = str(ACME / "2026-10-05"), str(ACME / "2026-11-02")
HOSTILE = '<script>alert(1)</script>\x1b[31m & "q" \x00\ufffe]]>\u202e'

MANY = 1_000


def _object(required: str, **properties: Any) -> dict[str, Any]:
    """An object of SARIF: its schema lets no property in that it does not name."""
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def _some(items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


TEXT = _object("text", text={"type": "string", "minLength": 1})
BAG = {"type": "object", "additionalProperties": True}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = _object("id", id={"type": "string", "minLength": 1}, shortDescription=TEXT)
PLACE = _object(
    "physicalLocation",
    physicalLocation=_object(
        "artifactLocation",
        # A relative reference: no scheme, nothing that would have to be escaped.
        artifactLocation=_object("uri", uri={"type": "string", "pattern": r"^(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+$"}),
        region=_object("startLine", startLine={"type": "integer", "minimum": 1}),
    ),
)
RESULT = _object(
    "message ruleId level",
    message=TEXT,
    ruleId={"type": "string"},
    level=LEVEL,
    locations=_some(PLACE),
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
    properties=BAG,
)
NOTICE = _object("message", message=TEXT, level=LEVEL)
INVOCATION = _object(
    "executionSuccessful", executionSuccessful={"type": "boolean"}, toolExecutionNotifications=_some(NOTICE)
)
DRIVER = _object("name", name={"type": "string"}, rules=_some(RULE, uniqueItems=True))
RUN = _object(
    "tool",
    tool=_object("driver", driver=DRIVER),
    invocations=_some(INVOCATION),
    results=_some(RESULT),
)
SARIF = _object(
    "version runs",
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"const": "2.1.0"},
    runs=_some(RUN, minItems=1),
)
"""What SARIF 2.1.0 says of the parts that are written, and that there are no others."""


def checked_junit(text: str) -> ET.Element:
    """The suite, held to what readers of test runs take for granted: counts that are right, a name and a time of each test."""
    root = ET.fromstring(text)
    (suite,) = root.findall("testsuite")
    tests = suite.findall("testcase")
    for counted in (root, suite):
        figures = [int(counted.get(name, "")) for name in ("tests", "failures", "errors", "skipped")]
        found = [sum(test.find(kind) is not None for test in tests) for kind in ("failure", "error", "skipped")]
        assert figures == [len(tests), *found]
        assert float(counted.get("time", "")) >= 0
    for test in tests:
        assert test.get("name")
        assert test.get("classname")
        assert float(test.get("time", "")) >= 0
        assert {child.tag for child in test} <= {"failure", "skipped", "system-out"}
    return suite


@pytest.fixture
def line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path / "home", capsys)


def policy(number: int, name: str = "P", **more: Any) -> dict[str, Any]:
    body = {"@odata.type": "#microsoft.graph.windows10CompliancePolicy", "displayName": name, "assignments": []}
    return {"id": f"dddddddd-0000-4000-8000-{number:012}", **body, **more}


def export(folder: Path, *bodies: dict[str, Any]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(bodies):
        (folder / f"{number}.json").write_text(json.dumps(body))
    return str(folder)


def test_the_samples_in_every_form(line: CommandLine, tmp_path: Path) -> None:
    files = {form: tmp_path / f"out.{form}" for form in ("html", "junit", "sarif")}
    options = [word for form, path in files.items() for word in (f"--{form}", str(path))]
    shown = line("drift", "diff", BEFORE, AFTER, *options, "--fail-on", "critical")
    assert (shown.code, shown.err) == (1, "")
    assert "enabled → disabled" in shown.out
    assert "Not compared: 1 App protection" in shown.out
    document = line("drift", "diff", BEFORE, AFTER, "--json").document
    expected = json.loads((ACME / "expected.json").read_text())
    assert {one["policy_id"] for one in document["findings"]} == {one["policy_id"] for one in expected["findings"]}
    assert document["withheld"] == expected["withheld"]
    assert {"id", "kind", "policy_id", "policy_name", "policy_type", "severity", "status", "changes"} <= document[
        "findings"
    ][0].keys()
    assert "ACME" in files["html"].read_text()
    suite = checked_junit(files["junit"].read_text())
    critical = sum(one["severity"] == "critical" for one in document["findings"])
    assert (suite.get("tests"), suite.get("failures")) == (str(len(document["findings"]) + 1), str(critical))
    log = json.loads(files["sarif"].read_text())
    jsonschema.validate(log, SARIF)
    assert len(log["runs"][0]["results"]) == len(document["findings"])
    used = {one["ruleId"] for one in log["runs"][0]["results"]}
    assert used <= {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}


CASES = sorted(path.parent for path in (ROOT / "tests" / "unit" / "drift" / "cases").glob("*/expected.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_nothing_is_said_to_be_nothing_that_was_not_read(line: CommandLine, tmp_path: Path, case: Path) -> None:
    sides, report, suite, sarif = (
        (str(case / "a"), str(case / "b")),
        *(tmp_path / f"r.{end}" for end in ("html", "xml", "sarif")),
    )
    shown = line("drift", "diff", *sides, "--html", str(report), "--junit", str(suite), "--sarif", str(sarif))
    if shown.code == 2:
        assert "Nothing drifted" not in shown.err
        return
    document = line("drift", "diff", *sides, "--json").document
    check("drift-diff", document)
    unread = [one for side in document["unread"].values() for one in side]
    whole = not document["findings"] and not document["withheld"] and not unread
    for said in (shown.out, report.read_text(), suite.read_text()):
        assert ("Nothing drifted." in said or 'name="Nothing drifted"' in said) == whole
        assert all(one["item_id"] in said for one in unread)
    checked_junit(suite.read_text())
    log = json.loads(sarif.read_text())
    jsonschema.validate(log, SARIF)
    told = [one["message"]["text"] for one in log["runs"][0]["invocations"][0]["toolExecutionNotifications"]]
    assert bool(told) == bool(document["withheld"] or unread)


def test_hostile_names_are_text(line: CommandLine, tmp_path: Path) -> None:
    sides = [
        export(tmp_path / side, policy(1, HOSTILE, note=side + HOSTILE, passwordRequired=side == "a")) for side in "ab"
    ]
    reports = [tmp_path / name for name in ("r.html", "r.xml", "r.sarif")]
    shown = line(
        "drift", "diff", *sides, "--html", str(reports[0]), "--junit", str(reports[1]), "--sarif", str(reports[2])
    )
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert "<script>" not in reports[0].read_text()
    assert "passwordRequired" in "".join(ET.fromstring(reports[1].read_text()).itertext())
    jsonschema.validate(json.loads(reports[2].read_text()), SARIF)


def test_nothing_drifted_is_said_when_all_was_read(line: CommandLine, tmp_path: Path) -> None:
    sides = [export(tmp_path / side, policy(1)) for side in "ab"]
    report = tmp_path / "r.xml"
    assert line("drift", "diff", *sides, "--junit", str(report), "--fail-on", "info").out == "Nothing drifted.\n"
    assert ET.fromstring(report.read_text()).get("failures") == "0"
    for side in sides:
        (Path(side) / "Filters").mkdir()
        (Path(side) / "Filters" / "x.json").write_text("{")
    said = line("drift", "diff", *sides)
    assert "Nothing drifted.\n" not in said.out
    assert "Not compared: 1 Assignment filter" in said.out


def test_each_bad_input_is_one_sentence(line: CommandLine, tmp_path: Path) -> None:
    good = export(tmp_path / "good", policy(1))
    other = export(tmp_path / "other", policy(1))
    unread = tmp_path / "unread"
    unread.mkdir()
    (unread / "x.json").write_text("{")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(good)
    wrong: dict[str, tuple[str, ...]] = {
        "There is no folder": (good, str(tmp_path / "nowhere")),
        "is a file": (good, str(Path(good) / "0.json")),
        "holds no *.json file": (str(tmp_path / "empty"), good),
        "same folder": (good, str(tmp_path / "link")),
        "Not one policy": (good, str(unread)),
        "cannot be written": (good, other, "--html", str(tmp_path / "no" / "r.html")),
        "cannot be written:": (good, other, "--sarif", good),
        "different files": (good, other, "--html", str(tmp_path / "r"), "--junit", str(tmp_path / "r")),
        "takes one of": (good, other, "--fail-on", "dire"),
        "must be named": (good, ""),
    }
    for sentence, arguments in wrong.items():
        outcome: Outcome = line("drift", "diff", *arguments)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), outcome
        assert sentence in outcome.err
        assert "Traceback" not in outcome.err
    assert line("drift", "diff", good).code == 2


def test_comparing_folders_loads_no_database() -> None:
    """Half of the two seconds a newcomer waits would be for what is not used."""
    script = (
        "import contextlib, sys\n"
        "from deployments.cli.main import main\n"
        "with contextlib.suppress(SystemExit):\n"
        f"    main(['drift', 'diff', {BEFORE!r}, {AFTER!r}])\n"
        "print(*({'sqlalchemy', 'psycopg', 'prefect'} & sys.modules.keys()), file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "enabled" in shown.stdout
    assert shown.stderr.split() == []


def test_ten_thousand_files_and_five_hundred_in_time(line: CommandLine, tmp_path: Path) -> None:
    few = [
        export(tmp_path / f"few{side}", *(policy(n, f"P{n}", note=side if n < 5 else "") for n in range(500)))
        for side in "ab"
    ]
    began = time.process_time()
    assert len(line("drift", "diff", *few, "--json").document["findings"]) == 5
    assert time.process_time() - began < 2
    many = [
        export(tmp_path / f"many{side}", *(policy(n, f"P{n}", note=side if n < 3 else "") for n in range(MANY)))
        for side in "ab"
    ]
    assert len(line("drift", "diff", *many, "--json").document["findings"]) == 3


def _pipelines() -> list[Any]:
    """The pipelines that the documentation shows, as YAML."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "drift.md").read_text(), re.DOTALL | re.MULTILINE)
    return [yaml.safe_load(block) for block in blocks]


def test_the_pipelines_of_the_documentation_run(
    line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github, azure = _pipelines()
    steps = [step for job in github["jobs"].values() for step in job["steps"]] + azure["steps"]
    scripts = [step.get("run") or step.get("script") or "" for step in steps]
    lines = [one for script in scripts for one in script.replace("\\\n", " ").splitlines() if "drift diff" in one]
    assert len(lines) == 2
    export(tmp_path / "before", policy(1, passwordRequired=True))
    export(tmp_path / "exports", policy(1, passwordRequired=False))
    monkeypatch.chdir(tmp_path)
    for one in lines:
        words = shlex.split(one)
        outcome = line(*words[words.index("drift") :])
        assert outcome.code == 1, outcome
    assert {path.name for path in tmp_path.iterdir()} >= {"drift.sarif", "drift.xml"}
