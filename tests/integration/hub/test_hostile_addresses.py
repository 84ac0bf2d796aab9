"""Whatever is in an address, a cursor, a header or a cookie: a page, a 302, a 400, a 403 or a 404, and never a traceback."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from monitoring_app import runtime
from monitoring_app.asgi import fences, routes
from monitoring_app.operations.address import ListAddress
from monitoring_app.pages import page_paths
from monitoring_app.settings import HubSettings, OidcSettings
from monitoring_app.web.addresses import query_of
from tests.integration.hub.conftest import SECRET, Site
from tests.support.examples import examples
from tests.support.page_client import PageClient, tab

LINUS = "linus@northwind.example"
PLAUSIBLE = [
    "0", "-1", "9" * 30, "nan", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "../..", "%00",
    "2026-03-01T00:00:00+14:00", "null", "=1+1", "{}", "[]", "'; DROP TABLE x; --", "running", "24h", "drift.generate",
    "all", "250", "00000000-0000-0000-0000-000000000000", ":material/x:", "$\\int$", "\u202e", "northwind", "fabrikam",
]  # fmt: skip
VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.sampled_from(PLAUSIBLE)
NAMES = st.sampled_from(
    [
        *("type", "bucket", "range", "since", "until", "at", "by", "q", "cursor", "rows", "id", "run", "set", "sync"),
        *("from", "list", "reason", "find", "severity", "tenant", "next", "state", "code", "error", "user"),
    ]
)
QUERIES = st.dictionaries(NAMES, VALUES, max_size=4).map(lambda q: urlencode(q).encode()) | st.binary(max_size=60)
PATHS = st.sampled_from(
    [
        *sorted(page_paths()),
        "/",
        "/first.json",
        "/export/runs.csv",
        "/export/items.json",
        "/sign-in/callback",
        "/_stcore/stream",
    ]
) | st.text(max_size=20).map(lambda tail: f"/r/northwind/{quote(tail, safe='')}")
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"cookie", b"origin", b"host", b"x-forwarded-user", b"x-tenantatlas-session", b"range"]),
        st.binary(max_size=40),
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def fenced(site: Site) -> Iterator[ASGIApp]:
    """The hub's own layers and routes in this process; a page answers what it would have been asked for."""

    async def page(request: Request) -> PlainTextResponse:
        address, ignored = ListAddress.from_params(query_of(request.scope["query_string"]))
        return PlainTextResponse(f"{address} {ignored}")

    oidc = OidcSettings("http://127.0.0.1:9", "hub", "not-a-real-one")
    hub = runtime.build(HubSettings(site.database_url, public_url=site.hub.url, session_secret=SECRET, oidc=oidc))
    pages = [Route(path, page) for path in sorted(page_paths())]
    yield Starlette(routes=[*routes(hub), *pages], middleware=fences(hub))
    hub.dispose()


async def asked(app: ASGIApp, path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    status, body = 0, b""

    received = 0

    async def receive() -> dict[str, object]:
        nonlocal received
        received += 1
        if received > 1:
            # Nobody hangs up: a stream that listens for it would be told at once, and again and again.
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = int(str(message["status"]))
        body += bytes(message.get("body", b""))  # type: ignore[call-overload]

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query, "headers": headers,
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)  # type: ignore[arg-type]
    return status, body


REQUESTS = st.tuples(PATHS, QUERIES, st.booleans(), HEADERS)
AT_ONCE, TIMES = 10, examples(150)


def test_many_hostile_addresses_get_a_page_or_a_refusal(site: Site, fenced: ASGIApp) -> None:
    """The hub's own layers, routes and store: what answers before Streamlit is asked. An exception fails the example."""
    cookie = (b"cookie", f"tenantatlas={site.sessions.open(site.user_id(LINUS))}".encode())
    seen: Counter[int] = Counter()

    async def each(requests: list[tuple[str, bytes, bool, list[tuple[bytes, bytes]]]]) -> list[tuple[int, bytes]]:
        mine = [b"tenant=northwind&" if own and b"tenant" not in query else b"" for _, query, own, _ in requests]
        return await asyncio.gather(
            *(
                asked(fenced, path, prefix + query, [cookie, *headers])
                for prefix, (path, query, _, headers) in zip(mine, requests, strict=True)
            )
        )

    with asyncio.Runner() as runner:

        @given(st.lists(REQUESTS, min_size=AT_ONCE, max_size=AT_ONCE))
        @settings(max_examples=TIMES, deadline=None, suppress_health_check=list(HealthCheck))
        def holds(requests: list[tuple[str, bytes, bool, list[tuple[bytes, bytes]]]]) -> None:
            for status, body in runner.run(each(requests)):
                seen[status] += 1
                assert status in (200, 302, 303, 400, 401, 403, 404), (status, body)
                assert b"Traceback" not in body and b"Fabrikam" not in body

        holds()
    assert seen.total() >= AT_ONCE * TIMES and {200, 302, 400, 403, 404} <= seen.keys()


@pytest.fixture(scope="module")
def linus(site: Site) -> Iterator[PageClient]:
    with tab(site.hub.url, site.sessions.open(site.user_id(LINUS))) as opened:
        yield opened


SCRIPT_NAMES = NAMES.filter(lambda name: name not in ("tenant", "next", "state", "code", "error", "user"))


@given(st.sampled_from(sorted(page_paths())), st.dictionaries(SCRIPT_NAMES, VALUES, max_size=5), st.booleans())
@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_addresses_give_a_page(
    site: Site, linus: PageClient, path: str, params: dict[str, str], of_a_run: bool
) -> None:
    known = {"id": str(site.sample.partial)} if of_a_run else {}
    shown = linus.open(f"{path}?{urlencode({'tenant': 'northwind', **params, **known})}")
    assert not shown.failed and "Traceback" not in shown.text


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "2299-12-31T23:59:59Z", "2026-11-01T00:00:00Z"])
@pytest.mark.parametrize("name", ["since", "until", "at"])
def test_every_time_that_can_be_read_can_be_shown(site: Site, linus: PageClient, name: str, moment: str) -> None:
    shown = linus.open(f"/operations?{urlencode({'tenant': 'northwind', name: moment})}")
    assert not shown.failed and ("CET" in shown.text or "+01" in shown.text)
