"""Looks for ids that stand bare in a rendering although their name is known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any

from deployments.cli.console import Table
from flows.drift.commands import findings_table
from flows.drift.diff_commands import diff_table
from flows.drift.finding_page import entry
from flows.drift.reports.build_servers import junit_report, sarif_report
from flows.drift.reports.report import csv_report, html_report
from flows.drift.reports.summary import told
from monitoring_app.presentation.nodes import Node


def renderings(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Every rendering of a document of findings, in pieces that a person reads as one: a row, a line, a card's change."""
    html = html_report(document, "acme")
    lines = [
        result["message"]["text"].split("\n") for result in sarif_report(document, lambda _: None)["runs"][0]["results"]
    ]
    cards = [node for one in told([*map(_standing, document["findings"])]) for node in _changes(entry("acme", one))]
    return {
        "findings": _rows(findings_table(document, "")),
        "diff": _rows(diff_table(document, "")),
        "html": [unescape(re.sub("<[^>]*>", "\n", row)) for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)],
        "junit": [unescape(line) for line in junit_report(document).splitlines() if " → " in line],
        "sarif": [line for found in lines for line in found],
        "csv": csv_report(document).split("\r\n"),
        "hub": cards,
        "json": [json.dumps(change) for one in document["findings"] for change in one["changes"]],
    }


def bare(pieces: Iterable[str], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """The ids that stand in a piece which does not say their name, each with the piece."""
    return [
        (identifier, piece)
        for piece in pieces
        for identifier, name in names.items()
        if re.search(rf"(?<![\w-]){re.escape(identifier)}(?![\w-])", piece) and name not in piece
    ]


def _standing(one: Mapping[str, Any]) -> dict[str, Any]:
    day = "2026-01-01T00:00:00+00:00"
    return {
        "since": day,
        "first_seen_at": day,
        "last_seen_at": day,
        "scope": "default",
        "run_id": "r",
        **one,
        "notes": [],
    }


def _rows(table: Table) -> list[str]:
    return [line for row in table.rows for line in "\n".join(map(str, row)).split("\n") if line]


def _changes(node: Node) -> list[str]:
    """The texts of each change of a card."""
    if isinstance(node, str):
        return []
    if node[:2] == ["div", {"class": "stack"}] and "facts" not in str(node):
        return ["\n".join(_texts(node))]
    return [text for child in node[2:] for text in _changes(child)]


def _texts(node: Node) -> list[str]:
    return [node] if isinstance(node, str) else [text for child in node[2:] for text in _texts(child)]
