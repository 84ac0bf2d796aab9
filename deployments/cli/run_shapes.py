"""Runs as the command line shows them: the JSON of the contract, and rows for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from deployments.local.record import read_record
from runstore.runs.run import Run, RunDetail
from runstore.runs.status import ACTIVE

if TYPE_CHECKING:
    from deployments.cli.call import Call
    from runstore.database import Database
    from runstore.tenancy import TenantScope


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


def started_json(run: Run, *, reused: bool, hub: str) -> dict[str, Any]:
    return {
        "run": {
            "id": str(run.id),
            "type": str(run.type),
            "status": run.status.value,
            "bucket": run.bucket.value,
            "reused": reused,
            "url": hub + run.path,
        }
    }


def listed_json(run: Run) -> dict[str, Any]:
    return {
        "id": str(run.id),
        "tenant": run.tenant,
        "type": str(run.type),
        "status": run.status.value,
        "bucket": run.bucket.value,
        "attempt": run.attempt,
        "counts": {
            name: getattr(run.counts, name) for name in ("total", "processed", "succeeded", "failed", "skipped")
        },
        "trigger": run.trigger.value,
        "initiated_by": run.initiated_by,
        "created_at": _time(run.created_at),
        "started_at": _time(run.started_at),
        "finished_at": _time(run.finished_at),
    }


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
        **listed_json(run),
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


def flow_run_text(run: Run) -> str:
    if run.flow_run_id is not None:
        return str(run.flow_run_id)
    return "not yet handed to Prefect" if run.status in ACTIVE else "never handed to Prefect"


def counts_text(run: Run) -> str:
    """The counts in a few words: `12 of 13, 1 failed`."""
    counts = run.counts
    failed = f", {counts.failed} failed" if counts.failed else ""
    skipped = f", {counts.skipped} skipped" if counts.skipped else ""
    return f"{counts.processed} of {counts.total}{failed}{skipped}"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
