"""`tenantatlas runs prune`: forget runs that finished long ago, and what else is no longer needed."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from deployments.cli.call import Answer, Call, command
from runstore.errors import BadInputError
from runstore.runs.run import utc_text
from runstore.tenancy import Permission


def add_commands(app: typer.Typer) -> None:
    runs = typer.Typer(rich_markup_mode=None)
    app.add_typer(runs, name="runs")
    command(runs, "prune", help="Forget old runs, and old findings, snapshots and audit entries if asked to.")(prune)


def prune(
    call: Call,
    older_than: Annotated[str, typer.Option("--older-than", metavar="AGE", help="Such as 180d.")],
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only this one's.")] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Every tenant's, one after another.")] = False,
    findings: Annotated[str | None, typer.Option("--findings", metavar="AGE", help="Resolved findings, too.")] = None,
    snapshots: Annotated[
        str | None,
        typer.Option(
            "--snapshots", metavar="AGE", help="Snapshots that no baseline, open finding or next comparison needs."
        ),
    ] = None,
    audit: Annotated[str | None, typer.Option("--audit", metavar="AGE", help="Entries of the audit log.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much there is.")] = False,
) -> Answer:
    from flows.retention.kept import due, prune_kept
    from runstore.audit import record_audit

    if (tenant is None) == (not all_tenants):
        raise BadInputError("Say whose runs with --tenant SLUG or with --all-tenants, one of the two.")
    before = {"runs": _moment("--older-than", older_than)}
    others = {"findings": findings, "snapshots": snapshots, "audit": audit}
    before |= {name: _moment(f"--{name}", given) for name, given in others.items() if given is not None}
    gone = {name: dict[str, int]() for name in before}
    with call.open_store() as store:
        slugs = [tenant] if tenant is not None else store.tenants(call.acting_as)
        scopes = [store.scope(slug, call.acting_as) for slug in slugs]
        for scope in scopes:
            scope.require(Permission.ADMINISTER)
        database = store.admin
        for scope in scopes:
            for name, moment in before.items():
                if dry_run:
                    gone[name][scope.slug] = due(database, scope, name, moment)
                    continue
                # Before the first batch: what is gone cannot be asked who took it away.
                with store.database().transaction(scope) as connection:
                    what = "runs finished" if name == "runs" else name
                    record_audit(connection, scope, f"{_VERBS[name]}.prune", f"{what} before {moment:%Y-%m-%d}")
                gone[name][scope.slug] = prune_kept(database, scope, name, moment)
    total = {name: sum(found.values()) for name, found in gone.items()}
    document: dict[str, Any] = {
        "pruned": total["runs"],
        "by_tenant": gone["runs"],
        "before": utc_text(before["runs"]),
        "kept": {name: count for name, count in total.items() if name != "runs"},
        "dry_run": dry_run,
    }
    verb = "would be" if dry_run else "are"
    said = [f"{total['runs']} runs that finished before {before['runs']:%Y-%m-%d} {verb} forgotten."]
    said += [
        f"{total[name]} {_WORDS[name]} of before {before[name]:%Y-%m-%d} {verb} forgotten." for name in document["kept"]
    ]
    return Answer(document, tuple(said))


_VERBS = {"runs": "run", "findings": "finding", "snapshots": "snapshot", "audit": "audit"}
_WORDS = {"findings": "resolved findings", "snapshots": "snapshots", "audit": "entries of the audit log"}


def _moment(option: str, given: str) -> datetime:
    from flows.retention.operation import age

    try:
        return datetime.now(UTC) - age(given)
    except ValueError as problem:
        raise BadInputError(f"{option} {given[:40]!r}: {problem}.") from None
