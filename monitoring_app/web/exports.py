"""Downloads of exactly what a view shows: the filtered list, or the items of one run, as CSV or JSON, streamed page by page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from monitoring_app.operations.address import ListAddress
from monitoring_app.runtime import Hub
from monitoring_app.session import Viewer
from monitoring_app.web import plain_pages
from monitoring_app.web.addresses import query_of
from runstore.fence.text_safety import formula_safe
from runstore.ids import uuid_or_none
from runstore.runs.cursor import Cursor
from runstore.runs.filters import RunFilter
from runstore.runs.insights import RunInsights
from runstore.runs.run import Run
from runstore.tenancy import Permission

PAGE = 500
ITEM_PAGE = 5000
CHUNK = 200

RUN_FIELDS = (
    "id", "tenant", "type", "status", "bucket", "attempt", "total", "processed", "succeeded", "failed", "skipped",
    "trigger", "initiated_by", "created_at", "started_at", "finished_at",
)  # fmt: skip
OPERATOR_FIELDS = ("flow_run_id",)
"""Only for those who may start runs: it leads into the orchestrator."""

ITEM_FIELDS = ("item_id", "outcome", "reason_code", "message", "next_step")


class Exports:
    """The routes of downloads. The gate has checked the tenant; every row comes through the viewer's own reader."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def runs(self, request: Request) -> Response:
        """The filtered list, newest first, without pages. 400 for an unreadable filter: no file may be wider than asked."""
        viewer: Viewer = request.scope["tenantatlas.viewer"]
        query = query_of(request.scope["query_string"])
        if "tenant" not in query or request.path_params["kind"] not in _WRITERS:
            return plain_pages.bad_address() if "tenant" not in query else plain_pages.not_found()
        address, ignored = ListAddress.from_params(query)
        address = address.with_reason(self._hub.settings.catalogue)
        if ignored:
            return plain_pages.bad_address()
        fields = RUN_FIELDS + (OPERATOR_FIELDS if viewer.may(Permission.OPERATE) else ())
        wanted = address.filter(datetime.now(UTC))
        rows = (_run_row(run, fields) for run in self._all(viewer, wanted))
        return await _answer(request, rows, fields, "runs", viewer.tenant.slug)

    async def items(self, request: Request) -> Response:
        """The items of one run with their failures. 404 when the viewer's own tenant has no such run."""
        viewer: Viewer = request.scope["tenantatlas.viewer"]
        query = query_of(request.scope["query_string"])
        run_id = uuid_or_none(query.get("id", ""))
        if "tenant" not in query:
            return plain_pages.bad_address()
        if run_id is None or request.path_params["kind"] not in _WRITERS:
            return plain_pages.not_found()
        found = await to_thread.run_sync(self._hub.reader(viewer.scope).find, run_id)
        if found is None:
            return plain_pages.not_found()
        rows = self._items(viewer, found)
        return await _answer(request, rows, ITEM_FIELDS, f"run-{str(run_id)[:8]}-items", viewer.tenant.slug)

    def _all(self, viewer: Viewer, wanted: RunFilter) -> Iterator[Run]:
        reader = self._hub.reader(viewer.scope)
        cursor: Cursor | None = None
        while True:
            page = reader.list(wanted, limit=PAGE, cursor=cursor)
            yield from page.runs
            cursor = page.older
            if cursor is None:
                return

    def _items(self, viewer: Viewer, run: Run) -> Iterator[dict[str, Any]]:
        insights = RunInsights(self._hub.database, viewer.scope)
        catalogue = self._hub.settings.catalogue
        failed: set[str] = set()
        for offset in range(0, 10_000_000, ITEM_PAGE):
            found = insights.failures(run.id, offset=offset, limit=ITEM_PAGE)
            for failure in found.entries:
                failed.add(failure.item_id)
                reason = catalogue.get(failure.reason_code)
                yield {
                    **failure.as_json(),
                    "outcome": "failed",
                    "next_step": reason.next_step if reason is not None else "",
                }
            if offset + ITEM_PAGE >= found.total:
                break
        for offset in range(0, 10_000_000, ITEM_PAGE):
            listed = insights.items(run.id, offset=offset, limit=ITEM_PAGE)
            for item in listed.entries:
                if item not in failed:
                    yield {"item_id": item, "outcome": "", "reason_code": "", "message": "", "next_step": ""}
            if offset + ITEM_PAGE >= listed.total:
                return


def _run_row(run: Run, fields: tuple[str, ...]) -> dict[str, Any]:
    values = {
        "id": str(run.id), "tenant": run.tenant, "type": str(run.type), "status": run.status.value,
        "bucket": run.bucket.value, "attempt": run.attempt, "total": run.counts.total,
        "processed": run.counts.processed, "succeeded": run.counts.succeeded, "failed": run.counts.failed,
        "skipped": run.counts.skipped, "trigger": run.trigger.value, "initiated_by": run.initiated_by,
        "created_at": _time(run.created_at), "started_at": _time(run.started_at), "finished_at": _time(run.finished_at),
        "flow_run_id": str(run.flow_run_id) if run.flow_run_id else None,
    }  # fmt: skip
    return {name: values[name] for name in fields}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None


def _csv(rows: Iterator[dict[str, Any]], fields: tuple[str, ...]) -> Iterator[bytes]:
    # The mark at the start makes spreadsheets read the rest as UTF-8.
    yield b"\xef\xbb\xbf"
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(fields)
    for number, row in enumerate(rows, 1):
        writer.writerow([formula_safe(row[name]) for name in fields])
        if number % CHUNK == 0:
            yield _drain(buffer)
    yield _drain(buffer)


def _drain(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _json(rows: Iterator[dict[str, Any]], fields: tuple[str, ...]) -> Iterator[bytes]:
    name = b"items" if "item_id" in fields else b"runs"
    yield b'{"' + name + b'":['
    pending: list[bytes] = []
    for number, row in enumerate(rows):
        pending.append((b"," if number else b"") + b"\n" + orjson.dumps(row))
        # A piece a row would spend more on sending the pieces than on making them.
        if len(pending) == CHUNK:
            yield b"".join(pending)
            pending.clear()
    yield b"".join(pending) + b"\n]}\n"


_Writer = Callable[[Iterator[dict[str, Any]], tuple[str, ...]], Iterator[bytes]]
_WRITERS: dict[str, tuple[_Writer, str]] = {
    "csv": (_csv, "text/csv; charset=utf-8"),
    "json": (_json, "application/json"),
}


async def _answer(
    request: Request, rows: Iterator[dict[str, Any]], fields: tuple[str, ...], name: str, slug: str
) -> Response:
    write, media_type = _WRITERS[request.path_params["kind"]]
    chunks = write(rows, fields)
    # The first rows are read before the answer begins, so that a store that is away gives a 503 and not a torn file.
    first = [await to_thread.run_sync(_next, chunks), await to_thread.run_sync(_next, chunks)]

    def content() -> Iterator[bytes]:
        yield from (chunk for chunk in first if chunk)
        yield from chunks

    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M")
    filename = f"{slug}-{name}-{stamp}.{request.path_params['kind']}"
    headers = {"content-disposition": f'attachment; filename="{filename}"', "cache-control": "no-store"}
    return StreamingResponse(content(), media_type=media_type, headers=headers)


def _next(chunks: Iterator[bytes]) -> bytes:
    return next(chunks, b"")
