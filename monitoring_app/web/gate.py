"""The one layer every request passes: who is asking, from which site, for which tenant. Streamlit sees only what got through."""

import logging
from urllib.parse import quote, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monitoring_app.pages import page_paths
from monitoring_app.runtime import Hub
from monitoring_app.session import resolve
from monitoring_app.web import plain_pages
from monitoring_app.web.addresses import HOME, is_closed, is_ours, is_public, query_of, with_tenant
from monitoring_app.web.identity import SESSION_HEADER, Session, vouched_for
from runstore.errors import BadInputError, ForbiddenError, StoreUnavailableError, TenantAtlasError

_LOGGER = logging.getLogger(__name__)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def cookie_name(hub: Hub) -> str:
    """The session cookie's name. Over TLS the prefix makes browsers refuse it from any other host or path."""
    return "__Host-tenantatlas" if hub.settings.is_https else "tenantatlas"


class Gate:
    """Lets a request through with its session and viewer in the scope, or answers it itself."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        del headers[SESSION_HEADER]
        try:
            answer = await (self._http(scope) if scope["type"] == "http" else self._websocket(scope))
        except StoreUnavailableError:
            answer = plain_pages.unavailable()
        except ForbiddenError:
            answer = plain_pages.forbidden()
        except BadInputError:
            answer = plain_pages.bad_address()
        except TenantAtlasError as problem:
            _LOGGER.warning("The gate could not decide about a request: %s", problem)
            answer = plain_pages.unavailable()
        if answer is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Closing before accepting makes the server answer the upgrade with a real 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await answer(scope, receive, send)

    async def _http(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if is_closed(path):
            return plain_pages.not_found()
        if scope["method"] not in _SAFE_METHODS and not self._same_site(scope):
            return plain_pages.refused("This request came from another site and was refused.", 403)
        if is_public(path):
            return None
        if not self._host_expected(scope):
            return plain_pages.bad_address()
        session = await self._session(scope)
        if session is None:
            return self._ask_to_sign_in(scope)
        scope["tenantatlas.session"] = session
        if path.startswith("/_stcore/") or path.startswith(("/media/", "/component/", "/sign-out")):
            return None
        return await self._page(scope, session)

    async def _page(self, scope: Scope, session: Session) -> Response | None:
        path: str = scope["path"]
        query = query_of(scope.get("query_string", b""))
        pieces = path.split("/")
        slug = pieces[2] if path.startswith("/r/") and len(pieces) > 2 else query.get("tenant")
        viewer = await to_thread.run_sync(resolve, self._hub.directory, session, slug)
        if viewer is None:
            return self._ask_to_sign_in(scope)
        scope["tenantatlas.viewer"] = viewer
        if path == "/" or (path in page_paths() and slug is None):
            target = HOME if path == "/" else path
            return RedirectResponse(with_tenant(target, scope.get("query_string", b""), viewer.tenant.slug), 302)
        if path in page_paths() or is_ours(path):
            return None
        return plain_pages.not_found()

    async def _websocket(self, scope: Scope) -> Response | None:
        session = await self._session(scope) if self._same_site(scope) and not is_closed(scope["path"]) else None
        if session is None:
            return plain_pages.forbidden()
        MutableHeaders(scope=scope)[SESSION_HEADER] = str(scope["tenantatlas.token"])
        return None

    async def _session(self, scope: Scope) -> Session | None:
        token: str | None
        if (proxy := self._hub.settings.proxy) is not None:
            user = await to_thread.run_sync(vouched_for, proxy, self._hub.directory, scope)
            token = self._hub.sessions.open(user.id) if user is not None else None
        else:
            token = cookie_parser(Headers(scope=scope).get("cookie", "")).get(cookie_name(self._hub))
        session = self._hub.sessions.read(token)
        if session is not None:
            scope["tenantatlas.token"] = token
        return session

    def _ask_to_sign_in(self, scope: Scope) -> Response:
        path: str = scope["path"]
        if self._hub.settings.proxy is not None:
            return plain_pages.not_invited()
        if scope["method"] not in ("GET", "HEAD") or not (
            path in page_paths() or path == "/" or path.startswith("/r/")
        ):
            return plain_pages.refused("Sign in first.", 401)
        query = scope.get("query_string", b"").decode("latin-1")
        back = quote(path) + (f"?{query}" if query else "")
        return RedirectResponse(f"/sign-in?next={quote(back, safe='')}", 302, headers={"cache-control": "no-store"})

    def _same_site(self, scope: Scope) -> bool:
        """Whether the request says it comes from this hub's own pages. A browser always says so; silence is refused."""
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        expected = self._hub.settings.origin
        if expected:
            return origin == expected
        parts = urlsplit(origin)
        return bool(parts.netloc) and parts.netloc == headers.get("host") and self._host_expected(scope)

    def _host_expected(self, scope: Scope) -> bool:
        # Without a public address the hub serves its own machine, and a name that merely points here is an attack.
        if self._hub.settings.origin:
            return True
        try:
            host = urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname
        except ValueError:
            return False
        return host in _LOOPBACK
