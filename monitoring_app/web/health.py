"""Whether the process lives, and whether it can do its work. Both say nothing about any tenant."""

from __future__ import annotations

from anyio import fail_after, to_thread
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from monitoring_app.runtime import Hub
from runstore.errors import TenantAtlasError

READY_SECONDS = 2.0


class Health:
    """The routes for what watches the process."""

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
