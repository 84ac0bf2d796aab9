"""`tenantatlas audit`: who did what in a tenant, as a list or a file, and whether the log is whole."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.call import Answer, Call, TenantOption, command
from deployments.cli.commands.runs import parse_time
from deployments.cli.console import Table
from runstore.errors import BadInputError

ActorOption = Annotated[str, typer.Option("--actor", metavar="TEXT", help="Only by someone with this in the name.")]
VerbOption = Annotated[
    str, typer.Option("--verb", metavar="TEXT", help="Only acts with this in the name, such as drift.")
]
SubjectOption = Annotated[
    str, typer.Option("--subject", metavar="TEXT", help="Only about this, such as a finding's id.")
]
SinceOption = Annotated[str | None, typer.Option("--since", metavar="TIME", help="At or after; also 24h, 7d.")]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before; also 24h, 7d.")]
COLUMNS = ("seq", "at", "actor", "verb", "subject", "detail")


def add_commands(app: typer.Typer) -> None:
    audit = typer.Typer(help="Who did what in a tenant.", rich_markup_mode=None)
    app.add_typer(audit, name="audit")
    command(audit, "list", help="List the newest entries, newest first.")(list_entries)
    command(audit, "export", help="Write entries to a CSV file.")(export)
    said = "Look for entries that were changed or removed; exit code 1 if there are any."
    command(audit, "verify", help=said)(verify)


def list_entries(
    call: Call,
    tenant: TenantOption,
    actor: ActorOption = "",
    verb: VerbOption = "",
    subject: SubjectOption = "",
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option("--limit", help="Entries at most, 1 to 10000.")] = 100,
) -> Answer:
    entries = _entries(call, tenant, since, until, actor=actor, verb=verb, subject=subject, limit=limit)
    rows = [[_said(one[name]) for name in COLUMNS[1:]] for one in entries]
    return Answer({"entries": entries}, (Table(("When", "Who", "What", "About", "Detail"), rows, "No entry."),))


def export(
    call: Call,
    tenant: TenantOption,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where to write.")],
    actor: ActorOption = "",
    verb: VerbOption = "",
    subject: SubjectOption = "",
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option("--limit", help="Entries at most, 1 to 10000.")] = 10_000,
) -> Answer:
    import csv

    from runstore.fence.text_safety import formula_safe

    entries = _entries(call, tenant, since, until, actor=actor, verb=verb, subject=subject, limit=limit)
    try:
        with output.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([formula_safe(_said(one[name])) for name in COLUMNS] for one in entries)
    except (OSError, ValueError):
        raise BadInputError(f"The file {output} cannot be written: choose a folder that exists and is yours.") from None
    told = f"{len(entries)} entries: {output}"
    if len(entries) == limit:
        told += ". There may be older ones: narrow the time with --until."
    return Answer({"output": str(output), "entries": len(entries)}, (told,))


def verify(call: Call, tenant: TenantOption) -> Answer:
    from runstore.audit import AuditReader

    with call.open_store() as store:
        found = AuditReader(store.database(), store.scope(tenant, call.acting_as)).verify()
    words = {"changed": "is not as it was written", "missing": "does not follow the entry before: at least one is missing",
             "end": "is the last that was written, and the log ends elsewhere"}  # fmt: skip
    said = [f"Entry {one['seq']} {words[one['what']]}." for one in found["problems"]]
    if not said:
        said = [f"All {found['checked']} entries are as they were written."]
    if found["unchained"]:
        said.append(f"{found['unchained']} entries are older than the chain, and nothing can be said of them.")
    return Answer(found, tuple(said), exit_code=0 if found["whole"] else 1)


def _entries(call: Call, tenant: str, since: str | None, until: str | None, **wanted: Any) -> list[dict[str, Any]]:
    from runstore.audit import AuditReader

    begins, ends = parse_time(since, "--since"), parse_time(until, "--until")
    with call.open_store() as store:
        reader = AuditReader(store.database(), store.scope(tenant, call.acting_as))
        return reader.list(since=begins, until=ends, **wanted)


def _said(value: object) -> str:
    import orjson

    return "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
