"""A mouse reaches every link and button: what is on the page lies under nothing else, and back leads to where one was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, sign_in
from tests.browser.screenshots import settled

pytestmark = pytest.mark.browser

LISTEN = """() => { window.reached = null;
  addEventListener("click", (event) => {
    window.reached = event.composedPath(); event.preventDefault(); event.stopImmediatePropagation();
  }, { capture: true }); }"""
"""A click goes no further than here, so that one page can be clicked all over."""

CONTROLS = """() => {
  const found = [], walk = (node) => {
    for (const e of node.querySelectorAll("*")) {
      const shown = e.checkVisibility({ visibilityProperty: true });
      // The way past the menu is for the keyboard: it shows when it has the focus.
      if (shown && !e.matches(".ta-skip") && e.matches("a[href], button:not([disabled]), summary, input, select")) found.push(e);
      if (e.shadowRoot) walk(e.shadowRoot);
    }
  };
  walk(document);
  window.controls = found;
  return found.length;
}"""

PLACE = """(n) => { const e = window.controls[n]; e.scrollIntoView({ block: n % 2 ? "center" : "nearest" });
  const box = e.getClientRects()[0]; window.reached = null;
  const name = e.getAttribute("aria-label") || e.textContent.trim() || e.outerHTML.slice(0, 120);
  return box ? { x: box.x + box.width / 2, y: box.y + box.height / 2, width: innerWidth, name } : null; }"""

HIT = "(n) => !!window.reached && window.reached.includes(window.controls[n])"

FOCUSED = """() => { let e = document.activeElement; while (e && e.shadowRoot) e = e.shadowRoot.activeElement;
                     return e ? e.getAttribute('href') : null }"""


def unreached(page: Page) -> list[str]:
    """The names of the links, buttons and fields of the page that a click at their middle does not reach."""
    missed: list[str] = []
    for number in range(page.evaluate(CONTROLS)):
        at: dict[str, Any] | None = page.evaluate(PLACE, number)
        # A side bar that is folded away stands beside the window.
        if at is None or not 0 <= at["x"] < at["width"]:
            continue
        page.mouse.click(at["x"], at["y"])
        if not page.evaluate(HIT, number):
            missed.append(at["name"])
    return missed


PLACES = ("operations", "run", "schedules", "notifications", "drift", "findings", "inventory", "backup-sets", "audit")
LONG = pytest.mark.long
VISITS = [
    # The two that are looked at most at every width; the others as each role sees them at one.
    ("ada", ("operations", "run"), (1920, 400)),
    ("linus", PLACES[2:], (1400,)),
    pytest.param("ada", PLACES, (1920, 1400, 400), marks=LONG),
    pytest.param("mary", PLACES, (1400, 400), marks=LONG),
    pytest.param("grace", PLACES, (1400, 400), marks=LONG),
    pytest.param("linus", PLACES, (1920, 1400, 400), marks=LONG),
]


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("person", "places", "widths"), VISITS)
def test_a_mouse_reaches_every_link_and_button(
    site: Site, page: Page, person: str, places: Sequence[str], widths: Sequence[int]
) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind&rows=25", person)
    asked = {"operations": "&rows=25", "run": f"&id={site.sample.partial}"}
    missed: list[str] = []
    for place in places:
        settled(page)
        page.goto(f"{site.url}/{place}?tenant=northwind{asked.get(place, '')}")
        settled(page)
        page.evaluate(LISTEN)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            # On a narrow page the side bar folds away, in a third of a second.
            page.wait_for_timeout(1000)
            missed += [f"{place} at {width}: {name}" for name in unreached(page)]
    assert missed == []


@pytest.mark.parametrize("way", ["link", "browser"])
def test_back_leads_to_the_same_view_at_the_same_row(site: Site, page: Page, way: str) -> None:
    sign_in(page, f"{site.url}/operations?tenant=northwind&bucket=succeeded", "grace")
    settled(page)
    page.get_by_label("Refresh", exact=True).select_option(label="Off")
    row = page.locator("table tbody tr .op").nth(30)
    row.scroll_into_view_if_needed()
    href, before = row.get_attribute("href"), row.bounding_box()
    row.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    back = page.get_by_role("link", name="All operations")
    box = back.bounding_box()
    assert box and before
    if way == "link":
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    else:
        page.go_back()
    page.wait_for_url(f"{site.url}/operations?tenant=northwind&bucket=succeeded&refresh=0")
    expect(row).to_be_focused()
    page.wait_for_timeout(1000)
    assert page.evaluate(FOCUSED) == href
    after = row.bounding_box()
    assert after and abs(after["y"] - before["y"]) < 3


def test_another_tenant_chosen_on_a_runs_page_leads_to_its_list(site: Site, page: Page) -> None:
    sign_in(page, f"{site.url}/run?tenant=northwind&id={site.sample.partial}", "ada")
    expect(page.get_by_role("navigation", name="Runs of the same operation and scope")).to_be_visible()
    page.get_by_label("Tenant", exact=False).first.click()
    page.get_by_role("option", name="Fabrikam Manufacturing").click()
    page.wait_for_url(f"{site.url}/operations?tenant=fabrikam")
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
