"""`tenantatlas runs`: what ran, as the run store knows it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from deployments.cli.call import Answer, Call, SetOption, TenantOption, WaitOption, command
from deployments.cli.console import Table, when
from runstore.errors import BadInputError
from runstore.ids import by_name, checked_id
from runstore.runs.status import ACTIVE, StatusBucket


def add_commands(app: typer.Typer) -> None:
    runs = typer.Typer(help="Operation runs.", rich_markup_mode=None)
    app.add_typer(runs, name="runs")
    command(runs, "start", help="Start any operation, such as drift.generate.")(start_run)
    command(runs, "list", help="List a tenant's runs, newest first.")(list_runs)
    command(runs, "show", help="Show one run with its items and failures.")(show_run)


def start_run(
    call: Call,
    operation: Annotated[str, typer.Argument(metavar="OPERATION", help="Such as drift.generate.")],
    tenant: TenantOption,
    set_: SetOption = None,
    wait: WaitOption = False,
) -> Answer:
    from deployments.cli.start_action import start_request
    from flows.registry import operation_named

    wanted = operation_named(operation)
    return start_request(call, tenant, lambda store, scope: wanted.request(wanted.written(set_ or [])), wait=wait)


def list_runs(
    call: Call,
    tenant: TenantOption,
    type: Annotated[str | None, typer.Option("--type", metavar="R.A", help="Such as drift.generate.")] = None,
    bucket: Annotated[
        str | None, typer.Option("--bucket", help="queued, running, succeeded, partial or failed.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Finished at or after; also 24h, 7d.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Finished at or before.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Runs a page, 1 to 500.")] = 50,
    cursor: Annotated[str | None, typer.Option("--cursor", help="The next_cursor of the page before.")] = None,
) -> Answer:
    from deployments.cli.start_action import counts_text
    from runstore.database import DatabaseRole
    from runstore.runs.filters import Cursor, RunFilter, checked_limit
    from runstore.runs.operation import OperationType
    from runstore.runs.reader import RunReader

    try:
        buckets = frozenset({StatusBucket(bucket.strip().lower())} if bucket is not None else ())
    except ValueError:
        names = ", ".join(one.value for one in StatusBucket)
        raise BadInputError(f"{str(bucket)[:80]!r} is not a bucket: use one of {names}.") from None
    wanted = RunFilter(
        type=None if type is None else OperationType.parse(type),
        buckets=buckets,
        since=parse_time(since, "--since"),
        until=parse_time(until, "--until"),
    )
    place = None if cursor is None else Cursor.decode(cursor)
    size = checked_limit(limit)
    with call.open_store() as store:
        scope = store.scope(tenant, call.acting_as)
        page = RunReader(store.database(DatabaseRole.HUB), scope).list(wanted, limit=size, cursor=place)
    next_cursor = None if page.older is None else page.older.encode()
    document = {"runs": [run.as_json() for run in page.runs], "next_cursor": next_cursor}
    rows = [
        (run.id, str(run.type), run.bucket.value, counts_text(run), run.initiated_by, when(run.created_at))
        for run in page.runs
    ]
    empty = "No runs yet." if wanted.is_open else "No run matches these filters."
    more = () if next_cursor is None else (f"More: add --cursor {next_cursor}",)
    return Answer(document, (Table(("Run", "Type", "State", "Items", "By", "Created"), rows, empty), *more))


def show_run(call: Call, run_id: Annotated[str, typer.Argument(metavar="RUN_ID")], tenant: TenantOption) -> Answer:
    from deployments.cli.start_action import counts_text, detail_json, hub_address, run_names
    from runstore.database import DatabaseRole
    from runstore.runs.reader import RunReader
    from runstore.runs.run import context_sentences

    wanted = parse_id(run_id, "run id")
    with call.open_store() as store:
        scope = store.scope(tenant, call.acting_as)
        database = store.database(DatabaseRole.HUB)
        detail = RunReader(database, scope).get(wanted)
        names = run_names(database, scope, detail)
    run = detail.run
    document = {"run": detail_json(detail, names, hub=hub_address(call))}
    unknown = "not yet handed to Prefect" if run.status in ACTIVE else "never handed to Prefect"
    facts = [
        ("Type", str(run.type)),
        ("State", f"{run.bucket.value} ({run.status.value})"),
        ("Items", counts_text(run)),
        ("Attempt", run.attempt),
        ("Started by", f"{run.initiated_by} ({run.trigger.value})"),
        ("Created", run.created_at),
        ("Started", run.started_at),
        ("Finished", run.finished_at),
        ("Flow run", run.flow_run_id or unknown),
        *context_sentences(detail.context),
        ("Link", document["run"]["url"]),
        *((f"Related: {link['label']}", link["url"]) for link in document["run"]["related"]),
    ]
    rows = [(by_name(failure.item_id, names), failure.reason_code, failure.message) for failure in detail.failures]
    failures = Table(("Item", "Reason", "What happened"), rows, "Nothing failed.")
    return Answer(document, (Table(("Run", str(run.id)), facts, ""), failures))


_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(text: str | None, option: str) -> datetime | None:
    """The moment that `text` names: ISO 8601 (UTC unless it says otherwise), or a span back from now such as `24h`."""
    if text is None:
        return None
    try:
        if (ago := _AGO.fullmatch(text.strip())) is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise BadInputError(
            f"{option} {text[:80]!r} is not a time: write it as 2026-03-01T06:00:00Z, 2026-03-01 or 24h."
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_id(text: str, what: str) -> UUID:
    return checked_id(text, f"{text[:80]!r} is not a {what}: one has the form 0b4f1c9e-5d0a-4a53-9d57-0c7de1f5a1b2.")
