"""`/r/<tenant>/<run id>`: the address of a run that is put into mails and tickets. The gate has checked the tenant already."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from monitoring_app.runtime import Hub
from monitoring_app.session import Viewer
from monitoring_app.web import plain_pages
from runstore.ids import uuid_or_none


class Permalinks:
    """The route of permalinks."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def run(self, request: Request) -> Response:
        """To the run's page; 404 when the viewer's own tenant has no such run."""
        viewer: Viewer = request.scope["tenantatlas.viewer"]
        run_id = uuid_or_none(request.path_params["run_id"])
        if run_id is None:
            return plain_pages.not_found()
        found = await to_thread.run_sync(partial(self._hub.reader(viewer.scope).find, run_id))
        if found is None:
            return plain_pages.not_found()
        return RedirectResponse(f"/run?{urlencode({'tenant': viewer.tenant.slug, 'id': str(run_id)})}", 302)
