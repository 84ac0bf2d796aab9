"""Comparing on the spot: `drift diff A B` of folders or stored syncs, and `inventory show|diff` of a tenant's moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deployments.cli.call import Answer, Call, TenantOption, command
from deployments.cli.console import Block, Table
from flows.drift.filter_commands import PolicyOption, ScopeOption, moment_of
from runstore.errors import BadInputError

if TYPE_CHECKING:
    from flows.drift.folder_diff import Diff

CHANGES_SHOWN: Final = 200
UNREAD_SHOWN: Final = 20
SCOPE: Final = "default"


def add_diff_commands(app: typer.Typer, drift: typer.Typer) -> None:
    """Adds `diff` to the group `drift`, and two commands to the group `inventory`, which has others of its own."""
    command(
        drift,
        "diff",
        help="Compare two folders of exports, offline: no database, no account. With --tenant, a side may be a stored sync.",
    )(diff)
    inventory = typer.Typer(help="A tenant's policies over time.", rich_markup_mode=None)
    app.add_typer(inventory, name="inventory")
    command(inventory, "show", help="The policies at a moment; with --policy, all that syncs saw of one.")(show)
    command(inventory, "diff", help="What differs between two moments, of all policies or of one.")(diff_moments)


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
    files = [Path(name).absolute() for name in (html, junit, sarif) if name]
    if len(set(files)) < len(files):
        raise BadInputError("--html, --junit and --sarif must name different files.")
    found = _compared(call, before, after, tenant)
    document = found.document
    if html is not None:
        from flows.drift.reports.report import html_report

        _write(html, lambda: html_report(document, f"{before} → {after}").encode("utf-8", "backslashreplace"))
    if junit is not None or sarif is not None:
        from flows.drift.reports.build_servers import junit_report, sarif_report

        if junit is not None:
            _write(junit, lambda: junit_report(document, limit).encode("utf-8", "backslashreplace"))
        if sarif is not None:
            _write(sarif, lambda: orjson.dumps(sarif_report(document, found.origin_of), option=orjson.OPT_INDENT_2))
    severe = fail_on is not None and any(Severity(one["severity"]).at_least(limit) for one in document["findings"])
    return Answer(document, _blocks(document), exit_code=int(severe))


def _compared(call: Call, before: str, after: str, tenant: str | None) -> Diff:
    from flows.drift.folder_diff import SYNC, diff_folders

    if any(not text or "\x00" in text for text in (before, after)):
        raise BadInputError("A folder of exports must be named: `tenantatlas drift diff A B`.")
    syncs = [text for text in (before, after) if text.startswith(SYNC)]
    if not syncs and tenant is None:
        return diff_folders(Path(before), Path(after))
    if not syncs:
        raise BadInputError("--tenant says whose sync is meant: name one side as sync:ID, or leave it out.")
    if tenant is None:
        raise BadInputError(
            f"{syncs[0]} is a tenant's: say whose with --tenant. A folder of this name is ./{syncs[0]}."
        )
    from flows.drift.sync_diff import diff_with_syncs

    return call.asked(tenant, partial(diff_with_syncs, before=before, after=after))


def _write(name: str, content: Callable[[], bytes]) -> None:
    try:
        Path(name).write_bytes(content())
    except (OSError, ValueError):
        raise BadInputError(f"The file {name} cannot be written: check its folder and permissions.") from None


def _blocks(document: Mapping[str, Any]) -> tuple[Block, ...]:
    """The document of a diff for people."""
    from flows.drift.comparison.withheld import not_asked_words, not_compared, unread_words, why_empty
    from flows.drift.reports.summary import told

    said: list[str] = []
    changes = sum(max(1, len(entry.shown)) for entry in told(document["findings"]))
    if changes > CHANGES_SHOWN:
        said.append(f"{changes - CHANGES_SHOWN} more changes are not listed; --json and --html have them all.")
    said.append(not_compared(document["withheld"]))
    if unread := unread_words(document):
        more = f" and {len(unread) - UNREAD_SHOWN} more" if len(unread) > UNREAD_SHOWN else ""
        said.append("Not read: " + " ".join(unread[:UNREAD_SHOWN]) + more)
    said.append(not_asked_words(document))
    return (diff_table(document, why_empty(document)), *filter(None, said))


def diff_table(document: Mapping[str, Any], empty: str) -> Table:
    from flows._policies.types import label_of
    from flows.drift.reports.shape import in_line
    from flows.drift.reports.summary import SHORT, place_of, told

    rows: list[tuple[str, ...]] = []
    for entry in told(document["findings"]):
        finding = entry.findings[0]
        about = (entry.severity, finding["kind"].replace("_", " "), entry.policies, label_of(finding["policy_type"]))
        values = [(place_of(change), in_line(change, SHORT)) for change in entry.shown[: CHANGES_SHOWN - len(rows)]]
        rows += [(*about, *value) for value in values or [("", "")]]
        if len(rows) >= CHANGES_SHOWN:
            break
    return Table(("Severity", "What", "Policy", "Type", "Setting", "Before → after"), rows, empty)


def show(
    call: Call,
    tenant: TenantOption,
    policy: PolicyOption = None,
    scope: ScopeOption = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Then; now, unless told.")] = None,
) -> Answer:
    from flows.drift.attribution import who_and_when
    from flows.drift.policy_history import policy_history, tenant_at
    from flows.drift.reports.summary import some_changes

    then = moment_of(at)
    if policy is None:
        return _tenant(call.asked(tenant, partial(tenant_at, at=then, scope_key=scope)))
    read = partial(policy_history, policy_id=policy, scope_key=scope or SCOPE)
    document = call.asked(tenant, read)
    document["versions"] = [one for one in document["versions"] if datetime.fromisoformat(one["first_seen_at"]) <= then]
    rows = [
        (
            *(one[name] for name in ("first_seen_at", "last_seen_at", "syncs")),
            one["policy_name"] or "gone",
            who_and_when(one.get("changed_by")),
            "its content is kept no longer" if one["changes"] is None else some_changes(one["changes"]),
        )
        for one in document["versions"]
    ]
    columns = ("First seen", "Last seen", "Syncs", "Name", "By whom", "Changed")
    more = document["not_listed"]
    said = (f"{more} older versions are not listed.",) if more else ()
    return Answer(document, (Table(columns, rows, "It was not there yet."), *said))


def diff_moments(
    call: Call,
    tenant: TenantOption,
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="The earlier moment.")],
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="The later one; now, unless told.")] = None,
    policy: PolicyOption = None,
    scope: ScopeOption = None,
) -> Answer:
    from flows.drift.policy_history import diff_between

    moments = {"begin": moment_of(begin), "end": moment_of(end)}
    ask = partial(diff_between, scope_key=scope or SCOPE, policy_id=policy, **moments)
    document = call.asked(tenant, ask)
    return Answer(document, _blocks(document))


def _tenant(document: dict[str, Any]) -> Answer:
    rows = [
        (one["policy_id"], one["policy_type"].replace("_", " "), one["policy_name"], one["scope"])
        for one in document["policies"]
    ]
    empty = "No usable sync had begun by then." if not document["syncs"] else "The syncs found no policies."
    said = [
        f"Scope {one['scope']}: sync {one['id']}, {one['started_at']}{'' if one['complete'] else ', read in part'}."
        for one in document["syncs"]
    ]
    if more := document["not_listed"]:
        said.append(f"{more} more are not listed; --scope chooses among them.")
    return Answer(document, (Table(("Policy", "Type", "Name", "Scope"), rows, empty, ids=("Policy",)), *said))
