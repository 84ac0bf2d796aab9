"""A real browser, a real OIDC provider and a hub over a filled store, shared by the browser tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from flows.registry import migration_folders
from monitoring_app.settings import HubSettings, OidcSettings
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from tests.support.chromium import ARGUMENTS, NoBrowserError, chromium
from tests.support.hub_sample import Sample, fill
from tests.support.hub_server import HubServer
from tests.support.oidc_provider import oidc_provider
from tests.support.ports import free_port

SECRET = "x" * 48
# A shared machine may need many times what a page takes by itself; nothing waits longer than it has to.
expect.set_options(timeout=20_000)
PEOPLE = ("ada", "grace", "linus", "mary")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Its driver keeps an event loop in the process, so it is gone before another file's tests want one."""
    try:
        path = chromium()
    except NoBrowserError as problem:
        pytest.fail(str(problem))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield started
        started.close()


@dataclass(frozen=True)
class Site:
    """A hub with sign-in, its store and its sample."""

    hub: HubServer
    database_url: str
    sample: Sample
    opened: list[Database] = field(default_factory=list[Database])

    @property
    def url(self) -> str:
        return self.hub.url

    def directory(self) -> Directory:
        return Directory(self.database(DatabaseRole.ADMIN))

    def database(self, role: DatabaseRole) -> Database:
        """Connections under a role, closed with the site."""
        self.opened.append(Database(self.database_url, role))
        return self.opened[-1]


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """The address of a provider that vouches for the sample's people."""
    emails = {name: (f"{name}@northwind.example", True) for name in PEOPLE} | {
        "frank": ("frank@fabrikam.example", True),
        "stranger": ("stranger@elsewhere.example", True),
        "impostor": ("ada@northwind.example", False),
    }
    users = {name: {"email": email, "email_verified": verified} for name, (email, verified) in emails.items()}
    with oidc_provider(users) as address:
        yield address


@pytest.fixture(scope="session")
def make_site(
    new_database: Callable[..., str], template: str, issuer: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Site]]:
    """Makes a hub over a store of its own; all are gone at the end."""
    running: list[Site] = []

    def make() -> Site:
        url = new_database(template)
        sample = fill(url)
        port = free_port()
        settings = HubSettings(
            database_url=url,
            public_url=f"http://127.0.0.1:{port}",
            session_secret=SECRET,
            producer_migrations=tuple(migration_folders()),
            oidc=OidcSettings(issuer, "hub", "not-a-real-one"),
            prefect_ui_url="http://127.0.0.1:4200",
        )
        hub = HubServer(settings, Path(tmp_path_factory.mktemp("hub")), port)
        hub.__enter__()
        running.append(Site(hub, url, sample))
        return running[-1]

    yield make
    for site in running:
        site.hub.__exit__()
        for database in site.opened:
            database.dispose()


@pytest.fixture(scope="session")
def site(make_site: Callable[[], Site]) -> Site:
    """The hub that tests share; those that change memberships or rows make their own."""
    return make_site()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile without cookies."""
    opened = browser.new_context(viewport={"width": 1400, "height": 1000}, timezone_id="Europe/Berlin")
    opened.set_default_timeout(20_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()


def sign_in(page: Page, address: str, person: str) -> None:
    """Opens the address and signs in at the provider as that person."""
    page.goto(address)
    page.locator("input[name=sub]").fill(person)
    page.get_by_role("button", name="Authorize", exact=True).click()
