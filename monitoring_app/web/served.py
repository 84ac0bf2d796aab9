"""What leaves the hub: security headers on every answer, Streamlit's start page as ours, its files as small as they go."""

import gzip
import re
from functools import cache
from hashlib import sha256
from html import escape
from typing import Final

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitoring_app import texts
from monitoring_app.pages import page_paths, pages
from monitoring_app.presentation.theme import PAGE_CSS
from monitoring_app.presentation.view import module_address
from monitoring_app.settings import HubSettings
from monitoring_app.web.addresses import BRAND, FIRST, HOME, is_public

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        # Streamlit's page carries an inline boot script, and loads a component's module from a blob.
        "script-src 'self' 'unsafe-inline' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'none'",
    )
)
_PACKED: Final = (".js", ".css", ".svg", ".json")
_ASKED_AGAIN: Final = frozenset((b"accept-encoding", b"range", b"if-none-match", b"if-modified-since"))
_OF_THE_WHOLE: Final = frozenset((b"content-length", b"etag", b"last-modified", b"accept-ranges", b"vary"))
_MOST_KEPT: Final = 600
_MOST_LINKED: Final = 1024
"""Of a query's bytes: a proxy may refuse an answer whose headers are longer than 4 kB."""
_ICON_FONT: Final = re.compile(rb"@font-face\s*\{[^{}]*Material Symbols[^{}]*\}")
_TITLE: Final = re.compile(rb"<title>[^<]*</title>")
_ICON: Final = re.compile(rb'<link rel="shortcut icon"[^>]*>')


class SecurityHeaders:
    """Adds the headers that tell a browser what this site never does: be framed, load from elsewhere, leak addresses."""

    def __init__(self, app: ASGIApp, settings: HubSettings) -> None:
        self._app = app
        # A form may end at the provider: the browser applies form-action to the redirects that follow.
        policy = CONTENT_SECURITY_POLICY + ("" if settings.oidc else "; form-action 'self'")
        headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
        }
        if settings.is_https:
            headers["strict-transport-security"] = "max-age=31536000"
        self._headers = {name.encode(): value.encode() for name, value in headers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in self._headers]
                message["headers"] = [*kept, *self._headers.items()]
            await send(message)

        await self._app(scope, receive, with_headers)


class Files:
    """Streamlit's start page with our title, styles and language; that page, scripts and styles packed for the way.

    The page is never kept by a browser: Back after a sign-out shows nothing. Packed is only what is the same for everyone: once,
    as well as gzip can, and kept in memory, 2 MB for all there are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[bytes, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        is_page = path in page_paths()
        packs = (
            (is_page or (path.endswith(_PACKED) and is_public(path)))
            and scope["method"] == "GET"
            and "gzip" in Headers(scope=scope).get("accept-encoding", "")
        )
        if not (is_page or packs):
            await self._app(scope, receive, send)
            return
        # A conditional or partial answer would be about Streamlit's file, not about what is made of it here.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _ASKED_AGAIN]
        start: Message | None = None
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and (is_page or message["status"] == 200):
                start = message
            elif message["type"] != "http.response.body" or start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await self._send(scope, start, body, packs and start["status"] == 200, is_page, send)

        await self._app(scope, receive, collect)

    async def _send(self, scope: Scope, start: Message, body: bytes, packs: bool, is_page: bool, send: Send) -> None:
        kept = [pair for pair in start["headers"] if pair[0].lower() not in _OF_THE_WHOLE]
        if is_page:
            body = _page(scope["path"], body)
            kept = [*(pair for pair in kept if pair[0].lower() != b"cache-control"), (b"cache-control", b"no-store")]
            if scope["path"] == HOME and len(scope["query_string"]) <= _MOST_LINKED:
                # By a header, as the page is the same for everyone. A browser asks for it ahead of the page's sixty files.
                first = FIRST.encode() + b"?" + scope["query_string"]
                kept.append((b"link", b"<" + first + b">; rel=preload; as=fetch; crossorigin"))
        if packs:
            kind = str(dict(start["headers"]).get(b"content-type", b""))
            kept += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
            # By what they hold: an address that leads nowhere answers with the start page, however many there are.
            key = sha256(body).digest()
            packed = self._kept.get(key) or await to_thread.run_sync(_pack, body, kind)
            if len(self._kept) < _MOST_KEPT:
                self._kept[key] = packed
            body = packed
        await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})


def _pack(body: bytes, kind: str) -> bytes:
    # Streamlit's script loads a font of icons, 375 kB, on every page. The hub draws its icons itself: see PAGE_CSS.
    return gzip.compress(_ICON_FONT.sub(b"", body) if "text/css" in kind else body, 9)


def _page(path: str, body: bytes) -> bytes:
    """Streamlit's start page as the hub's: what makes it ours, and what stands there until the script has come."""
    # Streamlit's script takes a page's path for a place its server may be at, asks there first, and waits before it asks again.
    first = f'<script type="module" async>import {{first}} from "{module_address()}"; first()</script>'
    head = (
        f"<style>{PAGE_CSS}</style><script>window.__streamlit={{BACKEND_BASE_URL:location.origin}}</script>"
        f"{first if path == HOME else ''}</head>"
    )
    page = _TITLE.sub(f"<title>{texts.PRODUCT}</title>".encode(), body, count=1)
    page = _ICON.sub(f'<link rel="icon" href="{BRAND}">'.encode(), page, count=1)
    page = page.replace(b"<head>", f'<head><link rel="modulepreload" href="{module_address()}">'.encode(), 1)
    return page.replace(b"</head>", head.encode(), 1).replace(b'<div id="root"></div>', _loading(path), 1)


@cache
def _loading(path: str) -> bytes:
    """What stands on the page until its script is there: over a slow line that takes seconds."""
    title = next((page.title for page in pages() if f"/{page.path}" == path), texts.PRODUCT)
    words, lines = escape(f"TenantAtlas: {title} is loading …"), '<div class="ta-line"></div>' * 6
    return f'<div id="root"><div class="ta-loading" role="status"><p>{words}</p>{lines}</div></div>'.encode()
