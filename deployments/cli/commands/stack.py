"""`tenantatlas demo`, `up`, `down` and `status`: the whole product on this machine."""

import os
import sys
import time
from typing import Annotated, Any

import typer

from deployments.cli.call import Answer, Call, command
from deployments.cli.console import Table, print_blocks, print_json
from deployments.local.record import StackRecord, last_record, read_record
from runstore.errors import UnavailableError

NO_HUB = (
    "not started, for nobody could sign in: set TENANTATLAS_OIDC_ISSUER or TENANTATLAS_PROXY_ADDRESSES, or use "
    "`tenantatlas up --demo`"
)


def add_commands(app: typer.Typer) -> None:
    command(app, "demo", help="Everything at once: a local stack, two sample tenants, syncs and a drift run.")(demo)
    command(app, "up", help="Start the local stack: database, Prefect server, worker, relay and hub.")(up)
    command(app, "down", help="Stop the local stack.")(down)
    command(app, "status", help="Say what of the local stack runs, and where.")(status)


def demo(
    call: Call,
    exit: Annotated[bool, typer.Option("--exit", help="Stop everything after the table of what happened.")] = False,
) -> Answer | None:
    from deployments.local.demo import run_demo

    return run_demo(call, stay=not exit)


def up(
    call: Call,
    detach: Annotated[bool, typer.Option("--detach", help="Return once it runs, and leave it running.")] = False,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Let anyone who reaches the hub pick a member to be. For looking around only."),
    ] = False,
) -> Answer | None:
    if demo:
        from deployments.services.hub import refuse_picker

        refuse_picker(call.settings)
    if detach:
        return _detached(call, demo=demo)
    from deployments.local.local_stack import LocalStack

    with LocalStack(call.settings, demo=demo, report=call.note) as stack:
        print_json(_addresses(stack.record)) if call.as_json else print_blocks(_summary(stack.record))
        call.note("Press Ctrl-C to stop everything.")
        stack.watch()
    return None


def down(call: Call) -> Answer:
    from deployments.local.local_stack import stop_stack

    stopped = stop_stack(call.settings)
    return Answer({"stopped": stopped}, ("The local stack is stopped." if stopped else "No local stack was running.",))


def status(call: Call) -> Answer:
    from deployments.local.record import online_workers, outdated
    from deployments.store_access import configured_url, without_password
    from runstore import installed_version

    settings = call.settings
    record = read_record(settings.state)
    version = installed_version()
    api_url = settings.prefect_api_url if record is None else record.prefect_api_url
    workers = online_workers(api_url, settings.work_pool) if api_url else None
    told = outdated(workers or [], version)
    if workers is None and api_url is not None:
        told = ["Prefect does not say which workers are online, so their versions are not known."]
    url = configured_url(settings) or (None if record is None else record.database_url)
    away = None if url is None else _database_away(url)
    told = [away, *told] if away else told
    shown = record.database_url if record else without_password(url) if url else None
    processes = [] if record is None else [record.supervisor, *record.processes]
    document: dict[str, Any] = {
        "version": version,
        "home": str(settings.home),
        "database_answers": None if url is None else away is None,
        "hub_url": record and record.hub_url,
        "prefect_ui_url": record and record.prefect_ui_url,
        "prefect_api_url": api_url,
        "database_url": shown,
        **({} if record is None else {"ready": record.ready}),
        "processes": [
            {"name": process.name, "pid": process.pid, "state": process.state if process.alive else "stopped"}
            for process in processes
        ],
        "workers": workers or [],
        "workers_known": workers is not None,
    }
    if record is None:
        said = f"No local stack runs in {settings.home}." + ("" if api_url else " Start it with `tenantatlas up`.")
        lines = [said, *(f"Worker {worker['name']} is online." for worker in workers or ())]
    else:
        lines = _summary(record)
    return Answer(document, (*lines, *told), UnavailableError.exit_code if away else 0)


def _database_away(url: str) -> str | None:
    from sqlalchemy import text

    from runstore.database import Database, DatabaseRole
    from runstore.errors import StoreUnavailableError, TenantAtlasError

    database = Database(url, DatabaseRole.RELAY, pool_size=1, statement_timeout_ms=3_000)
    try:
        with database.across_tenants() as connection:
            connection.execute(text("SELECT"))
    except StoreUnavailableError as problem:
        return f"The database does not answer: {problem}"
    except TenantAtlasError:
        # It answers, and refuses: a schema that is not there yet is another command's subject.
        pass
    finally:
        database.dispose()
    return None


def _detached(call: Call, *, demo: bool) -> Answer:
    from deployments.local.local_stack import already_running
    from deployments.local.process import spawned
    from deployments.local.specs import TENANTATLAS, logs_of

    settings = call.settings
    if (running := read_record(settings.state)) is not None:
        raise already_running(settings, running)
    log = logs_of(settings) / "supervisor.log"
    log.unlink(missing_ok=True)
    supervisor = spawned([*TENANTATLAS, "up", *(("--demo",) if demo else ())], log, os.environ)
    give_up_at = time.monotonic() + 450
    while supervisor.poll() is None:
        record = last_record(settings.state)
        if record is not None and record.supervisor.pid == supervisor.pid and record.ready:
            return Answer(_addresses(record), tuple(_summary(record)))
        if time.monotonic() > give_up_at:
            supervisor.terminate()
        time.sleep(0.1)
    lines = log.read_text(errors="replace").strip().splitlines()
    print_blocks([lines[-1] if lines else "The stack ended without a word."], file=sys.stderr)
    raise typer.Exit(supervisor.wait() or 1)


def _addresses(record: StackRecord) -> dict[str, Any]:
    return {"hub_url": record.hub_url, "prefect_ui_url": record.prefect_ui_url}


def _summary(record: StackRecord) -> list[Any]:
    rows = [(process.name, process.pid, process.state, process.restarts) for process in record.processes]
    return [
        Table(("Process", "Id", "State", "Restarts"), rows, "No process runs."),
        f"Operations hub  {record.hub_url or NO_HUB}",
        f"Prefect         {record.prefect_ui_url or '-'}",
        f"Database        {record.database_url}",
    ]
