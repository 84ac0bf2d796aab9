"""Findings as files: CSV for a spreadsheet, and one HTML page that needs nothing else, for a manager."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

import orjson

from flows._policies.types import label_of
from flows.drift.attribution import who_and_when
from flows.drift.comparison.severity import Severity
from flows.drift.comparison.withheld import not_asked_words, unread_words, why_empty, withheld_words
from flows.drift.reports.shape import VALUE_SHOWN, shape
from flows.drift.reports.summary import KINDS, Told, ids_line, told, way_of
from runstore.fence.text_safety import formula_safe

_OF_FINDING: Final = ("kind", "severity", "status", "policy_type", "policy_name", "policy_id")
_OF_CHANGE: Final = ("facet", "setting", "name", "path", "change", "before", "after")
_BY: Final = ("changed_by", "changed_at", "changed_by_status")
_LIFE: Final = ("scope", "since", "first_seen_at", "last_seen_at", "owner", "reason", "accepted_until")
_WORDS: Final = ("path_name", "before_name", "after_name")
COLUMNS: Final = ("finding", *_OF_FINDING, *_OF_CHANGE, *_BY, *_LIFE, *_WORDS)


def csv_report(document: Mapping[str, Any]) -> str:
    """One row for each change, and one for a policy that came or went. With a byte-order mark, for spreadsheets.

    A value that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    nothing: Mapping[str, Any] = {}
    for finding in document["findings"]:
        by: Mapping[str, Any] = finding.get("changed_by") or nothing
        for change in finding["changes"] or [nothing]:
            row = (
                finding["id"],
                *(finding[name] for name in _OF_FINDING),
                *(change.get(name) for name in _OF_CHANGE),
                *(by.get(name) for name in ("who", "at", "status")),
                *(finding.get(name) for name in _LIFE),
                *(change.get(name) for name in _WORDS),
            )
            writer.writerow(["" if value is None else formula_safe(_plain(value)) for value in row])
    return "\ufeff" + out.getvalue()


def html_report(document: Mapping[str, Any], tenant: str, at: datetime | None = None) -> str:
    """One HTML page with everything in it: no script, no address, nothing fetched. Data is text and nothing but text."""
    findings = document["findings"]
    counts = Counter(finding["severity"] for finding in findings)
    when = (at or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    tiles = "".join(f'<li class="{level}"><b>{counts.get(level, 0)}</b> {level}</li>' for level in Severity)
    body = "".join(_entry(entry) for entry in told(findings)) or f"<p>{escape(why_empty(document))}</p>"
    title = f"Drift in {escape(tenant)}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f"<h1>{title}</h1><p>{len(findings)} findings, {when}.</p><ul class=tiles>{tiles}</ul>"
        f"{_withheld(document)}{body}</main></body></html>\n"
    )


def _withheld(document: Mapping[str, Any]) -> str:
    lines = [f"<li>{escape(withheld_words(entry))}</li>" for entry in document["withheld"]]
    lines += [f"<li>{_text(said)}</li>" for said in (*unread_words(document), not_asked_words(document)) if said]
    if hidden := document.get("ignored", 0):
        lines.append(f"<li>{hidden} changes hidden by ignore rules</li>")
    if more := document.get("not_listed", 0):
        lines.append(f"<li>{more} findings, none of them more severe than those below</li>")
    return f"<section><h2>Not shown</h2><ul>{''.join(lines)}</ul></section>" if lines else ""


def _entry(entry: Told) -> str:
    finding = entry.findings[0]
    facts = [KINDS.get(finding["kind"], finding["kind"]), label_of(finding["policy_type"])]
    members = ""
    if entry.is_group:
        listed = (" · ".join([_text(one["policy_name"]), *map(_text, _standing(one))]) for one in entry.findings)
        members = f"<ul>{''.join(f'<li>{line}</li>' for line in listed)}</ul>"
    else:
        facts += _standing(finding)
    table = "".join(_change(change) for change in entry.shown)
    if table:
        head = "<thead><tr><th>Setting</th><th>Before</th><th>After</th></tr></thead>"
        table = f"<table>{head}<tbody>{table}</tbody></table>"
    return (
        f'<article class="{escape(entry.severity)}"><h2>{_text(entry.policy)}</h2>'
        f"<p><b>{escape(entry.severity)}</b> · {' · '.join(_text(fact) for fact in facts)}</p>{table}{members}</article>"
    )


def _standing(finding: Mapping[str, Any]) -> list[str]:
    """Where a finding stands, who answers for it, who changed the policy, and where and when it was seen."""
    since = f" since {finding['since'][:10]}" if "since" in finding else ""
    until = f" until {finding['accepted_until'][:10]}" if "accepted_until" in finding else ""
    said = [f"{finding['status']}{since}{until}"]
    if finding.get("owner"):
        said.append(": ".join(part for part in (f"owner {finding['owner']}", finding.get("reason")) if part))
    if who := who_and_when(finding.get("changed_by")):
        said.append(f"last changed: {who}")
    if scope := finding.get("scope"):
        said.append(f"scope {scope}, last seen {finding['last_seen_at'][:10]}")
    return said


def _change(change: Mapping[str, Any]) -> str:
    shaped = shape(change, VALUE_SHOWN)
    note = f"<p>{_text(shaped.note)}</p>" if shaped.note else ""
    ids = "".join(f"<br><code>{_text(one)}</code>" for one in (change["path"], ids_line(change)) if one)
    place = f"<td>{_text(way_of(change))}{ids}{note}</td>"
    lines = [*shaped.diff, *(f"- {one}" for one in shaped.gone), *(f"+ {one}" for one in shaped.came)]
    if lines:
        more = f"<p>and {shaped.left_out:,} more</p>" if shaped.left_out else ""
        return f"<tr>{place}<td colspan=2><pre>{_text(chr(10).join(lines))}</pre>{more}</td></tr>"
    values = "".join(
        f"<td>{'<i>none</i>' if side is None else _marked(parts, shaped.is_short)}</td>"
        for side, parts in zip((shaped.before, shaped.after), shaped.parts(), strict=True)
    )
    return f"<tr>{place}{values}</tr>"


def _marked(parts: Sequence[str], is_short: bool) -> str:
    """A value, and in a long one what is its own."""
    begin, own, end = map(_text, parts)
    return f"<pre>{begin}{own}{end}</pre>" if is_short else f"<pre>{begin}<b>{own}</b>{end}</pre>"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _text(value: Any) -> str:
    """Escaped text in which control and direction characters are visible instead of in force."""
    return escape("".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in str(value)))


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24;background:#f6f7f9;margin:0}main{max-width:64rem;"
    "margin:0 auto;padding:2rem 1rem}h1{font-size:1.6rem;margin:0}h2{font-size:1.05rem;margin:0}.tiles{display:flex;"
    "gap:.5rem;list-style:none;padding:0;flex-wrap:wrap}.tiles li{background:#fff;border-radius:.5rem;padding:.4rem .9rem}"
    "article,section{background:#fff;border-left:.3rem solid #8a94a3;border-radius:.4rem;padding:1rem;margin:1rem 0}"
    "article.critical,li.critical{border-left:.3rem solid #a1121f}article.high,li.high{border-left:.3rem solid #c2410c}"
    "article.medium,li.medium{border-left:.3rem solid #a16207}article p{margin:.2rem 0 .6rem;color:#475160}"
    "table{width:100%;border-collapse:collapse;table-layout:fixed}th{text-align:left;font-weight:600;color:#475160}"
    "td,th{padding:.35rem .5rem;border-top:1px solid #e4e7ec;vertical-align:top;overflow-wrap:anywhere}"
    "code{font-size:.8rem;color:#5b6573}pre{margin:0;white-space:pre-wrap;font-size:.85rem}"
    "@media print{body{background:#fff}article{break-inside:avoid}}"
)
