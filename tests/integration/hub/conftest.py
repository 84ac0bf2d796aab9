"""A hub over a filled store, spoken to as a browser would, without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from flows.registry import migration_folders
from monitoring_app.settings import HubSettings, OidcSettings
from monitoring_app.web.identity import Sessions
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from tests.support.hub_features import add_features
from tests.support.hub_sample import Sample, fill
from tests.support.hub_server import HubServer
from tests.support.ports import free_port

SECRET = "s" * 48


@dataclass
class Site:
    """The hub, its store, and visitors by email."""

    hub: HubServer
    database_url: str
    sample: Sample
    sessions: Sessions
    directory: Directory
    open_clients: list[httpx.Client] = field(default_factory=list)

    def user_id(self, email: str) -> UUID:
        user = self.directory.by_email(email)
        assert user is not None
        return user.id

    def visitor(self, email: str | None = None) -> httpx.Client:
        """Someone with a session, or (None) without one."""
        cookies = {"tenantatlas": self.sessions.open(self.user_id(email))} if email else {}
        client = httpx.Client(base_url=self.hub.url, cookies=cookies, trust_env=False, timeout=60)
        self.open_clients.append(client)
        return client


@pytest.fixture(scope="session")
def site(new_database: Callable[..., str], template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url = new_database(template)
    sample = fill(url)
    add_features(url, sample.northwind)
    add_features(url, sample.fabrikam)
    port = free_port()
    settings = HubSettings(
        database_url=url,
        public_url=f"http://127.0.0.1:{port}",
        session_secret=SECRET,
        producer_migrations=tuple(migration_folders()),
        oidc=OidcSettings("http://127.0.0.1:9", "hub", "not-a-real-one"),
    )
    admin = Database(url, DatabaseRole.ADMIN)
    with HubServer(settings, Path(tmp_path_factory.mktemp("hub")), port) as hub:
        made = Site(hub, url, sample, Sessions(SECRET, 1), Directory(admin))
        yield made
        for client in made.open_clients:
            client.close()
    admin.dispose()
