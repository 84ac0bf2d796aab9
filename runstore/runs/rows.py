"""Between rows and values: which columns a list reads, and how a row becomes a Run."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from runstore.runs.operation import OperationType
from runstore.runs.run import Counts, Failure, HistoryEntry, RelatedLink, Run, RunDetail, Source
from runstore.runs.status import RunStatus, StatusBucket
from runstore.tenancy import Trigger

_LISTED = (
    *("id", "tenant_id", "resource", "action", "status", "bucket", "attempt", "idempotency_key"),
    *("total", "succeeded", "failed", "skipped", "trigger", "initiated_by", "last_source", "flow_run_id"),
    *("created_at", "started_at", "finished_at", "heartbeat_at", "contact_lost_at"),
)
"""What a list shows. Item ids, failures, context and history may be megabytes, so only a detail reads them."""

DETAIL_COLUMNS = "r.context, r.item_ids, r.failures, r.related, r.history, "


def list_of_runs(more: str = "") -> str:
    """SQL: every run as `r`, with the list's columns and `more`; a WHERE has to follow, or another JOIN."""
    read = more + returned_columns("r")
    return f"SELECT {read}, t.slug FROM operation_runs r JOIN tenants t ON t.id = r.tenant_id"


def returned_columns(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in _LISTED)


def run_of(row: Row[Any], slug: str | None = None) -> Run:
    return Run(
        id=row.id,
        tenant_id=row.tenant_id,
        tenant=slug if slug is not None else row.slug,
        type=OperationType(row.resource, row.action),
        status=RunStatus(row.status),
        bucket=StatusBucket(row.bucket),
        attempt=row.attempt,
        idempotency_key=row.idempotency_key,
        counts=Counts(total=row.total, succeeded=row.succeeded, failed=row.failed, skipped=row.skipped),
        trigger=Trigger(row.trigger),
        initiated_by=row.initiated_by,
        last_source=Source(row.last_source),
        flow_run_id=row.flow_run_id,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        heartbeat_at=row.heartbeat_at,
        contact_lost_at=row.contact_lost_at,
    )


def detail_of(row: Row[Any]) -> RunDetail:
    return RunDetail(
        run=run_of(row),
        context=row.context,
        item_ids=tuple(row.item_ids),
        failures=tuple(Failure(**failure) for failure in row.failures),
        related=tuple(RelatedLink(link["label"], link["page"], link["parameters"]) for link in row.related),
        history=tuple(
            HistoryEntry(
                entry["attempt"],
                RunStatus(entry["status"]),
                datetime.fromisoformat(entry["at"]),
                Source(entry["source"]),
            )
            for entry in row.history
        ),
    )
