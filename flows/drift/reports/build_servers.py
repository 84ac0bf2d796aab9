"""Findings as JUnit XML, which every build server shows: a finding is a failed test, what was not compared a skipped one."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from flows._policies.types import label_of
from flows.drift.comparison.severity import Severity
from flows.drift.comparison.withheld import unread_words, withheld_words
from flows.drift.reports.summary import KINDS, change_line, title

_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(document: Mapping[str, Any], fail_on: Severity = Severity.INFO) -> str:
    """The XML. A finding less severe than `fail_on` is a passed test that says in its output what changed."""
    findings = document["findings"]
    failed = sum(Severity(one["severity"]).at_least(fail_on) for one in findings)
    cases = [_finding(one, fail_on) for one in findings]
    messages = unread_words(document)
    # What could not be read is mostly what was withheld; where it is not, it still must not look like nothing.
    unread = [("not compared", withheld_words(one)) for one in document["withheld"]]
    unread = unread or [("not read", said) for said in messages]
    cases += [_case(group, said, f"<skipped message={_attribute(said)}/>") for group, said in unread]
    cases = cases or [_case("drift", "Nothing drifted", "")]
    counts = f'tests="{len(cases)}" failures="{failed}" errors="0" skipped="{len(unread)}" time="0"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n<testsuite name="drift" {counts}>\n'
        + "\n".join(cases)
        + (f"\n<system-out>{_text(chr(10).join(messages))}</system-out>" if messages else "")
        + "\n</testsuite>\n</testsuites>\n"
    )


def _finding(finding: Mapping[str, Any], fail_on: Severity) -> str:
    said = _text("\n".join(change_line(change) for change in finding["changes"]))
    if Severity(finding["severity"]).at_least(fail_on):
        kind = _attribute(f"{finding['severity']}: {finding['kind'].replace('_', ' ')}")
        inner = f"<failure message={kind} type={_attribute(finding['severity'])}>{said}</failure>"
    else:
        inner = f"<system-out>{said}</system-out>"
    return _case(label_of(finding["policy_type"]), title(finding), inner)


def _case(group: str, name: str, inner: str) -> str:
    # Readers made for test runs take it for granted that there is a time.
    return f'<testcase classname={_attribute(group)} name={_attribute(name)} time="0">{inner}</testcase>'


def _attribute(value: str) -> str:
    return quoteattr(_legal(value), {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})


def _text(value: str) -> str:
    return escape(_legal(value))


def _legal(value: str) -> str:
    """The text with each character that XML 1.0 cannot hold written out, as `\\x00`."""
    return _ILLEGAL.sub(lambda found: found.group().encode("unicode_escape", "backslashreplace").decode("ascii"), value)


SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_CHANGES_SHOWN: Final = 20
_IN_FILE: Final = re.compile(r"#\d+$")
"""Which policy of a file that holds several, at the end of an origin."""


def sarif_report(document: Mapping[str, Any], origin_of: Callable[[Mapping[str, Any]], str | None]) -> dict[str, Any]:
    """The SARIF log. What could not be compared is a notification of the run."""
    said = [withheld_words(one) for one in document["withheld"]] + unread_words(document)
    driver = {
        "name": "TenantAtlas",
        "rules": [{"id": name, "shortDescription": {"text": text}} for name, text in KINDS.items()],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [{"level": "warning", "message": {"text": text}} for text in said],
            }
        ],
        "results": [_result(finding, origin_of(finding)) for finding in document["findings"]],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Mapping[str, Any], origin: str | None) -> dict[str, Any]:
    changes = finding["changes"]
    lines = [title(finding), *(change_line(change) for change in changes[:_CHANGES_SHOWN])]
    if len(changes) > _CHANGES_SHOWN:
        lines.append(f"and {len(changes) - _CHANGES_SHOWN} more")
    result: dict[str, Any] = {
        "ruleId": finding["kind"],
        "level": _LEVELS[finding["severity"]],
        "message": {"text": "\n".join(lines)},
        "partialFingerprints": {"finding/v1": finding["id"]},
        "properties": {"severity": finding["severity"], "policyType": finding["policy_type"]},
    }
    if origin:
        place = {"artifactLocation": {"uri": quote(_IN_FILE.sub("", origin), safe="/")}}
        result["locations"] = [{"physicalLocation": {**place, "region": {"startLine": 1}}}]
    return result
