"""People walk through the hub: sign in by a link, filter, share, go back, follow a run, sign out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import update

from runstore.database import DatabaseRole
from runstore.runs.status import RunStatus
from runstore.schema import OperationRun
from tests.browser.conftest import Site, sign_in
from tests.support.outage import store_away
from tests.support.runs import RunSpec, add_runs

pytestmark = pytest.mark.browser


def rows(page: Page) -> object:
    return page.locator("table[aria-label=Runs] tbody tr")


def test_a_permalink_survives_the_sign_in_and_lands_on_the_run(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/r/northwind/{site.sample.partial}", "ada")
    expect(page.get_by_role("heading", name="Inventory: sync")).to_be_visible()
    assert page.url == f"{site.url}/run?tenant=northwind&id={site.sample.partial}"
    expect(page.get_by_text("35 succeeded")).to_be_visible()
    expect(page.get_by_text("Start it for a smaller scope")).to_be_visible()


def test_the_start_address_leads_to_the_operations_of_the_first_tenant(site: Site, page: Page) -> None:
    sign_in(page, site.url, "linus")
    page.wait_for_url(f"{site.url}/operations?tenant=northwind")
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()


def test_filters_live_in_the_address_and_survive_reload_sharing_and_back(
    site: Site, page: Page, context: BrowserContext
) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    page.get_by_role("link", name=re.compile("^Failed")).first.click()
    page.wait_for_url("**/operations?tenant=northwind&bucket=failed")
    expect(page.locator("table .badge", has_text="Succeeded")).to_have_count(0)
    page.get_by_label("Type").select_option(label="Drift: generate")
    page.wait_for_url("**/operations?tenant=northwind&bucket=failed&type=drift.generate")
    expect(page.locator("table .op", has_text="Inventory")).to_have_count(0)
    shared = page.url
    shown = page.locator("table .op").count()
    assert shown > 0

    page.reload()
    expect(page.locator("table .op")).to_have_count(shown)
    expect(page.locator("table .op", has_text="Inventory")).to_have_count(0)

    other = context.new_page()
    other.goto(shared)
    expect(other.locator("table .op")).to_have_count(shown)

    page.locator("table .op").first.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    page.go_back()
    page.wait_for_url(shared)
    expect(page.locator("table .op")).to_have_count(shown)
    page.get_by_role("link", name="Remove filter type").click()
    page.wait_for_url("**/operations?tenant=northwind&bucket=failed")
    page.go_back()
    page.wait_for_url(shared)
    expect(page.locator("table .op", has_text="Inventory")).to_have_count(0)


@pytest.mark.long
def test_the_fields_say_what_the_address_says_and_the_other_way_round(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind&q=x1&range=7d", "grace")
    search, times, refresh = (page.get_by_label(name, exact=True) for name in ("Run or item", "Time", "Refresh"))
    expect(search).to_have_value("x1")
    expect(times).to_have_value("range=7d")
    times.select_option(label="Was running at …")
    page.wait_for_url(re.compile("[?&]at="))
    moment = page.get_by_label("Moment (Europe/Berlin)")
    moment.fill("2026-07-01T12:30")
    page.wait_for_url(re.compile(r"[?&]at=2026-07-01T10(%3A|:)30"))
    expect(moment).to_have_value("2026-07-01T12:30")
    search.fill("")
    search.press_sequentially("rc & r")
    search.press("Enter")
    page.wait_for_url(re.compile(r"[?&]q=rc(%20|\+)%26(%20|\+)r"))
    expect(page.locator(".chip", has_text="search: rc & r")).to_be_visible()
    refresh.select_option(label="Off")
    remove = page.get_by_role("link", name="Remove filter search")
    # The links of the chips are the next run's, and come after the fields.
    expect(remove).to_have_attribute("href", re.compile("[?&]refresh=0"))
    remove.click()
    expect(search).to_have_value("")
    expect(refresh).to_have_value("0")
    page.go_back()
    expect(search).to_have_value("rc & r")


def test_letters_typed_into_a_field_are_no_commands(site: Site, page: Page) -> None:
    """Everywhere but in a field Streamlit takes an r for its command to run the script again."""
    said: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: said.append(frame)))
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    page.get_by_label("Refresh", exact=True).select_option(label="Off")
    page.wait_for_url("**refresh=0")
    # The menu comes with Streamlit; the list and its fields are there before.
    expect(page.locator("nav.menu")).to_be_visible()
    search = page.get_by_label("Run or item", exact=True)
    before, give_up_at = -1, time.monotonic() + 60
    while before != len(said):
        assert time.monotonic() < give_up_at, "the page does not come to rest"
        before = len(said)
        page.wait_for_timeout(1000)
    search.press_sequentially("rrrr")
    expect(search).to_have_value("rrrr")
    page.wait_for_timeout(1000)
    assert len(said) == before
    page.locator("h1").first.click()
    page.keyboard.press("r")
    give_up_at = time.monotonic() + 20
    while len(said) == before:
        assert time.monotonic() < give_up_at, "elsewhere it is one"
        page.wait_for_timeout(50)


def test_pages_go_both_ways_and_come_back_to_the_same_rows(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind&rows=25", "grace")
    first = page.locator("table tbody tr").all_inner_texts
    expect(page.locator("table tbody tr")).to_have_count(25)
    newest = page.locator("table tbody tr .mono").all_inner_texts()
    page.get_by_role("link", name="Older").click()
    expect(page.locator("table tbody tr .mono").first).not_to_have_text(newest[0])
    assert first() != newest
    page.get_by_role("link", name="Newer").click()
    expect(page.locator("table tbody tr .mono").first).to_have_text(newest[0])
    assert page.locator("table tbody tr .mono").all_inner_texts() == newest


def test_a_running_run_is_followed_to_its_end_without_reloading(make_site: Callable[[], Site], page: Page) -> None:
    site = make_site()
    sign_in(page, f"{site.url}/run?tenant=northwind&id={site.sample.running}", "ada")
    expect(page.locator(".badge.large")).to_have_text("Running")
    page.evaluate("window.stayed = true")
    worker = site.database(DatabaseRole.WORKER)
    finished = {"status": RunStatus.COMPLETED_WITH_ERRORS.value, "finished_at": datetime.now(UTC)}
    with worker.transaction(site.sample.northwind) as connection:
        connection.execute(
            update(OperationRun)
            .where(OperationRun.id == site.sample.running)
            .values(succeeded=182, processed=184, **finished)
        )
    worker.dispose()
    expect(page.locator(".badge.large")).to_have_text("Partially succeeded")
    expect(page.get_by_text("182 succeeded")).to_be_visible()
    assert page.evaluate("window.stayed") is True


def test_a_refresh_keeps_focus_selection_and_scroll_and_announces_newer_runs(
    make_site: Callable[[], Site], page: Page
) -> None:
    site = make_site()
    sign_in(page, f"{site.url}/operations?tenant=northwind", "grace")
    link = page.locator("table tbody tr .op").nth(20)
    expect(link).to_be_attached()
    # Streamlit has the list that stood before it: what comes now is newer.
    expect(page.locator(".ta-first")).to_have_count(0)
    link.scroll_into_view_if_needed()
    link.focus()
    focused = """() => { let e = document.activeElement; while (e && e.shadowRoot) e = e.shadowRoot.activeElement;
                         return e ? e.getAttribute('href') : null }"""
    before = page.evaluate(focused)
    top = link.bounding_box()
    assert before and top
    worker = site.database(DatabaseRole.WORKER)
    add_runs(worker, site.sample.northwind, [RunSpec(type="inventory.sync", created_at=datetime.now(UTC))])
    worker.dispose()
    expect(page.get_by_text("1 newer run – show")).to_be_attached(timeout=20_000)
    assert page.evaluate(focused) == before
    page.get_by_text("1 newer run – show").click()
    expect(page.get_by_text("1 newer run – show")).to_have_count(0)
    expect(page.locator("table tbody tr").first).to_contain_text("Succeeded")


def test_a_notification_is_marked_read_and_the_bell_follows(make_site: Callable[[], Site], page: Page) -> None:
    site = make_site()
    sign_in(page, f"{site.url}/notifications?tenant=northwind", "ada")
    bell = page.locator("nav.menu .count")
    expect(bell).to_have_text("6")
    page.get_by_role("button", name=re.compile("^Mark as read")).first.click()
    expect(bell).to_have_text("5")
    page.get_by_role("button", name="Mark all as read").click()
    expect(bell).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Mark"))).to_have_count(0)


def test_signing_out_ends_the_session_for_every_tab_and_for_the_back_button(
    site: Site, page: Page, context: BrowserContext
) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", "mary")
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    other = context.new_page()
    other.goto(f"{site.url}/notifications?tenant=northwind")
    expect(other.get_by_role("heading", name="Notifications")).to_be_visible()
    kept = context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    page.go_back()
    expect(page.locator("input[name=sub]")).to_be_visible()
    other.get_by_role("link", name="Operations").click()
    expect(other.get_by_text("Your session has ended")).to_be_visible()
    # Whoever kept the cookie has nothing either.
    context.add_cookies([cookie for cookie in kept if cookie["name"] == "tenantatlas"])
    page.goto(f"{site.url}/operations?tenant=northwind")
    expect(page.locator("input[name=sub]")).to_be_visible()


@pytest.mark.parametrize("person", ["stranger", "impostor"])
def test_somebody_without_a_grant_or_a_confirmed_email_stays_outside(site: Site, page: Page, person: str) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind", person)
    expect(page.get_by_role("heading", name="No access yet")).to_be_visible()


def test_a_removed_member_is_out_at_the_next_click(make_site: Callable[[], Site], page: Page) -> None:
    site = make_site()
    sign_in(page, f"{site.url}/operations?tenant=northwind", "linus")
    # The menu comes with Streamlit; the list is there before.
    expect(page.locator("nav.menu")).to_be_visible()
    site.directory().revoke(site.sample.northwind, "linus@northwind.example")
    page.get_by_role("link", name="Inventory", exact=True).click()
    expect(page.get_by_text("403 – not your tenant")).to_be_visible()
    answer = page.goto(f"{site.url}/operations?tenant=northwind")
    assert answer is not None and answer.status == 403


def test_a_store_that_goes_away_under_an_open_page_is_said_and_comes_back_without_reloading(
    site: Site, page: Page
) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind&bucket=failed", "grace")
    expect(page.locator("table[aria-label=Runs]")).to_be_visible()
    expect(page.locator("nav.menu")).to_be_visible()
    page.evaluate("window.stayed = true")
    with store_away(site.database_url):
        expect(page.get_by_text("the database that holds them does not answer").first).to_be_visible()
        page.get_by_role("link", name="Inventory", exact=True).click()
        expect(page.get_by_role("heading", name="The run store cannot be reached")).to_be_visible()
    expect(page.get_by_role("heading", name="Inventory")).to_be_visible()
    assert page.evaluate("window.stayed") is True


@pytest.mark.parametrize(
    ("person", "role", "may_start"),
    [
        ("ada", "owner", True),
        pytest.param("mary", "manager", True, marks=pytest.mark.long),
        pytest.param("grace", "operator", True, marks=pytest.mark.long),
        ("linus", "readonly", False),
    ],
)
def test_each_role_sees_the_hub_and_operators_and_up_the_way_into_prefect(
    site: Site, page: Page, person: str, role: str, may_start: bool
) -> None:
    sign_in(page, f"{site.url}/run?tenant=northwind&id={site.sample.partial}", person)
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.locator("nav.menu .role")).to_have_text(role)
    expect(page.get_by_role("link", name="Open in Prefect")).to_have_count(1 if may_start else 0)
