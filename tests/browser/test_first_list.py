"""The list stands on the page before Streamlit does, and Streamlit's takes its place without a reader noticing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect

from tests.browser.conftest import Site, sign_in
from tests.support.outage import store_away

pytestmark = pytest.mark.browser

EARLY = ".ta-first"
LOOK = """() => { const seen = (e) => { const box = e.getBoundingClientRect(), look = getComputedStyle(e);
    return [box.x, box.y, box.width, box.height, look.color, look.backgroundColor, look.fontSize].join() };
  const roots = [...document.querySelectorAll("*")].flatMap((e) => e.shadowRoot || []);
  return ["h1", "select", "input", ".tile", ".chart", "th", "tbody tr", "tbody .badge", "tbody .op", "tbody tr:nth-child(20)"]
    .map((s) => s + " " + seen(roots.map((root) => root.querySelector(s)).find((e) => e))); }"""


@contextmanager
def streamlit_held(page: Page, files: str = "**/_stcore/health") -> Generator[Callable[[], None]]:
    """In here, or until it is let go, the page's own part alone is on it: Streamlit's code does not hear from its server."""
    held: list[Route] = []
    released: list[bool] = []
    page.route(files, lambda route: route.continue_() if released else held.append(route))

    def release() -> None:
        released.append(True)
        while held:
            # One of a page that has been left since is over.
            with suppress(Error):
                held.pop().continue_()

    yield release
    release()


def opened(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator(f"{EARLY} tbody tr").first).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(2600, "light"), (1400, "dark"), (700, "dark"), (400, "light")])
def test_nothing_moves_or_changes_its_look_when_streamlit_is_there(
    site: Site, browser: Browser, width: int, scheme: Any
) -> None:
    viewport: Any = {"width": width, "height": 900}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, timezone_id="Asia/Tokyo")
    page = context.new_page()
    sign_in(page, f"{site.url}/operations?tenant=northwind&rows=25&refresh=0", "grace")
    expect(page.locator("nav.menu")).to_be_attached()
    with streamlit_held(page):
        opened(page, page.url)
        page.evaluate("document.fonts.ready")
        before: list[str] = page.evaluate(LOOK)
        chart = page.locator(".chart").inner_html()
        beside: str = page.locator(EARLY).evaluate("e => getComputedStyle(e).boxShadow")
    expect(page.locator(EARLY)).to_have_count(0)
    assert page.evaluate(LOOK) == before
    menu = page.get_by_test_id("stSidebar").evaluate("e => getComputedStyle(e).backgroundColor")
    assert beside.startswith(menu), "what stands beside the list has the side bar's colour"
    assert page.locator(".chart").inner_html() == chart, "days of the viewer's zone from the second visit on"
    expect(page.locator("h1")).to_have_count(1)
    context.close()


def test_what_was_done_to_the_first_list_stays_done(site: Site, page: Page) -> None:
    page.set_viewport_size({"width": 600, "height": 500})
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    expect(page.locator("h1")).to_be_visible()
    with streamlit_held(page):
        opened(page, f"{site.url}/operations?tenant=northwind&q=i&refresh=0")
        page.get_by_role("button", name="Filters (1)").click()
        search = page.get_by_label("Run or item", exact=True)
        search.press("End")
        search.press_sequentially("nven")
        page.locator(EARLY).evaluate("e => { e.scrollTop = 333 }")
        top = page.locator("tbody tr").nth(3).bounding_box()
    expect(page.locator(EARLY)).to_have_count(0)
    page.wait_for_timeout(1000)
    expect(search).to_be_focused()
    expect(search).to_have_value("inven")
    assert "q=i&" in page.url, "typing is no choice"
    after = page.locator("tbody tr").nth(3).bounding_box()
    assert top and after and abs(after["y"] - top["y"]) < 3
    page.keyboard.press("Enter")
    page.wait_for_url("**/operations?*q=inven*")


def test_links_fields_and_keys_of_the_first_list_work(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    expect(page.locator("h1")).to_be_visible()
    with streamlit_held(page):
        opened(page, f"{site.url}/operations?tenant=northwind&rows=50")
        expect(page.locator("tbody tr")).to_have_count(25)
        page.get_by_label("Type").select_option(label="Drift: generate")
        page.wait_for_url("**/operations?tenant=northwind&type=drift.generate*")
        expect(page.locator(f"{EARLY} .chip", has_text="type")).to_be_visible()
        expect(page.locator("tbody .op", has_text="Inventory")).to_have_count(0)
        page.keyboard.press("j")
        expect(page.locator("tbody .op").first).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url("**/run?tenant=northwind&id=*")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    page.get_by_role("link", name="All operations").click()
    expect(page.locator("tbody .op").first).to_be_focused()


def test_whoever_is_removed_meanwhile_loses_the_first_list(make_site: Callable[[], Site], page: Page) -> None:
    site = make_site()
    sign_in(page, f"{site.url}/operations?tenant=northwind", "linus")
    expect(page.locator("h1")).to_be_visible()
    with streamlit_held(page):
        opened(page, page.url)
        site.directory().revoke(site.sample.northwind, "linus@northwind.example")
    expect(page.get_by_text("403 – not your tenant")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(0)


def test_a_first_list_that_is_never_taken_over_says_that_it_stands_still(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    expect(page.locator("nav.menu")).to_be_visible()
    said = page.get_by_role("status").filter(has_text="the list is as it was when you opened it")
    page.clock.install()
    with streamlit_held(page):
        opened(page, page.url)
        page.clock.fast_forward(19_000)
        expect(said).to_have_count(0)
        page.clock.fast_forward(2_000)
        expect(said).to_be_visible()
    page.clock.resume()
    expect(page.locator(EARLY)).to_have_count(0)
    expect(said).to_have_count(0)


def test_the_list_is_heard_once_however_slow_the_line(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    expect(page.locator("nav.menu")).to_be_visible()

    def heard() -> None:
        said = page.locator("body").aria_snapshot()
        assert said.count('heading "Operations"') == said.count("table") == 1 and "loading" not in said, said

    with streamlit_held(page, "**/static/**/*.js"):
        page.reload(wait_until="commit")
        expect(page.locator(f"{EARLY} tbody tr").first).to_be_visible()
        heard()
    expect(page.locator("nav.menu")).to_be_visible()
    expect(page.locator(EARLY)).to_have_count(0)
    heard()


@pytest.mark.parametrize("answer", [{"status": 200, "body": "<p>Sign in</p>"}, {"status": 503}, None])
def test_without_a_first_list_the_page_comes_as_any_other(
    site: Site, page: Page, answer: dict[str, Any] | None
) -> None:
    """A proxy's own page in its place, a store that is away, or no answer at all."""
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    expect(page.locator("nav.menu")).to_be_visible()
    page.route("**/first.json*", lambda route: route.fulfill(**answer) if answer else route.abort())
    page.reload()
    expect(page.locator("nav.menu")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.locator(EARLY)).to_have_count(0)


def test_a_store_that_goes_away_meanwhile_is_said_in_place_of_the_first_list(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    expect(page.locator("h1")).to_be_visible()
    with streamlit_held(page) as release:
        opened(page, page.url)
        with store_away(site.database_url):
            release()
            expect(page.get_by_role("heading", name="The run store cannot be reached")).to_be_visible()
            expect(page.locator("tbody tr")).to_have_count(0)
    expect(page.locator("tbody tr").first).to_be_visible()
