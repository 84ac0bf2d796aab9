"""Every address there is, for everyone who has no business there: what they get never depends on what is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from starlette.routing import Route
from websockets.exceptions import InvalidStatus

from monitoring_app import runtime
from monitoring_app.asgi import routes
from monitoring_app.pages import page_paths
from monitoring_app.settings import HubSettings
from monitoring_app.web.addresses import is_public
from runstore.database import Database, DatabaseRole
from runstore.tenancy import Role, TenantScope
from tests.integration.hub.conftest import Site
from tests.support.hub_sample import sample_id
from tests.support.page_client import PageClient, tab

VISITORS = ("of another tenant", "of no tenant", "removed", "signed out")
WORDS = ("fabrikam", "northwind", "frank", "inventory.sync", "baseline", "quarterly")
"""What only rows and memberships could tell."""


def all_routes() -> list[Route]:
    """The hub's own routes that ask who is there; a new one is in the matrix without being listed."""
    hub = runtime.build(HubSettings(database_url="postgresql://nobody@127.0.0.1:9/none", demo=True))
    return [route for route in routes(hub) if not is_public(route.path) and "GET" in (route.methods or ())]


def addresses(slug: str, things: dict[str, object]) -> list[str]:
    """Every page, route and kind of thing of one tenant."""
    found = [f"{page}?tenant={slug}" for page in sorted(page_paths())]
    for page, name in (
        ("run", "id"),
        ("findings", "run"),
        ("inventory", "sync"),
        ("backup-sets", "set"),
        ("policy", "id"),
    ):
        found.append(f"/{page}?tenant={slug}&{name}={things['policy' if page == 'policy' else name]}")
    found.append(f"/operations?tenant={slug}&bucket=failed&q={things['id']}&rows=25")
    found.append(f"/operations?tenant={slug}&attention=1&scope=quarterly&reason=timed_out")
    for route in all_routes():
        for kind in ("csv", "json") if "{kind}" in route.path else ("",):
            path = route.path.format(slug=slug, run_id=things["id"], kind=kind)
            found.append(path if "{slug}" in route.path else f"{path}?tenant={slug}&id={things['id']}")
    return found


@pytest.fixture(scope="module")
def cases(site: Site) -> list[tuple[str, dict[str, object]]]:
    """The same addresses thrice: what is there, what is not there in a tenant that is, and a tenant that is not."""
    theirs = {
        "id": site.sample.foreign,
        "run": sample_id("fabrikam drift"),
        "sync": one(site, site.sample.fabrikam, "SELECT id FROM inventory_syncs LIMIT 1"),
        "set": one(site, site.sample.fabrikam, "SELECT id FROM backup_sets LIMIT 1"),
    }
    theirs["policy"] = one(site, site.sample.fabrikam, "SELECT policy_id FROM inventory_sync_policies LIMIT 1")
    made_up = {name: uuid4() for name in theirs}
    return [("fabrikam", {**theirs}), ("fabrikam", {**made_up}), ("no-such-tenant", {**made_up})]


def one(site: Site, scope: TenantScope, query: str) -> UUID:
    database = Database(site.database_url, DatabaseRole.APP)
    with database.transaction(scope) as connection:
        found: UUID = connection.execute(text(query)).scalar_one()
    database.dispose()
    return found


@pytest.fixture(scope="module")
def sessions(site: Site) -> dict[str, str | None]:
    """Each visitor's session; the removed one was a member when it began."""
    mail = {"of no tenant": "none@elsewhere.example", "removed": "removed@elsewhere.example"}
    for email in mail.values():
        site.directory.grant(site.sample.fabrikam, email, Role.OWNER)
    mail["of another tenant"] = "linus@northwind.example"
    opened: dict[str, str | None] = {who: site.sessions.open(site.user_id(email)) for who, email in mail.items()}
    site.directory.revoke(site.sample.fabrikam, mail["of no tenant"])
    return {**opened, "signed out": None}


@pytest.fixture(scope="module")
def tabs(site: Site, sessions: dict[str, str | None]) -> Iterator[dict[str, PageClient]]:
    """An open page of each visitor who can have one; the removed one is removed with the page open."""
    with ExitStack() as stack:
        found = {who: stack.enter_context(tab(site.hub.url, session)) for who, session in sessions.items() if session}
        assert not found["removed"].open("/operations?tenant=fabrikam").failed
        found["of another tenant"].open("/operations?tenant=northwind")
        site.directory.revoke(site.sample.fabrikam, "removed@elsewhere.example")
        yield found


def asked(site: Site) -> tuple[str, ...]:
    return tuple(statement for statement in site.hub.statements() if "set_config" not in statement)


@pytest.mark.parametrize("who", VISITORS)
def test_no_address_tells_what_is_there(
    site: Site, cases: Any, sessions: dict[str, str | None], tabs: dict[str, PageClient], who: str
) -> None:
    """Status, body, headers and the questions asked of the store are equal for each address: no row, count, name or time."""
    client = site.visitor()
    if sessions[who]:
        client.cookies.set("tenantatlas", str(sessions[who]))
    answers: list[dict[str, Any]] = []
    for slug, things in cases:
        site.hub.statements()
        found: dict[str, Any] = {}
        for number, address in enumerate(addresses(slug, things)):
            answer = client.get(address)
            said = answer.text.lower()
            assert not any(word in said for word in WORDS), address
            headers = sorted((k, v) for k, v in answer.headers.items() if k not in ("date", "location"))
            found[str(number)] = (answer.status_code, said, tuple(headers), asked(site))
        answers.append(found)
    assert answers[0] == answers[1] == answers[2]
    statuses = {status for status, *_ in answers[0].values()}
    assert statuses == ({401, 302} if who == "signed out" else {403})


@pytest.mark.parametrize("who", VISITORS[:-1])
def test_no_page_script_tells_what_is_there(site: Site, cases: Any, tabs: dict[str, PageClient], who: str) -> None:
    """The same inside the app, where addresses change without a request: also choices of filters, and what refreshes."""
    seen: set[Any] = set()
    for slug, things in cases:
        for address in addresses(slug, things):
            if address.partition("?")[0] not in page_paths():
                continue
            site.hub.statements()
            shown = tabs[who].open(address)
            assert not shown.failed and "403" in shown.text and shown.fragments == []
            assert not any(word in shown.text.lower() for word in WORDS), address
            seen.add((shown.text, asked(site)))
    assert len(seen) == 1


def test_nobody_signed_out_gets_a_page_script(site: Site) -> None:
    with pytest.raises(InvalidStatus) as refused, tab(site.hub.url, ""):
        pass
    assert refused.value.response.status_code == 403
