"""Findings as SARIF 2.1.0, which code scanning reads: a finding is a result at the file that holds the policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from flows.drift.register.words import unread_words, withheld_words
from flows.drift.reports.lines import change_line, title

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_RULES: Final = {
    "policy_added": "A policy came.",
    "policy_removed": "A policy is gone.",
    "policy_modified": "A policy was changed.",
    "policy_recreated": "A policy was deleted and made again.",
    "platform_change": "The service changed policies.",
}
_CHANGES_SHOWN: Final = 20
_IN_FILE: Final = re.compile(r"#\d+$")
"""Which policy of a file that holds several, at the end of an origin."""


def sarif_report(document: Mapping[str, Any], origin_of: Callable[[Mapping[str, Any]], str | None]) -> dict[str, Any]:
    """The SARIF log. What could not be compared is a notification of the run."""
    said = [withheld_words(one) for one in document["withheld"]] + unread_words(document)
    driver = {
        "name": "TenantAtlas",
        "rules": [{"id": name, "shortDescription": {"text": text}} for name, text in _RULES.items()],
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
