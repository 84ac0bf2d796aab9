"""Pages read with the login that cannot write: they are drawn although the other one may read nothing but people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from flows.registry import migration_folders
from monitoring_app.pages import page_paths
from monitoring_app.settings import HubSettings, OidcSettings
from monitoring_app.web.identity import Sessions
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.logins import ensure_login
from tests.integration.hub.conftest import SECRET
from tests.support.hub_features import add_features
from tests.support.hub_sample import fill, sample_id
from tests.support.hub_server import HubServer
from tests.support.page_client import tab
from tests.support.ports import free_port

EMAIL = "frank@fabrikam.example"
KNOWS_PEOPLE = "tenants, users, memberships, ended_sessions"


def other_login(url: str, role: DatabaseRole) -> str:
    """The same database by a new login of this role."""
    login = f"login_{uuid4().hex}"
    address = url.replace("//postgres@", f"//{login}@")
    assert address != url
    return address if ensure_login(url, address, role) == login else ""


def test_pages_read_with_the_login_that_cannot_write(
    new_database: Callable[..., str], template: str, tmp_path: Path
) -> None:
    url = new_database(template)
    fabrikam = fill(url).fabrikam
    add_features(url, fabrikam)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM tenantatlas_app")
        connection.execute(f"GRANT SELECT ON {KNOWS_PEOPLE} TO tenantatlas_app")  # type: ignore[arg-type]
        found = connection.execute("SELECT id FROM backup_sets WHERE tenant_id = %s", (fabrikam.tenant_id,)).fetchone()
        read = connection.execute("SELECT sync_id, policy_id FROM inventory_sync_policies LIMIT 1").fetchone()
        assert found is not None and read is not None
    port = free_port()
    settings = HubSettings(
        database_url=other_login(url, DatabaseRole.HUB),
        app_database_url=other_login(url, DatabaseRole.APP),
        public_url=f"http://127.0.0.1:{port}",
        session_secret=SECRET,
        producer_migrations=tuple(migration_folders()),
        oidc=OidcSettings("http://127.0.0.1:9", "hub", "not-a-real-one"),
    )
    admin = Database(url, DatabaseRole.ADMIN)
    user = Directory(admin).by_email(EMAIL)
    admin.dispose()
    assert user is not None
    own = f"tenant={fabrikam.slug}"
    addresses = [
        *(f"{page}?{own}" for page in sorted(page_paths())),
        f"/run?{own}&id={sample_id('fabrikam drift')}",
        f"/findings?{own}&run={sample_id('fabrikam drift')}",
        f"/inventory?{own}&sync={read[0]}",
        f"/backup-sets?{own}&set={found[0]}",
        f"/policy?{own}&id={read[1]}",
    ]
    with (
        HubServer(settings, tmp_path, port) as hub,
        tab(hub.url, Sessions(SECRET, 1).open(user.id)) as page,
    ):
        for address in addresses:
            shown = page.open(address)
            assert not shown.failed and "Fabrikam" in shown.text, (address, shown.text[-500:], hub.log[-2000:])
            # A refused statement is a sentence on the page, and no failure of its script.
            assert "SQLSTATE" not in shown.text, address
            for fragment, _ in shown.fragments:
                again = page.refresh(fragment, address)
                assert not again.failed and "SQLSTATE" not in again.text, address
        cookie = {"cookie": f"tenantatlas={Sessions(SECRET, 1).open(user.id)}"}
        first = httpx.get(f"{hub.url}/first.json?{own}", headers=cookie, trust_env=False, timeout=60)
        assert first.status_code == 200 and "Inventory: sync" in first.text
        assert "SQLSTATE" not in hub.log


@pytest.mark.parametrize("given", ["app", "hub"])
def test_a_hub_says_which_login_it_lacks(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from deployments.services.hub import hub_settings
    from deployments.settings import load_settings
    from runstore.errors import BadInputError

    for name in ("TENANTATLAS_DATABASE_URL", "TENANTATLAS_HUB_DATABASE_URL", "TENANTATLAS_APP_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"TENANTATLAS_{given.upper()}_DATABASE_URL", "postgresql://a@localhost/b")
    with pytest.raises(BadInputError, match="does not know its database" if given == "app" else "APP_DATABASE_URL"):
        hub_settings(load_settings(), demo=True)
