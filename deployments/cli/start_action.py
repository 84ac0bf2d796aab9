"""Starts a run from the command line, waits for its end, and shows runs: the JSON of the contract, and rows for people."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from deployments.cli.call import Answer, Call
from deployments.local.record import read_record
from runstore.database import Database, DatabaseRole
from runstore.errors import UnavailableError
from runstore.ids import by_name
from runstore.runs.reader import RunReader
from runstore.runs.run import Run, RunDetail, context_sentences
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import TERMINAL, RunStatus
from runstore.tenancy import Permission, TenantScope

if TYPE_CHECKING:
    from deployments.store_access import StoreAccess

LONG_QUEUED_SECONDS = 15.0
"""A run not begun by then may be waiting for nobody: where all is well and nothing else is to do, a second is enough."""


def start_request(
    call: Call, tenant: str, make: Callable[[StoreAccess, TenantScope], StartRequest], *, wait: bool
) -> Answer:
    """Starts what `make` asks for, unless it refuses, and answers with the run, or with how it ended.

    UnavailableError, before anything is written, when nothing here would do the work that is to be waited for.
    """
    if wait and call.settings.is_embedded and read_record(call.settings.state) is None:
        raise UnavailableError(
            "No local stack runs here, so nothing would do the work: start it with `tenantatlas up --detach`, or leave "
            "out --wait to queue the run."
        )
    with call.open_store() as store:
        scope = store.scope(tenant, call.acting_as)
        scope.require(Permission.OPERATE)
        started = start(store.database(), scope, make(store, scope))
        hub = hub_address(call)
        run = started.run
        told = {name: run.as_json()[name] for name in ("id", "type", "status", "bucket")}
        told |= {"reused": started.reused, "url": hub + run.path}
        if not wait:
            said = "is under way already" if started.reused else "is queued"
            return Answer({"run": told}, (f"Run {run.id} ({run.type}) {said}: {hub}{run.path}",))
        database = store.database(DatabaseRole.HUB)
        detail = wait_for(database, scope, run.id, report=_progress(call))
        names = run_names(database, scope, detail)
    told |= detail_json(detail, names, hub=hub)
    is_bad = detail.run.status in (RunStatus.FAILED, RunStatus.ABORTED)
    return Answer({"run": told}, tuple(_story(detail, hub + run.path, names)), exit_code=int(is_bad))


def wait_for(
    database: Database, scope: TenantScope, run_id: UUID, *, report: Callable[[Run], None] = lambda _: None
) -> RunDetail:
    """The run once it has ended, however long that takes. A run that is reopened meanwhile is waited for again."""
    reader = RunReader(database, scope)
    pause = 0.05
    while True:
        run = reader.find(run_id)
        if run is None or run.status in TERMINAL:
            return reader.get(run_id)
        report(run)
        time.sleep(pause)
        pause = min(pause * 1.3, 1.0)


def _progress(call: Call) -> Callable[[Run], None]:
    """Says each new standing of the run, except beside `--json`; and, once, what it waits for if it is not begun."""
    told: list[str] = []
    hint_at = time.monotonic() + LONG_QUEUED_SECONDS

    def report(run: Run) -> None:
        nonlocal hint_at
        line = f"{run.type}: {run.bucket.value}" + (f", {counts_text(run)}" if run.counts.total else "")
        if not call.as_json and told[-1:] != [line]:
            told.append(line)
            call.note(line)
        if run.status is RunStatus.PENDING and time.monotonic() >= hint_at:
            hint_at = math.inf
            why = "Prefect has the run, and no worker has begun it yet. Is a worker running, and has it room?"
            if run.flow_run_id is None:
                why = "no relay has handed the run to Prefect yet. Is a relay running, and does Prefect answer?"
            call.note(f"Still queued: {why} See `tenantatlas status`.")

    return report


def _story(detail: RunDetail, url: str, names: Mapping[str, str]) -> list[str]:
    run = detail.run
    lines = [f"Run {run.id} ({run.type}) {_ENDINGS[run.status]}: {counts_text(run)}. {url}"]
    lines += [
        f"  {by_name(failure.item_id, names)}: {failure.message} ({failure.reason_code})"
        for failure in detail.failures[:10]
    ]
    if len(detail.failures) > 10:
        lines.append(
            f"  … and {len(detail.failures) - 10} more; "
            f"`tenantatlas runs show {run.id} --tenant {run.tenant}` lists them."
        )
    follower = detail.context.get("then_run")
    lines += [f"Run {follower} follows."] if follower else []
    lines += [f"{name}: {words}" for name, words in context_sentences(detail.context)]
    return lines


_ENDINGS = {
    RunStatus.PENDING: "is queued",
    RunStatus.RUNNING: "is running",
    RunStatus.COMPLETED: "succeeded",
    RunStatus.COMPLETED_WITH_ERRORS: "partially succeeded",
    RunStatus.FAILED: "failed",
    RunStatus.ABORTED: "was aborted",
}


def hub_address(call: Call) -> str:
    """The hub's address as browsers know it: the public one, the running local stack's, or, with a word, the default one."""
    settings = call.settings
    if settings.public_url is not None:
        return settings.public_url
    record = read_record(settings.state)
    if record is not None and record.hub_url is not None:
        return record.hub_url
    if not settings.is_embedded:
        call.note("TENANTATLAS_PUBLIC_URL is not set here, so links lead to the address that a hub has by itself.")
    return f"http://{settings.hub_host}:{settings.hub_port}"


def run_names(database: Database, scope: TenantScope, detail: RunDetail) -> dict[str, str]:
    """What the items of a run are called, as far as it is known, those that it could not read too."""
    # Imported here: lists of runs need nothing of policies.
    from flows._policies.json_shape import as_dict, as_list, as_text
    from flows._policies.known_names import item_names

    unread = map(as_text, as_list(as_dict(detail.context.get("unread")).get("policies")))
    failed = [failure.item_id for failure in detail.failures]
    return item_names(database, scope, [*failed, *detail.item_ids, *unread])


def detail_json(detail: RunDetail, names: Mapping[str, str], *, hub: str) -> dict[str, Any]:
    run = detail.run
    return {
        **run.as_json(),
        "context": dict(detail.context),
        "item_ids": list(detail.item_ids),
        "failures": [failure.as_json() for failure in detail.failures],
        "names": dict(names),
        "related": [
            {
                "label": link.label,
                "url": f"{hub}/{link.page.strip('/')}?{urlencode({'tenant': run.tenant, **link.parameters})}",
            }
            for link in detail.related
        ],
        "flow_run_id": None if run.flow_run_id is None else str(run.flow_run_id),
        "url": hub + run.path,
    }


def counts_text(run: Run) -> str:
    """The counts in a few words: `12 of 13, 1 failed`."""
    counts = run.counts
    failed = f", {counts.failed} failed" if counts.failed else ""
    skipped = f", {counts.skipped} skipped" if counts.skipped else ""
    return f"{counts.processed} of {counts.total}{failed}{skipped}"
