"""Routes that answer in one step: health, permalinks, the product's mark and the browser's half of the pages."""

from functools import partial
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from anyio import fail_after, to_thread
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from monitoring_app.operations import list_page
from monitoring_app.presentation.view import encoded, module, module_address
from monitoring_app.runtime import Hub
from monitoring_app.session import Viewer
from monitoring_app.web import plain_pages
from monitoring_app.web.addresses import query_of
from runstore.errors import TenantAtlasError
from runstore.ids import uuid_or_none
from runstore.runs.insights import known_zone

READY_SECONDS = 2.0


class Answers:
    """Those routes. What watches the process is told nothing about any tenant."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def alive(self, request: Request) -> Response:
        """200 as long as the process answers."""
        return JSONResponse({"status": "ok", "version": self._hub.settings.version})

    async def ready(self, request: Request) -> Response:
        """200 when the store answers too, within READY_SECONDS; 503 when it does not."""
        try:
            with fail_after(READY_SECONDS):
                await to_thread.run_sync(self._ask_store, abandon_on_cancel=True)
        except (TenantAtlasError, TimeoutError):
            return JSONResponse({"status": "store unavailable"}, status_code=503, headers={"retry-after": "5"})
        return JSONResponse({"status": "ok"})

    def _ask_store(self) -> None:
        with self._hub.database.across_tenants() as connection:
            connection.execute(text("SELECT FROM operation_runs LIMIT 0"))

    async def permalink(self, request: Request) -> Response:
        """`/r/<tenant>/<run id>`, as mails and tickets hold it, to the run's page; 404 when the viewer's tenant has no such run."""
        viewer: Viewer = request.scope["tenantatlas.viewer"]
        run_id = uuid_or_none(request.path_params["run_id"])
        find = self._hub.reader(viewer.scope).find
        if run_id is None or await to_thread.run_sync(partial(find, run_id)) is None:
            return plain_pages.not_found()
        return RedirectResponse(f"/run?{urlencode({'tenant': viewer.tenant.slug, 'id': str(run_id)})}", 302)

    async def first(self, request: Request) -> Response:
        """What the list shows for the query, for a browser that has not run Streamlit's code yet; 503 when it cannot be had."""
        viewer: Viewer = request.scope["tenantatlas.viewer"]
        query = query_of(request.scope["query_string"])
        zone = ZoneInfo(known_zone(request.cookies.get("tenantatlas_zone")))
        try:
            tree = await to_thread.run_sync(list_page.drawn_first, self._hub, viewer, query, zone)
        except TenantAtlasError:
            return Response(status_code=503)
        return Response(encoded(tree), media_type="application/json", headers={"cache-control": "no-store"})

    async def brand(self, request: Request) -> Response:
        """The product's mark, as the browser tab shows it."""
        return FileResponse(Path(__file__).with_name("brand.svg"), media_type="image/svg+xml")

    async def view_module(self, request: Request) -> Response:
        """The browser's half of the pages' elements: nobody's data, the same for everyone."""
        # Beside a hub of another release, a page may ask this one for the other's: it gets what there is, and does not cache it.
        known = request.url.query == module_address().partition("?")[2]
        kept = "public, max-age=31536000, immutable" if known else "no-store"
        return Response(module(), media_type="text/javascript", headers={"cache-control": kept})
