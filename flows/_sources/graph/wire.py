"""HTTP to one Graph endpoint: one request out, one bounded answer back. Knows nothing of retries or of policies."""

import json
import logging
import time
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx
import orjson

from flows._sources.graph.reasons import GRAPH_CA_UNKNOWN
from flows._sources.graph.settings import UNTRUSTED, GraphSettings
from runstore.reasons import ReasonedError

_USER_AGENT: Final = "TenantAtlas"


class UnreachableError(Exception):
    """No connection came about."""


class BrokenAnswerError(Exception):
    """The answer broke off, came too slowly, or was not what its headers said."""


class AnswerTooLargeError(Exception):
    """The answer went past the bound and was abandoned."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as it came; `content` is decompressed, `received` counts the bytes that crossed the wire."""

    status: int
    headers: dict[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    received: int = 0

    def json(self) -> object:
        """The content as JSON, `None` when it is none."""
        content = self.content.removeprefix(BOM_UTF8)
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            pass
        # Half of a surrogate pair, which no text can hold, would make a whole page unreadable: read leniently here, it
        # costs the one policy that holds it.
        try:
            return json.loads(content, parse_constant=_no_number) if b"\\u" in content else None
        except (ValueError, RecursionError):
            return None


def _no_number(word: str) -> object:
    raise ValueError(word)


class Wire:
    """Connections to the endpoint, safe to use from several threads; close it when done.

    Redirects are not followed: they would carry the token to wherever they lead.
    """

    def __init__(self, settings: GraphSettings) -> None:
        self._settings = settings
        # httpx logs every address at INFO, and the addresses name policies and page tokens.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        patience = settings.patience
        self._client = httpx.Client(
            verify=settings.tls(),
            timeout=httpx.Timeout(patience.answer_seconds, connect=patience.connect_seconds),
            limits=httpx.Limits(max_connections=settings.in_flight, max_keepalive_connections=settings.in_flight),
            follow_redirects=False,
            trust_env=not settings.endpoint_is_local,
            headers={"Accept": "application/json", "User-Agent": _USER_AGENT},
        )

    def send(self, path: str, token: str, payload: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Asks for a path below the endpoint, or sends JSON to it where there is a payload. Raises UnreachableError,
        BrokenAnswerError or AnswerTooLargeError, and ReasonedError where the certificate's authority is not known."""
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        method, content = "GET", None
        if payload is not None:
            method, content = "POST", orjson.dumps(payload)
            sent["Content-Type"] = "application/json"
        give_up_at = time.monotonic() + self._settings.patience.answer_seconds
        try:
            with self._client.stream(
                method, f"{self._settings.endpoint}/{path}", headers=sent, content=content
            ) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > self._settings.largest_answer:
                        raise AnswerTooLargeError
                    # httpx bounds the wait for each piece; an answer that drips would pass that for ever.
                    if time.monotonic() > give_up_at:
                        raise BrokenAnswerError
                return Reply(response.status_code, dict(response.headers), bytes(body), response.num_bytes_downloaded)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as failed:
            if UNTRUSTED in str(failed):
                raise ReasonedError(GRAPH_CA_UNKNOWN.failure()) from None
            raise UnreachableError from failed
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as failed:
            raise BrokenAnswerError from failed

    def close(self) -> None:
        self._client.close()
