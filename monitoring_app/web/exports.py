"""Downloads of exactly what a view shows: the filtered list, or the items of one run, as CSV or JSON, streamed page by page."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from typing import Any
from uuid import UUID

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from monitoring_app.operations.address import ListAddress
from monitoring_app.runtime import Hub
from monitoring_app.session import Viewer
from monitoring_app.settings import HubSettings
from monitoring_app.web import plain_pages
from monitoring_app.web.addresses import query_of
from runstore.database import Database
from runstore.fence.text_safety import formula_safe
from runstore.ids import uuid_or_none
from runstore.runs.filters import Cursor, RunFilter
from runstore.runs.insights import RunInsights, Slice
from runstore.runs.reader import COUNT_CAP
from runstore.runs.run import Run
from runstore.tenancy import Permission, TenantScope

PAGE = 500
ITEM_PAGE = 5000
CHUNK = 200

RUN_FIELDS = (
    "id", "tenant", "type", "status", "bucket", "attempt", "total", "processed", "succeeded", "failed", "skipped",
    "trigger", "initiated_by", "created_at", "started_at", "finished_at",
)  # fmt: skip
ITEM_FIELDS = ("item_id", "outcome", "reason_code", "message", "next_step", "item_name")


class Exports:
    """The routes of downloads. The gate has checked the tenant; every row comes through the viewer's own reader."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def runs(self, request: Request) -> Response:
        """The filtered list in the page's order, without pages. 400 for an unreadable filter: no file may be wider than asked."""
        viewer: Viewer = request.scope["tenantatlas.viewer"]
        query = query_of(request.scope["query_string"])
        address, ignored = ListAddress.from_params(query)
        if "tenant" not in query or ignored:
            return plain_pages.bad_address()
        address = address.with_reason(self._hub.settings.catalogue)
        # Only for those who may start runs: it leads into the orchestrator.
        more = ("flow_run_id",) if viewer.may(Permission.OPERATE) else ()
        wanted = await to_thread.run_sync(self._hub.filter_of, viewer.scope, address)
        runs = self._all(viewer, wanted)
        if address.longest:
            longest = partial(self._hub.reader(viewer.scope).longest, wanted, limit=COUNT_CAP)
            runs = (await to_thread.run_sync(longest)).runs
        rows = ({**_flat(run), **{name: run.flow_run_id and str(run.flow_run_id) for name in more}} for run in runs)
        return await _answer(request, rows, (*RUN_FIELDS, *more), "runs", viewer.tenant.slug)

    async def items(self, request: Request) -> Response:
        """The items of one run with their failures. 404 when the viewer's own tenant has no such run."""
        viewer: Viewer = request.scope["tenantatlas.viewer"]
        query = query_of(request.scope["query_string"])
        run_id = uuid_or_none(query.get("id", ""))
        if "tenant" not in query:
            return plain_pages.bad_address()
        find = self._hub.reader(viewer.scope).find
        if run_id is None or await to_thread.run_sync(find, run_id) is None:
            return plain_pages.not_found()
        rows = item_rows(self._hub.database, viewer.scope, self._hub.settings, run_id)
        return await _answer(request, rows, ITEM_FIELDS, f"run-{str(run_id)[:8]}-items", viewer.tenant.slug)

    def _all(self, viewer: Viewer, wanted: RunFilter) -> Iterable[Run]:
        reader = self._hub.reader(viewer.scope)
        cursor: Cursor | None = None
        while True:
            page = reader.list(wanted, limit=PAGE, cursor=cursor)
            yield from page.runs
            cursor = page.older
            if cursor is None:
                return


def item_rows(database: Database, scope: TenantScope, settings: HubSettings, run_id: UUID) -> Iterator[dict[str, Any]]:
    """A row for each item of the run, those that failed first."""
    insights = RunInsights(database, scope)
    failed: set[str] = set()
    for page in _pages(partial(insights.failures, run_id)):
        names = settings.item_names(database, scope, [failure.item_id for failure in page])
        for failure in page:
            failed.add(failure.item_id)
            reason = settings.catalogue.get(failure.reason_code)
            more = {"next_step": reason.next_step if reason else "", "item_name": names.get(failure.item_id, "")}
            yield {**failure.as_json(), "outcome": "failed", **more}
    for page in _pages(partial(insights.items, run_id)):
        names = settings.item_names(database, scope, page)
        for item in page:
            if item not in failed:
                yield {**dict.fromkeys(ITEM_FIELDS, ""), "item_id": item, "item_name": names.get(item, "")}


def _pages(read: Callable[..., Slice]) -> Iterator[Sequence[Any]]:
    for offset in range(0, 10_000_000, ITEM_PAGE):
        found = read(offset=offset, limit=ITEM_PAGE)
        yield found.entries
        if offset + ITEM_PAGE >= found.total:
            return


def _flat(run: Run) -> dict[str, Any]:
    """The run with its counts among the rest."""
    shown = run.as_json()
    shown |= shown.pop("counts")
    return {name: shown[name] for name in RUN_FIELDS}


class _Line:
    """A file for `csv`, whose writer answers with what the file's `write` does: the line it made."""

    def write(self, text: str) -> bytes:
        return text.encode()


def _csv(rows: Iterator[dict[str, Any]], fields: tuple[str, ...]) -> Iterator[bytes]:
    line: Callable[[Iterable[Any]], Any] = csv.writer(_Line(), lineterminator="\r\n").writerow
    # The mark at the start makes spreadsheets read the rest as UTF-8.
    yield b"\xef\xbb\xbf" + line(fields)
    for row in rows:
        yield line([formula_safe(row[name]) for name in fields])


def _json(rows: Iterator[dict[str, Any]], fields: tuple[str, ...]) -> Iterator[bytes]:
    name = b"items" if "item_id" in fields else b"runs"
    yield b'{"' + name + b'":['
    for number, row in enumerate(rows):
        yield (b"," if number else b"") + b"\n" + orjson.dumps(row)
    yield b"\n]}\n"


_Writer = Callable[[Iterator[dict[str, Any]], tuple[str, ...]], Iterator[bytes]]
_WRITERS: dict[str, tuple[_Writer, str]] = {
    "csv": (_csv, "text/csv; charset=utf-8"),
    "json": (_json, "application/json"),
}


async def _answer(
    request: Request, rows: Iterator[dict[str, Any]], fields: tuple[str, ...], name: str, slug: str
) -> Response:
    if request.path_params["kind"] not in _WRITERS:
        return plain_pages.not_found()
    write, media_type = _WRITERS[request.path_params["kind"]]
    chunks = _chunks(write(rows, fields))
    # The first rows are read before the answer begins, so that a store that is away gives a 503 and not a torn file.
    first = await to_thread.run_sync(next, chunks)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M")
    filename = f"{slug}-{name}-{stamp}.{request.path_params['kind']}"
    headers = {"content-disposition": f'attachment; filename="{filename}"', "cache-control": "no-store"}
    return StreamingResponse(chain((first,), chunks), media_type=media_type, headers=headers)


def _chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    # A piece a row would spend more on sending the pieces than on making them.
    while chunk := b"".join(islice(pieces, CHUNK)):
        yield chunk
