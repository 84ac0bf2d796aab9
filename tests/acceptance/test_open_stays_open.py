"""Drift from the first sync to the last, as people and pipelines see it: page, command, report, JSON and gate agree all the way."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from flows.registry import migration_folders
from monitoring_app.settings import HubSettings
from runstore.database import DatabaseRole
from runstore.directory import Directory
from runstore.tenancy import Role
from tests.support.chromium import ARGUMENTS, chromium
from tests.support.command_line import CommandLine, Outcome
from tests.support.drift_runs import export, policy
from tests.support.hub_server import HubServer
from tests.support.stack import StackUnderTest

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]
MANY = 17
SLUG, PERSON = "open-stays", "kim@open.example"
IDS = [f"{n:08}-0000-4000-8000-000000000000" for n in range(MANY)]


@pytest.fixture
def command(stack: StackUnderTest, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs a command on the tenant, in this process: thirty processes of their own would take most of the time."""
    run = CommandLine(stack.running.settings.home, capsys, stack.running.environment)
    return lambda *words: run(*words, "--tenant", SLUG)


@pytest.fixture
def page(stack: StackUnderTest, tmp_path: Path) -> Iterator[Page]:
    """The Findings page of the tenant, of somebody who may decide."""
    scope = stack.tenant(SLUG)
    Directory(stack.database(DatabaseRole.ADMIN)).grant(scope, PERSON, Role.OPERATOR)
    settings = HubSettings(
        database_url=stack.running.database_url, demo=True, producer_migrations=tuple(migration_folders())
    )
    with HubServer(settings, tmp_path) as hub, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.set_default_timeout(60_000)
        opened.goto(f"{hub.url}/findings?tenant={SLUG}")
        opened.get_by_role("button", name=PERSON).click()
        opened.get_by_role("heading", name="Findings").wait_for()
        yield opened
        browser.close()


def test_open_stays_open_until_somebody_decides_or_it_is_undone(
    command: Callable[..., Outcome], page: Page, tmp_path: Path
) -> None:
    compared = 0

    def synced(value: int, **others: int) -> None:
        """A sync in which every policy has `value`, but for those of `others` by their place, and a comparison where one can be."""
        nonlocal compared
        compared += 1
        values = [others.get(f"at{place}", value) for place in range(MANY)]
        bodies = [policy(one, f"Policy {one[:8]}", at) for one, at in zip(IDS, values, strict=True)]
        folder = export(tmp_path / f"sync-{compared}", bodies)
        done = command("inventory", "sync", "--source", f"folder:{folder}", "--wait")
        assert done.code == 0, done.err
        if compared > 1:
            done = command("drift", "generate", "--wait")
            assert done.code == 0, done.err

    def is_open(expected: int) -> set[str]:
        """The open findings' ids, all ways of asking for them having said that they are so many."""
        document: dict[str, Any] = command("drift", "findings", "--json").document
        found = {one["id"] for one in document["findings"]}
        assert (len(found), document["total"]) == (expected, expected)
        said = command("drift", "findings").out
        assert all((f"Policy {one['policy_id'][:8]}" in said) for one in document["findings"])
        report = tmp_path / "report.csv"
        assert command("drift", "report", "--format", "csv", "--output", str(report)).code == 0
        with report.open(encoding="utf-8-sig", newline="") as file:
            assert {row["finding"] for row in csv.DictReader(file)} == found
        assert command("drift", "findings", "--fail-on", "info").code == (1 if expected else 0)
        page.reload()
        if expected:
            expect(page.get_by_text(re.compile(rf"^1–{expected} of {expected}$"))).to_be_visible()
        else:
            expect(page.get_by_role("heading", name="Nothing is open")).to_be_visible()
        return found

    synced(1)
    synced(2)
    first = is_open(MANY)
    for _ in range(5):
        synced(2)
        assert is_open(MANY) == first

    page.get_by_text("Decide about findings").click()
    page.get_by_label("Findings on this page").click()
    page.get_by_role("option", name=re.compile("Policy 00000003")).click()
    page.keyboard.press("Escape")
    page.get_by_label("Decision", exact=False).click()
    page.get_by_role("option", name="Accept").click()
    page.get_by_label("Reason", exact=True).fill("tuned on purpose")
    page.get_by_role("button", name="Decide", exact=True).click()
    expect(page.get_by_text("1 finding now accepted.")).to_be_visible()
    assert is_open(MANY - 1) < first
    synced(2, at3=9)
    assert is_open(MANY) == first
    synced(1)
    assert is_open(0) == set()
    resolved = command("drift", "findings", "--state", "resolved", "--json").document
    assert {one["id"] for one in resolved["findings"]} == first
