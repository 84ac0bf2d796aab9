"""`tenantatlas drift diff A B`: two folders of exports compared on the spot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.console import Block, Table
from runstore.errors import BadInputError

CHANGES_SHOWN: Final = 200
UNREAD_SHOWN: Final = 20


def add_diff(drift: typer.Typer) -> None:
    """Adds `diff` to the group `drift`."""
    command(drift, "diff", help="Compare two folders of exports, offline: no database, no account.")(diff)


def diff(
    call: Call,
    before: Annotated[str, typer.Argument(metavar="A", help="The folder of the earlier export.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The folder of the later export.")],
    html: Annotated[str | None, typer.Option("--html", metavar="FILE", help="Write a page for people, too.")] = None,
    junit: Annotated[str | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML, too.")] = None,
    sarif: Annotated[str | None, typer.Option("--sarif", metavar="FILE", help="Write SARIF 2.1.0, too.")] = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="SEVERITY", help="Exit code 1 if a finding is as severe, or more."),
    ] = None,
) -> Answer:
    import orjson

    from flows.drift.comparison.severity import Severity
    from flows.drift.offline import diff_folders
    from flows.drift.register.words import why_empty

    if fail_on is not None and fail_on not in list(Severity):
        raise BadInputError(f"--fail-on takes one of {', '.join(Severity)}.")
    limit = Severity(fail_on or Severity.INFO)
    found = diff_folders(_folder(before), _folder(after))
    document = found.document
    if html is not None:
        from flows.drift.register.report import html_report

        _write(html, lambda: html_report(document, f"{before} → {after}").encode("utf-8", "backslashreplace"))
    if junit is not None:
        from flows.drift.reports.junit import junit_report

        _write(junit, lambda: junit_report(document, limit).encode("utf-8", "backslashreplace"))
    if sarif is not None:
        from flows.drift.reports.sarif import sarif_report

        _write(sarif, lambda: orjson.dumps(sarif_report(document, found.origin_of), option=orjson.OPT_INDENT_2))
    severe = fail_on is not None and any(Severity(one["severity"]).at_least(limit) for one in document["findings"])
    return Answer(document, (_table(document, why_empty(document)), *_notes(document)), exit_code=int(severe))


def _folder(text: str) -> Path:
    if not text or "\x00" in text:
        raise BadInputError("A folder of exports must be named: `tenantatlas drift diff A B`.")
    return Path(text)


def _write(name: str, content: Callable[[], bytes]) -> None:
    try:
        Path(name).write_bytes(content())
    except (OSError, ValueError):
        raise BadInputError(f"The file {name} cannot be written: check its folder and permissions.") from None


def _table(document: Mapping[str, Any], empty: str) -> Table:
    from flows._policies.types import label_of
    from flows.drift.reports.groups import told
    from flows.drift.reports.lines import SHORT, arrow

    rows: list[tuple[str, ...]] = []
    for entry in told(document["findings"]):
        finding = entry.findings[0]
        about = (entry.severity, finding["kind"].replace("_", " "), entry.policies, label_of(finding["policy_type"]))
        for change in entry.shown or [None]:
            if len(rows) >= CHANGES_SHOWN:
                break
            rows.append((*about, *(("", "") if change is None else (_setting(change), arrow(change, SHORT)))))
    return Table(("Severity", "What", "Policy", "Type", "Setting", "Before → after"), rows, empty)


def _setting(change: Mapping[str, Any]) -> str:
    return str(change.get("name") or change["path"] or change["setting"])


def _notes(document: Mapping[str, Any]) -> list[Block]:
    from flows.drift.register.words import not_compared
    from flows.drift.reports.groups import told

    said: list[Block] = []
    changes = sum(max(1, len(entry.shown)) for entry in told(document["findings"]))
    if changes > CHANGES_SHOWN:
        said.append(f"{changes - CHANGES_SHOWN} more changes are not listed; --json and --html have them all.")
    if document["withheld"]:
        said.append(not_compared(document["withheld"]))
    unread = [one["message"] for side in document["unread"].values() for one in side]
    if unread:
        more = f" and {len(unread) - UNREAD_SHOWN} more" if len(unread) > UNREAD_SHOWN else ""
        said.append("Not read: " + " ".join(dict.fromkeys(unread[:UNREAD_SHOWN])) + more)
    return said
