"""`tenantatlas drift diff A B`: two folders of exports, or stored syncs, compared on the spot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.console import Block, Table
from runstore.errors import BadInputError

if TYPE_CHECKING:
    from flows.drift.offline import Diff

CHANGES_SHOWN: Final = 200
UNREAD_SHOWN: Final = 20


def add_diff(drift: typer.Typer) -> None:
    """Adds `diff` to the group `drift`."""
    command(
        drift,
        "diff",
        help="Compare two folders of exports, offline: no database, no account. With --tenant, a side may be a stored sync.",
    )(diff)


def diff(
    call: Call,
    before: Annotated[str, typer.Argument(metavar="A", help="The folder of the earlier export, or sync:ID.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The folder of the later export, or sync:ID.")],
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Whose sync sync:ID is.")] = None,
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

    if fail_on is not None and fail_on not in list(Severity):
        raise BadInputError(f"--fail-on takes one of {', '.join(Severity)}.")
    limit = Severity(fail_on or Severity.INFO)
    found = _compared(call, before, after, tenant)
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
    return Answer(document, diff_blocks(document), exit_code=int(severe))


def diff_blocks(document: Mapping[str, Any]) -> tuple[Block, ...]:
    """The document of a diff for people."""
    from flows.drift.register.words import why_empty

    return (diff_table(document, why_empty(document)), *_notes(document))


def _compared(call: Call, before: str, after: str, tenant: str | None) -> Diff:
    from flows.drift.offline import SYNC, diff_folders

    folders = [_folder(text) for text in (before, after)]
    syncs = [text for text in (before, after) if text.startswith(SYNC)]
    if not syncs and tenant is None:
        return diff_folders(*folders)
    if not syncs:
        raise BadInputError("--tenant says whose sync is meant: name one side as sync:ID, or leave it out.")
    if tenant is None:
        raise BadInputError(
            f"{syncs[0]} is a tenant's: say whose with --tenant. A folder of this name is ./{syncs[0]}."
        )
    from flows.drift.stored_side import diff_with_syncs
    from runstore.database import DatabaseRole

    with call.open_store() as store:
        actor = store.scope(tenant, call.acting_as)
        return diff_with_syncs(store.database(DatabaseRole.APP), actor, before, after)


def _folder(text: str) -> Path:
    if not text or "\x00" in text:
        raise BadInputError("A folder of exports must be named: `tenantatlas drift diff A B`.")
    return Path(text)


def _write(name: str, content: Callable[[], bytes]) -> None:
    try:
        Path(name).write_bytes(content())
    except (OSError, ValueError):
        raise BadInputError(f"The file {name} cannot be written: check its folder and permissions.") from None


def diff_table(document: Mapping[str, Any], empty: str) -> Table:
    from flows._policies.types import label_of
    from flows.drift.reports.groups import told
    from flows.drift.reports.lines import SHORT, place_of
    from flows.drift.reports.shape import in_line

    rows: list[tuple[str, ...]] = []
    for entry in told(document["findings"]):
        finding = entry.findings[0]
        about = (entry.severity, finding["kind"].replace("_", " "), entry.policies, label_of(finding["policy_type"]))
        for change in entry.shown or [None]:
            if len(rows) >= CHANGES_SHOWN:
                break
            rows.append((*about, *(("", "") if change is None else (place_of(change), in_line(change, SHORT)))))
    return Table(("Severity", "What", "Policy", "Type", "Setting", "Before → after"), rows, empty)


def _notes(document: Mapping[str, Any]) -> list[Block]:
    from flows.drift.register.words import not_asked_words, not_compared, unread_words
    from flows.drift.reports.groups import told

    said: list[Block] = []
    changes = sum(max(1, len(entry.shown)) for entry in told(document["findings"]))
    if changes > CHANGES_SHOWN:
        said.append(f"{changes - CHANGES_SHOWN} more changes are not listed; --json and --html have them all.")
    if document["withheld"]:
        said.append(not_compared(document["withheld"]))
    unread = unread_words(document)
    if unread:
        more = f" and {len(unread) - UNREAD_SHOWN} more" if len(unread) > UNREAD_SHOWN else ""
        said.append("Not read: " + " ".join(unread[:UNREAD_SHOWN]) + more)
    if others := not_asked_words(document):
        said.append(others)
    return said
