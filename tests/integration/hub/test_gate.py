"""Who gets what at which address: sign-in first, one answer for every foreign tenant, and nothing for other sites."""

from __future__ import annotations

import csv
import io
import re
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from monitoring_app.pages import page_paths
from monitoring_app.web.identity import Sessions
from tests.integration.hub.conftest import SECRET, Site
from tests.support.hub_server import HubServer
from tests.support.outage import store_away
from tests.support.page_client import tab
from tests.support.ports import free_port

ADA, FRANK, GRACE, LINUS = (
    "ada@northwind.example", "frank@fabrikam.example", "grace@northwind.example", "linus@northwind.example",
)  # fmt: skip


def addresses(slug: str, run: object) -> list[str]:
    """Every address there is, of one tenant."""
    pages = [f"{page}?tenant={slug}" for page in sorted(page_paths())]
    return [
        *pages,
        f"/operations?tenant={slug}&bucket=failed&q={run}",
        f"/run?tenant={slug}&id={run}",
        f"/findings?tenant={slug}&run={run}",
        f"/backup-sets?tenant={slug}&set={run}",
        f"/inventory?tenant={slug}&sync={run}",
        f"/first.json?tenant={slug}&q={run}",
        f"/r/{slug}/{run}",
        *(f"/export/{what}.{kind}?tenant={slug}&id={run}" for what in ("runs", "items") for kind in ("csv", "json")),
    ]


def test_own_addresses_are_answered(site: Site) -> None:
    frank = site.visitor(FRANK)
    for address in addresses("fabrikam", site.sample.foreign):
        answer = frank.get(address)
        assert answer.status_code == (302 if address.startswith("/r/") else 200), address
    assert frank.get(f"/r/fabrikam/{uuid4()}").status_code == 404
    assert frank.get("/r/fabrikam/not-an-id").status_code == 404
    assert frank.get(f"/export/items.csv?tenant=fabrikam&id={site.sample.partial}").status_code == 404


def test_a_signed_out_visitor_is_asked_to_sign_in_or_refused(site: Site) -> None:
    nobody = site.visitor()
    for address in addresses("northwind", site.sample.partial):
        answer = nobody.get(address)
        if address.startswith(("/export/", "/first.json")):
            assert (answer.status_code, answer.text) == (401, "Sign in first.\n")
        else:
            assert answer.status_code == 302 and answer.headers["location"].startswith("/sign-in?next=%2F")
        assert b"Northwind" not in answer.content
    for address in ("/_stcore/stream", "/media/x.png", "/_stcore/agent/mcp", "/_stcore/metrics"):
        assert nobody.get(address).status_code in (401, 404)


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "null", "é" * 10, "A" * 5000])
def test_a_made_up_cookie_is_no_session(site: Site, cookie: str) -> None:
    headers = {"cookie": f"tenantatlas={cookie}".encode()}
    answer = site.visitor().get("/operations?tenant=northwind", headers=headers)
    assert answer.status_code == 302


def test_expired_and_foreign_sessions_are_none(site: Site) -> None:
    user = site.user_id(ADA)
    for token in (Sessions(SECRET, 0).open(user), Sessions("t" * 48, 1).open(user), site.sessions.open(uuid4())):
        answer = site.visitor().get("/operations?tenant=northwind", headers={"cookie": f"tenantatlas={token}"})
        assert answer.status_code == 302


def test_an_identity_header_from_outside_is_dropped(site: Site) -> None:
    token = site.sessions.open(site.user_id(ADA))
    forged = {"x-tenantatlas-session": token, "x-forwarded-user": "ada", "x-forwarded-email": ADA}
    assert site.visitor().get("/operations?tenant=northwind", headers=forged).status_code == 302


def test_the_socket_opens_for_a_session_of_the_same_site_only(site: Site) -> None:
    address = f"{site.hub.url.replace('http', 'ws')}/_stcore/stream"
    cookie = {"cookie": f"tenantatlas={site.sessions.open(site.user_id(ADA))}"}
    for origin, headers in (
        ("http://evil.example", cookie), (None, cookie), (site.hub.url, {}), ("null", cookie),
    ):  # fmt: skip
        with pytest.raises(InvalidStatus) as refused, connect(address, origin=origin, additional_headers=headers):
            pass
        assert refused.value.response.status_code == 403
    with connect(address, origin=site.hub.url, additional_headers=cookie):
        pass


def test_another_site_cannot_sign_anyone_out(site: Site) -> None:
    ada = site.visitor(ADA)
    for origin in ("http://evil.example", None):
        headers = {"origin": origin} if origin else {}
        assert ada.post("/sign-out", headers=headers).status_code == 403
    assert ada.get("/operations?tenant=northwind").status_code == 200
    gone = ada.post("/sign-out", headers={"origin": site.hub.url})
    assert gone.status_code == 303 and "tenantatlas=" in gone.headers["set-cookie"]


def test_who_signed_out_at_one_hub_is_refused_by_every_other(site: Site, tmp_path: Path) -> None:
    port = free_port()
    settings = replace(site.hub.settings, public_url=f"http://127.0.0.1:{port}")
    with HubServer(settings, tmp_path, port) as other, ExitStack() as clients:
        cookie = f"tenantatlas={site.sessions.open(site.user_id(ADA))}"
        here, there = (
            clients.enter_context(
                httpx.Client(base_url=hub.url, headers={"cookie": cookie}, trust_env=False, timeout=60)
            )
            for hub in (site.hub, other)
        )
        address = "/operations?tenant=northwind"
        assert [client.get(address).status_code for client in (here, there)] == [200, 200]
        with tab(other.url, cookie.removeprefix("tenantatlas=")) as opened:
            before = opened.open(address)
            assert here.post("/sign-out", headers={"origin": site.hub.url}).status_code == 303
            assert [client.get(address).status_code for client in (here, there)] == [302, 302]
            assert [client.get("/first.json?tenant=northwind").status_code for client in (here, there)] == [401, 401]
            for fragment, _ in before.fragments:
                refreshed = opened.refresh(fragment, address)
                assert "Your session has ended" in refreshed.text and "Northwind" not in refreshed.text
        assert site.visitor(ADA).get(address).status_code == 200, "their other session goes on"


def test_a_sign_out_that_cannot_be_noted_says_so(site: Site) -> None:
    ada = site.visitor(ADA)
    with store_away(site.database_url):
        assert ada.post("/sign-out", headers={"origin": site.hub.url}).status_code == 503
    assert ada.post("/sign-out", headers={"origin": site.hub.url}).status_code == 303


def test_every_answer_carries_the_security_headers(site: Site) -> None:
    for client, address in (
        (site.visitor(ADA), "/operations?tenant=northwind"), (site.visitor(), "/healthz"),
        (site.visitor(ADA), "/operations?tenant=x"), (site.visitor(ADA), "/export/runs.csv?tenant=northwind"),
        (site.visitor(ADA), "/first.json?tenant=northwind"), (site.visitor(), "/first.json?tenant=northwind"),
    ):  # fmt: skip
        headers = client.get(address).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        if address not in ("/healthz",):
            assert headers["cache-control"] == "no-store"


def test_health_is_open_and_says_nothing(site: Site) -> None:
    assert site.visitor().get("/healthz").json()["status"] == "ok"
    assert site.visitor().get("/readyz").json() == {"status": "ok"}


def test_the_browsers_half_is_kept_for_as_long_as_it_is_the_same(site: Site) -> None:
    page = site.visitor(FRANK).get("/operations?tenant=fabrikam")
    found = re.search(r'<link rel="modulepreload" href="(/view\.js\?v=[0-9a-f]+)">', page.text)
    assert found is not None
    nobody = site.visitor()
    module = nobody.get(found[1])
    assert module.headers["content-type"].startswith("text/javascript")
    assert "immutable" in module.headers["cache-control"]
    # A page of another release asks for another version.
    other = nobody.get("/view.js?v=other")
    assert (other.text, other.headers["cache-control"]) == (module.text, "no-store")


def test_a_browser_asks_for_the_list_before_it_has_read_the_page(site: Site) -> None:
    grace, address = site.visitor(GRACE), "/operations?tenant=northwind&bucket=failed"
    page = grace.get(address)
    found = re.fullmatch(
        r"<(/first\.json\?tenant=northwind&bucket=failed)>; rel=preload; as=fetch; crossorigin", page.headers["link"]
    )
    assert found is not None and "first()" in page.text
    other = grace.get("/notifications?tenant=northwind")
    assert "link" not in other.headers and "first()" not in other.text
    answer = grace.get(found[1])
    assert answer.headers["cache-control"] == "no-store" and answer.headers["content-type"] == "application/json"
    runs = grace.get("/export/runs.json?tenant=northwind&bucket=failed").json()["runs"]
    assert re.findall(r"/run\?tenant=northwind&id=([0-9a-f-]{36})", answer.text) == [run["id"] for run in runs][:25]
    # Behind a proxy a header of more than a few kilobytes costs the whole page.
    assert "link" not in grace.get(f"{address}&q={'x' * 3000}").headers


def test_another_site_cannot_read_the_first_list(site: Site) -> None:
    ada, address = site.visitor(ADA), "/first.json?tenant=northwind"
    for origin in ("http://evil.example", "null", site.hub.url):
        headers = ada.get(address, headers={"origin": origin, "sec-fetch-site": "cross-site"}).headers
        assert (
            headers["cross-origin-resource-policy"] == "same-origin" and headers["x-content-type-options"] == "nosniff"
        )
        assert not any(name.startswith("access-control-") for name in headers), origin
        answer = ada.post(address, headers={"origin": origin})
        assert answer.status_code == (405 if origin == site.hub.url else 403) and "Northwind" not in answer.text
    head = ada.head(address)
    assert (head.status_code, head.content) == (200, b"")


def test_the_first_list_has_the_days_of_the_browsers_zone(site: Site) -> None:
    said: list[set[str]] = []
    hostile = ("no/zone", "../../etc/passwd", "Europe", "tzdata.zi", "zone.tab", "A" * 5000, "%00", "é")
    for zone in ("Pacific/Kiritimati", "UTC", *hostile):
        grace = site.visitor(GRACE)
        cookie = f"tenantatlas={grace.cookies['tenantatlas']}; tenantatlas_zone={zone}".encode()
        text = grace.get("/first.json?tenant=northwind", headers={"cookie": cookie}).text
        said.append(set(re.findall(r"created=[^&\"]*?T(\d\d)", text)))
    assert said == [{"10"}, *[{"00"}] * (1 + len(hostile))]


def test_the_picker_is_not_there_outside_of_the_demo(site: Site) -> None:
    chosen = {"user": str(site.user_id(ADA)), "next": "/"}
    answer = site.visitor().post("/sign-in/as", data=chosen, headers={"origin": site.hub.url})
    assert answer.status_code == 404 and "set-cookie" not in answer.headers


def test_a_provider_that_is_away_gives_a_sentence(site: Site) -> None:
    answer = site.visitor().get("/sign-in?next=/operations")
    assert answer.status_code == 502 and "could not be reached" in answer.text


def test_an_export_is_exactly_the_filtered_list_and_role_aware(site: Site) -> None:
    grace, linus = site.visitor(GRACE), site.visitor(LINUS)
    everything = grace.get("/export/runs.json?tenant=northwind").json()["runs"]
    failed = grace.get("/export/runs.json?tenant=northwind&bucket=failed").json()["runs"]
    assert failed == [run for run in everything if run["bucket"] == "failed"] and len(failed) > 3
    assert "flow_run_id" in everything[0]
    slow = grace.get("/export/runs.json?tenant=northwind&sort=duration").json()["runs"]
    ended = [run for run in slow if run["started_at"] and run["finished_at"]]
    spans = [datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["started_at"]) for run in ended]
    assert spans == sorted(spans, reverse=True) and ended != [run for run in everything if run in ended]
    assert {run["id"] for run in slow} == {run["id"] for run in everything}
    rows = list(csv.DictReader(io.StringIO(linus.get("/export/runs.csv?tenant=northwind").content.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == [run["id"] for run in everything]
    assert "flow_run_id" not in rows[0]
    assert grace.get("/export/runs.csv?tenant=northwind&bucket=nonsense").status_code == 400


def test_an_export_of_items_says_what_failed_and_what_to_do(site: Site) -> None:
    answer = site.visitor(LINUS).get(f"/export/items.json?tenant=northwind&id={site.sample.partial}")
    items = answer.json()["items"]
    failed = [item for item in items if item["outcome"] == "failed"]
    assert len(failed) == 9 and all(item["next_step"] for item in failed)
    assert len(items) == 9 + 46
    assert answer.headers["content-disposition"].startswith('attachment; filename="northwind-run-')


def test_scripts_styles_and_the_start_page_are_small_on_the_wire(site: Site) -> None:
    ada, address = site.visitor(ADA), "/operations?tenant=northwind"
    first = ada.get(address, headers={"accept-encoding": "gzip"})
    assert "Operations is loading" in first.text and first.content.find(b'ta-loading"') < 20_000
    files = re.findall(r'(?:src|href)="(?:[.])(/static/[^"]+[.](?:js|css))"', first.text)
    assert len(files) > 10
    sizes: list[int] = []
    for file in (address, "/view.js", *files):
        for _ in range(2):
            packed, plain = (ada.get(file, headers={"accept-encoding": name}) for name in ("gzip", "identity"))
            assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
            assert packed.headers["vary"] == "accept-encoding" and packed.status_code == plain.status_code == 200
            assert packed.headers.get("cache-control") == plain.headers.get("cache-control")
            if file.endswith(".css"):
                assert b"Material Symbols" in plain.content and b"Material Symbols" not in packed.content
            else:
                assert packed.content == plain.content
            sizes.append(int(packed.headers["content-length"]))
    assert sum(sizes) / 2 < 700_000
    assert ada.get("/static/none.js", headers={"accept-encoding": "gzip"}).status_code in (200, 404)
