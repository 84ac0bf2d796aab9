"""Scripts and styles as small as they go over the wire. Streamlit sends its own as they are."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from typing import Final

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitoring_app.pages import page_paths
from monitoring_app.web.addresses import is_public

_ENDINGS: Final = (".js", ".css", ".svg", ".json")
_ASKED_AGAIN: Final = frozenset((b"accept-encoding", b"range", b"if-none-match", b"if-modified-since"))
_OF_THE_WHOLE: Final = frozenset((b"content-length", b"etag", b"last-modified", b"accept-ranges", b"vary"))
_MOST: Final = 600
_ICON_FONT: Final = re.compile(rb"@font-face\s*\{[^{}]*Material Symbols[^{}]*\}")


class Packed:
    """Answers that are the same for everyone are compressed once, as well as gzip can, and kept in memory: 2 MB for all there are.

    Only files that are there, and the start page, which is the same at every address: nothing that depends on who asks.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[bytes, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_wanted(scope):
            await self._app(scope, receive, send)
            return
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _ASKED_AGAIN]
        start: Message | None = None
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and message["status"] == 200:
                start = message
            elif message["type"] != "http.response.body" or start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await self._send_packed(start, body, send)

        await self._app(scope, receive, collect)

    async def _send_packed(self, start: Message, body: bytes, send: Send) -> None:
        # By what they hold: an address that leads nowhere answers with the start page, however many there are.
        key = sha256(body).digest()
        packed = self._kept.get(key)
        if packed is None:
            packed = await to_thread.run_sync(_pack, body, str(dict(start["headers"]).get(b"content-type", b"")))
            if len(self._kept) < _MOST:
                self._kept[key] = packed
        kept = [pair for pair in start["headers"] if pair[0].lower() not in _OF_THE_WHOLE]
        length = str(len(packed)).encode()
        told = [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"), (b"content-length", length)]
        await send({**start, "headers": [*kept, *told]})
        await send({"type": "http.response.body", "body": packed})


def _pack(body: bytes, kind: str) -> bytes:
    # Streamlit's script loads a font of icons, 375 kB, on every page. The hub draws its icons itself: see PAGE_CSS.
    return gzip.compress(_ICON_FONT.sub(b"", body) if "text/css" in kind else body, 9)


def _is_wanted(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    path: str = scope["path"]
    is_same_for_all = path in page_paths() or (path.endswith(_ENDINGS) and is_public(path))
    return is_same_for_all and "gzip" in Headers(scope=scope).get("accept-encoding", "")
