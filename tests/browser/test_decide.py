"""By keyboard alone, on a telephone's width: findings accepted and opened again, a rule tried, a policy's past looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from flows._policies.kept_words import allow_reveal
from flows.drift.register.reading import findings_document
from runstore.database import DatabaseRole
from runstore.tenancy import Role
from tests.browser.conftest import Site, sign_in
from tests.browser.screenshots import settled
from tests.conftest import Store
from tests.support.drift_runs import Runs, export, policy
from tests.support.hub_features import add_features

pytestmark = pytest.mark.browser

FOCUSED = """() => { let e = document.activeElement;
  while (e && e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement;
  if (!e) return "";
  const labels = e.labels && e.labels.length ? e.labels[0].textContent : "";
  return e.getAttribute("aria-label") || labels || e.textContent.trim(); }"""


def at_rest(page: Page) -> None:
    """Returns once what the last key asked for is drawn: elements that are drawn again lose the focus."""
    page.wait_for_timeout(200)  # until the browser knows that the script runs
    page.locator('[data-test-script-state="notRunning"]').wait_for()


def tab_to(page: Page, name: str) -> None:
    """Goes on with the tabulator until what has the focus is called so; at the page's end it begins at the top again."""
    at_rest(page)
    passed: list[str] = []
    for _ in range(250):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(FOCUSED)[:60])
        if re.fullmatch(rf"(keyboard_arrow_\w+)?{name}", passed[-1]):
            return
    raise AssertionError(f"{name} is not reached: {list(dict.fromkeys(passed))}")


def typed(page: Page, name: str, text: str) -> None:
    tab_to(page, name)
    page.keyboard.type(text)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_a_keyboard_decides_at_400_pixels(make_site: Callable[[], Site], page: Page, scheme: str) -> None:
    site = make_site()
    add_features(site.database_url, site.sample.northwind)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 400, "height": 860})
    sign_in(page, f"{site.url}/findings?tenant=northwind", "grace")
    settled(page)
    severity = page.get_by_label("Severity", exact=True)
    expect(severity).to_be_hidden()
    walk(page)
    # Somebody who was removed a second ago has the form still on the screen.
    page.goto(f"{site.url}/findings?tenant=northwind")
    tab_to(page, "Decide about findings")
    page.keyboard.press("Enter")
    typed(page, "Findings on this page", "CA001")
    page.keyboard.press("Escape")
    tab_to(page, "Decide")
    site.directory().revoke(site.sample.northwind, "grace@northwind.example")
    page.keyboard.press("Enter")
    expect(page.get_by_text("403 – not your tenant")).to_be_visible()
    found = findings_document(site.database(DatabaseRole.HUB), site.sample.northwind)["findings"]
    assert {one["status"] for one in found} == {"open"}


OLD, NEW = "kT9vXq2LmZr7WbYd4NcPs8", "Hj3FzRw8QxLp6VtGy5BnMd"


def test_an_owner_sees_an_opaque_word_once_and_only_where_it_is_allowed(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    store = Store(site.database_url, {role: site.database(role) for role in DatabaseRole})
    scope = store.tenant("woodgrove")
    for name, role in (("ada", Role.OWNER), ("grace", Role.OPERATOR), ("linus", Role.READONLY)):
        site.directory().grant(scope, f"{name}@northwind.example", role)
    allow_reveal(store.admin, scope, allowed=True)
    runs = Runs(store, scope)
    for number, value in enumerate((OLD, NEW)):
        runs.sync(export(tmp_path / str(number), [policy("11111111-0000-4000-8000-000000000001", value=value)]))
    runs.drift()

    def tab(person: str) -> Page:
        page = browser.new_page()
        sign_in(page, f"{site.url}/findings?tenant=woodgrove", person)
        expect(page.locator(".group").get_by_text("A policy", exact=True)).to_be_visible()
        return page

    for person in ("grace", "linus"):
        page = tab(person)
        expect(page.get_by_text("Reveal the chosen")).to_have_count(0)
        assert OLD not in page.content()
        page.close()
    page = tab("ada")
    page.get_by_text("Decide about findings").click()
    button, shown = page.get_by_role("button", name="Reveal the chosen finding's words"), page.locator(".notice")
    button.click()
    expect(shown).to_have_text("Choose the one finding whose opaque words you want to see.")
    # A list that opens while the page is still drawn is closed again.
    settled(page)
    page.get_by_label("Findings on this page").click()
    page.get_by_role("option", name=re.compile("A policy")).click()
    page.keyboard.press("Escape")
    button.click()
    expect(shown).to_contain_text(f"is {OLD}")
    expect(shown).to_contain_text(f"is {NEW}")
    page.get_by_label("Severity", exact=True).select_option("high")
    expect(shown).to_have_count(0)
    allow_reveal(store.admin, scope, allowed=False)
    button.click()
    expect(shown).to_contain_text("does not allow values to be revealed")
    page.close()


def walk(page: Page) -> None:
    tab_to(page, "Decide about findings")
    page.keyboard.press("Enter")
    tab_to(page, "Findings on this page")
    for name in ("CA001", "CA002"):
        page.keyboard.type(name)
        expect(page.get_by_role("option", name=re.compile(name))).to_be_visible()
        # Before an option is marked, the key closes the list and picks nothing.
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("stMultiSelect")).to_contain_text(name)
        at_rest(page)
    page.keyboard.press("Escape")
    typed(page, ".*Decision", "Accept")
    expect(page.get_by_label("Reason", exact=True).first).to_be_visible()
    tab_to(page, "month.*")
    page.keyboard.type("2")
    typed(page, "Reason", "agreed with security")
    tab_to(page, "Decide")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 findings now accepted.")).to_be_visible()
    tab_to(page, "Undo: open them again")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 findings now open.")).to_be_visible()
    tab_to(page, "Hide changes that nobody needs to see")
    page.keyboard.press("Enter")
    typed(page, "Name of policy", "CA*")
    tab_to(page, "Preview")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("^It would hide [0-9]+ changes"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    tab_to(page, "In the audit log")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    expect(page.get_by_text("drift.reopened").first).to_be_visible()
    page.go_back()
    tab_to(page, "History of the policy")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
