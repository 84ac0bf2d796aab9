"""Streamlit's start page with our title, styles and language, and never kept by a browser: Back after a sign-out shows nothing."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitoring_app import texts
from monitoring_app.pages import page_paths, pages
from monitoring_app.presentation.theme import PAGE_CSS
from monitoring_app.presentation.view import module, module_address

_TITLE = re.compile(rb"<title>[^<]*</title>")
_ICON = re.compile(rb'<link rel="shortcut icon"[^>]*>')
# Streamlit's script takes a page's path for a place its server may be at, asks there first, and waits before it asks again.
_HEAD = (
    f"<style>{PAGE_CSS}</style><script>window.__streamlit={{BACKEND_BASE_URL:location.origin}}</script>"
    '<link rel="modulepreload" href="'
)
_HEAD_END = '"></head>'
_ROOT = b'<div id="root"></div>'
BRAND = "/brand.svg"


def brand(request: Request) -> Response:
    """The product's mark, as the browser tab shows it."""
    return FileResponse(Path(__file__).with_name("brand.svg"), media_type="image/svg+xml")


def view_module(request: Request) -> Response:
    """The browser's half of the pages' elements: nobody's data, the same for everyone."""
    # Beside a hub of another release, a page may ask this one for the other's: it gets what there is, and does not cache it.
    known = request.url.query == module_address().partition("?")[2]
    kept = "public, max-age=31536000, immutable" if known else "no-store"
    return Response(module(), media_type="text/javascript", headers={"cache-control": kept})


@cache
def _loading(path: str) -> bytes:
    """What stands on the page until its script is there: over a slow line that takes seconds."""
    title = next((page.title for page in pages() if f"/{page.path}" == path), texts.PRODUCT)
    words = escape(texts.LOADING.format(title=title))
    lines = '<div class="ta-line"></div>' * 6
    return f'<div id="root"><div class="ta-loading" role="status"><p>{words}</p>{lines}</div></div>'.encode()


class Shell:
    """Rewrites the page that every address of the app answers with; everything else passes untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in page_paths():
            await self._app(scope, receive, send)
            return
        # A conditional or partial answer would be about Streamlit's file, not about the page made from it here.
        scope["headers"] = [
            (name, value)
            for name, value in scope["headers"]
            if name not in (b"if-none-match", b"if-modified-since", b"range", b"accept-encoding")
        ]
        start: Message | None = None
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body" or start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = _TITLE.sub(f"<title>{texts.PRODUCT}</title>".encode(), body, count=1)
            page = _ICON.sub(f'<link rel="icon" href="{BRAND}">'.encode(), page, count=1)
            page = page.replace(b"</head>", f"{_HEAD}{module_address()}{_HEAD_END}".encode(), 1)
            page = page.replace(_ROOT, _loading(scope["path"]), 1)
            kept = [
                (name, value)
                for name, value in start["headers"]
                if name.lower()
                not in (b"content-length", b"cache-control", b"etag", b"last-modified", b"accept-ranges")
            ]
            length = (b"content-length", str(len(page)).encode())
            await send({**start, "headers": [*kept, (b"cache-control", b"no-store"), length]})
            await send({"type": "http.response.body", "body": page if scope["method"] != "HEAD" else b""})

        await self._app(scope, receive, collect)
