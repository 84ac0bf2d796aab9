"""The store goes away under open pages and comes back: an honest sentence meanwhile, and nobody has to do anything."""

from __future__ import annotations

import pytest

from monitoring_app import texts
from tests.integration.hub.conftest import Site
from tests.support.hub_sample import sample_id
from tests.support.outage import store_away
from tests.support.page_client import tab

ADA = "ada@northwind.example"


@pytest.mark.parametrize(
    "page", ["operations", "run", "notifications", "drift", "findings", "inventory", "backup-sets"]
)
def test_an_open_page_says_so_and_comes_back_by_itself(site: Site, page: str) -> None:
    address = f"/{page}?tenant=northwind" + (f"&id={site.sample.running}" if page == "run" else "")
    with tab(site.hub.url, site.sessions.open(site.user_id(ADA))) as opened:
        before = opened.open(address)
        with store_away(site.database_url):
            for fragment, _ in before.fragments:
                refreshed = opened.refresh(fragment, address)
                assert not refreshed.failed and texts.UNAVAILABLE in refreshed.text
            away = opened.open(address)
            assert not away.failed and texts.UNAVAILABLE_TITLE in away.text
            # Nothing of the tenant is left on a page that cannot know whether the viewer still belongs to it.
            assert "Northwind" not in away.text
            ((fragment, seconds),) = away.fragments
            assert seconds <= 5
            assert texts.UNAVAILABLE_TITLE in opened.refresh(fragment, address).text
        back = opened.refresh(fragment, address)
        assert not back.failed and texts.UNAVAILABLE_TITLE not in back.text
        assert "Northwind Traders" in back.text


def test_requests_get_a_503_meanwhile_and_the_process_stays(site: Site) -> None:
    ada = site.visitor(ADA)
    paths = ["/operations?tenant=northwind", f"/r/northwind/{site.sample.partial}", "/export/runs.csv?tenant=northwind"]
    paths.append(f"/export/items.json?tenant=northwind&id={sample_id('partial')}")
    with store_away(site.database_url):
        for path in [*paths, "/readyz"]:
            answer = ada.get(path)
            assert answer.status_code == 503 and "Traceback" not in answer.text, path
            assert "Northwind" not in answer.text
        assert ada.get("/healthz").status_code == 200
    for path in [*paths, "/readyz"]:
        assert ada.get(path).status_code in (200, 302), path
