"""Usable by everyone: axe finds nothing serious, the keyboard reaches every run, names show as typed, errors are calm."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from runstore.database import DatabaseRole
from runstore.runs.run import RelatedLink
from runstore.runs.status import RunStatus
from runstore.schema import OperationRun
from tests.browser.conftest import Site, sign_in
from tests.browser.screenshots import pages, settled
from tests.support.hub_features import add_features
from tests.support.runs import RunSpec, add_runs

pytestmark = pytest.mark.browser
SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_axe_finds_nothing_serious(make_site: Callable[[], Site], page: Page, scheme: str) -> None:
    site = make_site()
    add_features(site.database_url, site.sample.northwind)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    sign_in(page, f"{site.url}/operations?tenant=northwind", "ada")
    # Going on before the sign-in has come back would cut it off.
    settled(page)
    found: list[str] = []
    for name, address in pages(site.sample).items():
        page.goto(f"{site.url}{address}")
        settled(page)
        for violation in (
            Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}).response["violations"]
        ):
            if violation["impact"] in SERIOUS:
                targets = [node["target"] for node in violation["nodes"][:3]]
                found.append(f"{name}: {violation['id']} at {targets}")
    assert found == []


def test_names_show_as_typed(make_site: Callable[[], Site], page: Page) -> None:
    site = make_site()
    hostile = [
        "**bold** [x](http://evil.example) ![i](http://evil.example/i.png)",
        "<img src=x onerror=alert(1)><script>alert(1)</script>",
        "$\\int_0^1$ :material/delete: :red[x] =1+1",
    ]
    worker = site.database(DatabaseRole.WORKER)
    links = tuple(RelatedLink(name, "javascript:alert(1)", {"id": name}) for name in hostile)
    run = RunSpec(
        initiated_by=hostile[0], item_ids=hostile, total=3, succeeded=3, related=links, context={hostile[1]: hostile[2]}
    )
    add_runs(worker, site.sample.northwind, [run])
    worker.dispose()
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: said.append(request.url) if "://evil.example" in request.url else None)
    sign_in(page, f"{site.url}/operations?tenant=northwind", "ada")
    expect(page.locator("table").get_by_text(hostile[0], exact=True)).to_be_visible()
    people = page.get_by_label("Started by")
    assert hostile[0] in people.locator("option").all_inner_texts()
    people.select_option(hostile[0])
    expect(page.locator(".chip").get_by_text(f"started by: {hostile[0]}", exact=True)).to_be_visible()
    page.goto(f"{site.url}/run?tenant=northwind&id={run.id}")
    for name in hostile:
        expect(page.locator("td").get_by_text(name, exact=True)).to_be_visible()
    assert all(href and href.startswith("/operations?") for href in _hrefs(page))
    assert said == []


def _hrefs(page: Page) -> list[str | None]:
    found = page.locator("section", has_text="Results").locator("a").all()
    assert len(found) == 3
    return [link.get_attribute("href") for link in found]


def test_the_keyboard_opens_a_run(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind&bucket=partial", "grace")
    settled(page)
    first = page.locator("table .op").first
    first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()


def test_keys_lead_through_the_rows_and_a_reload_keeps_the_choice(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    settled(page)
    expect(page).to_have_title("Operations · Northwind Traders · TenantAtlas")
    row = page.locator("table .op")
    for key, place in (("j", 0), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(row.nth(place)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next row")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label("Run or item", exact=True)).to_be_focused()
    page.keyboard.press("j")
    expect(page.get_by_label("Run or item", exact=True)).to_have_value("j")
    page.get_by_label("Run or item", exact=True).fill("")
    page.get_by_label("Refresh", exact=True).select_option(label="Off")
    expect(page).to_have_url(re.compile("refresh=0"))
    page.reload()
    settled(page)
    expect(page.get_by_label("Refresh", exact=True)).to_have_value("0")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the first row")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page).to_have_title(re.compile("^[A-Z].*: .* [0-9a-f]{8} · Northwind Traders · TenantAtlas$"))


@pytest.mark.parametrize(("address", "label"), [("operations", "Scope"), ("audit", "From (UTC)")])
def test_a_narrow_screen_folds_the_filters(site: Site, page: Page, address: str, label: str) -> None:
    page.set_viewport_size({"width": 400, "height": 860})
    sign_in(page, f"{site.url}/{address}?tenant=northwind&since=2026-02-30", "grace")
    settled(page)
    field = page.get_by_label(label, exact=True)
    expect(field).to_be_hidden()
    expect(page.get_by_text("Part of the address could not be read and was left out: since.")).to_be_visible()
    page.get_by_role("button", name="Filters").click()
    expect(field).to_be_visible()
    if address == "audit":
        field.press_sequentially("11012026")
        page.wait_for_url(f"{site.url}/audit?tenant=northwind&since=2026-11-01")
        expect(page.get_by_role("button", name="Filters (1)")).to_be_visible()
        # What was unfolded stays so.
        expect(field).to_have_value("2026-11-01")
        expect(field).to_be_visible()
    page.set_viewport_size({"width": 1400, "height": 1000})
    expect(page.get_by_role("button", name="Filters")).to_be_hidden()


def test_a_foreign_tenant_inside_the_app_is_refused_like_outside(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", "linus")
    # Streamlit's part is there: before, a step in the history is nobody's.
    expect(page.locator("nav.menu")).to_be_visible()
    step = "(a) => { history.pushState(null, '', a); dispatchEvent(new PopStateEvent('popstate')) }"
    for slug in ("fabrikam", "no-such-tenant"):
        page.evaluate(step, f"/run?tenant={slug}&id={site.sample.foreign}")
        expect(page.get_by_text("403 – not your tenant")).to_be_visible()
        expect(page.get_by_text("Fabrikam")).to_have_count(0)


def test_readonly_members_see_why_they_cannot_start(make_site: Callable[[], Site], page: Page) -> None:
    site = make_site()
    add_features(site.database_url, site.sample.northwind)
    sign_in(page, f"{site.url}/drift?tenant=northwind", "linus")
    expect(page.get_by_text("Your role in this tenant is readonly")).to_be_visible()
    expect(page.get_by_role("button", name="Generate drift")).to_have_count(0)


def test_drift_is_started_linked_when_it_is_under_way_and_watched_to_its_end(
    make_site: Callable[[], Site], page: Page
) -> None:
    site = make_site()
    add_features(site.database_url, site.sample.northwind)
    sign_in(page, f"{site.url}/drift?tenant=northwind", "grace")
    page.get_by_role("button", name="Generate drift").click()
    expect(page.locator(".panel .badge")).to_have_text("Queued")
    page.get_by_role("button", name="Generate drift").click()
    expect(page.locator(".panel").get_by_text("An identical run is already under way.")).to_be_visible()
    page.evaluate("window.stayed = true")
    worker = site.database(DatabaseRole.WORKER)
    now = datetime.now(UTC)
    with worker.transaction(site.sample.northwind) as connection:
        ended = {"status": RunStatus.COMPLETED.value, "started_at": now, "finished_at": now, "total": 5, "succeeded": 5}
        queued = OperationRun.status == RunStatus.PENDING.value
        latest = select(OperationRun.id).where(queued).order_by(OperationRun.created_at.desc()).limit(1)
        connection.execute(
            update(OperationRun).where(OperationRun.id == latest.scalar_subquery()).values(**ended, processed=5)
        )
    expect(page.locator(".panel .badge")).to_have_text("Succeeded")
    assert page.evaluate("window.stayed") is True
    page.get_by_role("link", name="View run").click()
    expect(page.get_by_role("heading", name="Drift: generate")).to_be_visible()
