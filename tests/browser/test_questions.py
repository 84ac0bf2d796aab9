"""What people ask of the hub in the morning, each answered in at most two clicks from the page it opens with."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from runstore.database import DatabaseRole
from runstore.reasons import CRASHED, TIMED_OUT
from runstore.runs.status import RunStatus
from runstore.schedules import Mirrored, ScheduleMirror, StoppedBy
from runstore.tenancy import Trigger
from tests.browser.conftest import Site, sign_in
from tests.browser.screenshots import settled
from tests.support.runs import RunSpec, add_runs

pytestmark = pytest.mark.browser
MOST = 2
KIOSKS, PHONES, LAPTOPS = "windows-kiosks", "ios-field-service", "windows-laptops"
WANTED = UUID("64140fe8-2b1d-4c55-9e0f-7d1a2b3c4d5e")


def night(site: Site) -> None:
    """What became of three scopes: one failed and works again, one fails still, one did not run."""
    now = datetime.now(UTC)

    def sync(scope: str, hours_ago: float, version: str = "1.4.0", **more: Any) -> RunSpec:
        told: dict[str, Any] = {"total": 46, "succeeded": 46, "trigger": Trigger.SCHEDULE, "initiated_by": "schedule"}
        context = {"scope": scope, "source": "graph", "version": version}
        return RunSpec(created_at=now - timedelta(hours=hours_ago), context=context, **{**told, **more})

    crashed: dict[str, Any] = {"status": RunStatus.FAILED, "total": 1, "succeeded": 0, "failures": [CRASHED.failure()]}
    late = [TIMED_OUT.failure(f"Field service {n}", seconds=120) for n in range(3)]
    partial: dict[str, Any] = {
        "status": RunStatus.COMPLETED_WITH_ERRORS,
        "total": 46,
        "succeeded": 43,
        "failures": late,
    }
    runs = [
        sync(KIOSKS, 33, "1.3.0"),
        sync(KIOSKS, 9, id=WANTED, **crashed),
        sync(KIOSKS, 2, trigger=Trigger.USER, initiated_by="grace@northwind.example"),
        sync(PHONES, 34),
        sync(PHONES, 10, **partial),
        sync(PHONES, 1, **partial),
        sync(LAPTOPS, 51),
    ]
    for one in runs:
        add_runs(site.database(DatabaseRole.WORKER), site.sample.northwind, [one])
    due = (now - timedelta(hours=3)).isoformat()
    ScheduleMirror(site.database(DatabaseRole.RELAY)).replace(
        [
            Mirrored("northwind", str(uuid4()), "inventory", "sync", LAPTOPS, None, "0 3 * * *", "UTC", StoppedBy.WORKER, 86400,
                     due, (now + timedelta(hours=21)).isoformat()),
        ]
    )  # fmt: skip


def test_each_question_takes_two_clicks_at_most(make_site: Callable[[], Site], page: Page) -> None:
    site = make_site()
    night(site)
    sign_in(page, f"{site.url}/operations?tenant=northwind", "linus")
    clicks: list[str] = []

    def asked() -> None:
        """Another question: back on the page that the hub opens with."""
        clicks.clear()
        page.goto(f"{site.url}/operations?tenant=northwind")
        settled(page)

    def click(what: Locator) -> None:
        clicks.append(str(what))
        assert len(clicks) <= MOST, clicks
        what.click()

    def row(*said: str) -> Locator:
        found = page.locator("tbody tr")
        for one in said:
            found = found.filter(has_text=one)
        return found

    tile = page.get_by_role("navigation", name="Runs by status").get_by_role("link")

    # What failed last night and why?
    asked()
    click(tile.filter(has_text=re.compile("^Failed")))
    expect(row("Succeeded")).to_have_count(0)
    expect(row(KIOSKS, "9 h ago")).to_contain_text(CRASHED.meaning[:40])
    click(row(KIOSKS).get_by_role("link"))
    expect(page.get_by_text(CRASHED.next_step)).to_be_visible()

    # Is it still failing?
    asked()
    click(tile.filter(has_text="Needs attention"))
    expect(row(KIOSKS)).to_have_count(0)
    expect(row(PHONES)).to_contain_text(TIMED_OUT.meaning)
    expect(row(PHONES)).to_contain_text("1 h ago")
    asked()
    click(row("64140fe8").get_by_role("link"))
    expect(page.get_by_role("link", name="Next of its kind: succeeded")).to_contain_text("2 h ago")

    # What is overdue?
    asked()
    expect(page.get_by_text(f"Inventory: sync · {LAPTOPS} did not run when due. No worker")).to_be_visible()
    click(page.get_by_role("link", name="Schedules").last)
    expect(row(LAPTOPS)).to_contain_text("Did not run")
    expect(row(LAPTOPS)).to_contain_text("due 3 h ago")
    expect(row(LAPTOPS)).to_contain_text("No worker of its work pool is online.")
    # When did this scope last succeed?
    expect(row(LAPTOPS)).to_contain_text("2 days ago")
    asked()
    click(row(PHONES, "1 h ago").get_by_role("link"))
    expect(page.get_by_role("link", name="Last succeeded before this")).to_contain_text("yesterday")

    # What changed since?
    asked()
    click(row("64140fe8").get_by_role("link"))
    since = page.get_by_text(re.compile("^Since it last worked, "))
    expect(since).to_contain_text("1 failed that did not then")
    expect(since).to_contain_text(CRASHED.meaning.rstrip("."))
    expect(since).to_contain_text("version 1.4.0 of the software instead of 1.3.0")

    # Who started it?
    asked()
    expect(row(KIOSKS, "2 h ago")).to_contain_text("grace@northwind.example")

    # Where is run 64140fe8?
    asked()
    search = page.get_by_label("Run or item", exact=True)
    click(search)
    page.keyboard.type("64140fe8")
    page.keyboard.press("Enter")
    expect(row()).to_have_count(1)
    click(row("64140fe8").get_by_role("link"))
    expect(page.locator(".facts").get_by_text(str(WANTED))).to_be_visible()
