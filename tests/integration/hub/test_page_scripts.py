"""The pages' own scripts, over the socket a browser uses: bounded questions, no foreign row, no traceback."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from flows.backup.sets import create_set
from monitoring_app.pages import page_paths
from monitoring_app.web.identity import Sessions
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.run import RelatedLink
from runstore.runs.status import RunStatus
from runstore.tenancy import Role, TenantScope
from tests.integration.hub.conftest import SECRET, Site
from tests.support.hub_features import add_features
from tests.support.hub_sample import sample_id
from tests.support.hub_server import KEPT
from tests.support.page_client import PageClient, Shown, tab
from tests.support.runs import RunSpec, add_notification, add_runs

LINUS, FRANK = "linus@northwind.example", "frank@fabrikam.example"
HOSTILE_NAMES = (
    "**bold** [x](http://evil.example) ![i](http://evil.example/i.png)",
    "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "$\\int_0^1$ :material/delete: :red[x]",
    "=1+1",
)


def addresses(slug: str, run: object) -> list[str]:
    """Every page, and every kind of one thing on a page."""
    return [
        *(f"{page}?tenant={slug}" for page in sorted(page_paths())),
        f"/operations?tenant={slug}&bucket=failed&q={run}&rows=25",
        f"/operations?tenant={slug}&type=inventory.sync&range=7d&rows=250",
        f"/run?tenant={slug}&id={run}",
        f"/findings?tenant={slug}&run={sample_id(slug + ' drift')}",
        f"/inventory?tenant={slug}&sync={run}",
        f"/backup-sets?tenant={slug}&set={run}",
    ]


def asked(site: Site) -> list[str]:
    return [statement for statement in site.hub.statements() if "set_config" not in statement]


def each_time(statements: list[str]) -> tuple[str, ...]:
    """Those of them that every opening asks, whenever it is."""
    return tuple(statement for statement in statements if not statement.startswith(KEPT))


@pytest.fixture
def linus(site: Site) -> Iterator[PageClient]:
    with tab(site.hub.url, site.sessions.open(site.user_id(LINUS))) as opened:
        yield opened


def opened(site: Site, page: PageClient, address: str) -> tuple[Shown, list[str]]:
    site.hub.statements()
    shown = page.open(address)
    assert not shown.failed, address
    for fragment, _ in shown.fragments:
        again = page.refresh(fragment, address)
        assert not again.failed, address
        shown.elements += again.elements
    return shown, asked(site)


def make_tenant(site: Site, slug: str) -> tuple[TenantScope, TenantScope, Database]:
    """A tenant with features and a member; answers the operator's scope, the member's, and a way to write."""
    admin, worker = Database(site.database_url, DatabaseRole.ADMIN), Database(site.database_url, DatabaseRole.WORKER)
    directory = Directory(admin)
    directory.add_tenant(slug, slug.title())
    scope = directory.for_operator(slug)
    directory.grant(scope, f"owner@{slug}.example", Role.OWNER)
    add_features(site.database_url, scope)
    member = directory.for_operator(slug, f"owner@{slug}.example")
    admin.dispose()
    return scope, member, worker


def test_a_page_asks_the_same_few_bounded_questions_however_much_there_is(site: Site) -> None:
    scope, member, worker = make_tenant(site, "growing")
    some = [RunSpec(id=sample_id(f"growing {n}"), item_ids=["a"], total=1, succeeded=1) for n in range(25)]
    add_runs(worker, scope, some)
    # One sync and one set are known by ids of their own; the rest goes by the run's.
    every = [f"{address}&rows=250" for address in addresses("growing", some[0].id)]
    every += [
        f"/inventory?tenant=growing&sync={sync_of(site, scope)}",
        f"/backup-sets?tenant=growing&set={set_of(site, scope)}",
        f"/policy?tenant=growing&id={policy_of(site, scope)}",
        "/inventory?tenant=growing&at=2999-01-01",
    ]

    def counted() -> dict[str, int]:
        with tab(site.hub.url, site.sessions.open(site.user_id("owner@growing.example"))) as page:
            page.open(every[0])
            found: dict[str, int] = {}
            for address in every:
                _, statements = opened(site, page, address)
                for statement in statements:
                    assert re.search(r"\bLIMIT\b", statement), statement
                assert len(statements) <= 22, address
                found[address] = len(each_time(statements))
            return found

    few = counted()
    earlier = datetime.now(UTC) - timedelta(hours=1)
    more = [RunSpec(created_at=earlier, status=chosen) for chosen in (RunStatus.COMPLETED, RunStatus.FAILED) * 150]
    ids = add_runs(worker, scope, more)
    for run_id in ids[:250]:
        add_notification(worker, member, run_id, "finished", RunStatus.COMPLETED)
    worker.dispose()
    app = Database(site.database_url, DatabaseRole.APP)
    for number in range(200):
        create_set(app, scope, f"set {number}")
    app.dispose()
    assert counted() == few
    with tab(site.hub.url, site.sessions.open(site.user_id("owner@growing.example"))) as page:
        assert "and 249 more" in page.open("/notifications?tenant=growing").text
        assert "The newest 200 are shown." in page.open("/backup-sets?tenant=growing").text


def test_what_is_foreign_takes_the_same_way_as_what_never_was(site: Site, linus: PageClient) -> None:
    """Timing class: within one's own tenant, another tenant's ids cost the same questions as made-up ones and show the same."""
    linus.open("/operations?tenant=northwind")
    foreign = {
        "/run?tenant=northwind&id={}": site.sample.foreign,
        "/operations?tenant=northwind&q={}": site.sample.foreign,
        "/findings?tenant=northwind&run={}": sample_id("fabrikam drift"),
        "/inventory?tenant=northwind&sync={}": sync_of(site, site.sample.fabrikam),
        "/backup-sets?tenant=northwind&set={}": set_of(site, site.sample.fabrikam),
        "/policy?tenant=northwind&id={}": policy_of(site, site.sample.fabrikam),
    }
    for address, theirs in foreign.items():
        answers = {
            (shown.text.replace(str(one), "<id>"), each_time(statements))
            for one in (theirs, uuid4())
            for shown, statements in [opened(site, linus, address.format(one))]
        }
        texts = {re.sub(r"\$\$ID-[0-9a-f]+", "", text) for text, _ in answers}
        assert len({statements for _, statements in answers}) == 1, address
        assert not any(str(theirs) in text for text in texts)


def sync_of(site: Site, scope: TenantScope) -> UUID:
    return _one(site, scope, "SELECT id FROM inventory_syncs LIMIT 1")


def set_of(site: Site, scope: TenantScope) -> UUID:
    return _one(site, scope, "SELECT id FROM backup_sets LIMIT 1")


def policy_of(site: Site, scope: TenantScope) -> UUID:
    """A policy that no other tenant has: the samples share theirs."""
    own = sample_id(f"{scope.slug} policy")
    database = Database(site.database_url, DatabaseRole.WORKER)
    with database.transaction(scope) as connection:
        connection.execute(
            text(
                "INSERT INTO inventory_sync_policies (tenant_id, sync_id, policy_id, policy_type, name, content_hash, origin)"
                " SELECT tenant_id, sync_id, :own, policy_type, 'secret-policy', content_hash, '' FROM inventory_sync_policies"
                " LIMIT 1 ON CONFLICT DO NOTHING"
            ),
            {"own": str(own)},
        )
    database.dispose()
    return own


def _one(site: Site, scope: TenantScope, query: str) -> UUID:
    database = Database(site.database_url, DatabaseRole.APP)
    with database.transaction(scope) as connection:
        found: UUID = connection.execute(text(query)).scalar_one()
    database.dispose()
    return found


def test_a_session_that_ends_under_an_open_page_says_so(site: Site) -> None:
    with tab(site.hub.url, Sessions(SECRET, 4 / 3600).open(site.user_id(LINUS))) as page:
        address = "/operations?tenant=northwind&bucket=failed"
        before = page.open(address)
        assert "Runs" in before.text
        deadline = time.monotonic() + 60
        after = before
        while "Your session has ended" not in after.text:
            assert time.monotonic() < deadline and not after.failed
            time.sleep(0.1)
            after = page.refresh(before.fragments[0][0], address)
        assert "Northwind" not in after.text
        assert f"/sign-in?next={quote(address, safe='')}" in page.open(address).text


def test_a_member_removed_under_an_open_page_sees_nothing_more(site: Site) -> None:
    site.directory.grant(site.sample.fabrikam, "leaver@elsewhere.example", Role.READONLY)
    with tab(site.hub.url, site.sessions.open(site.user_id("leaver@elsewhere.example"))) as page:
        address = "/operations?tenant=fabrikam"
        before = page.open(address)
        site.directory.revoke(site.sample.fabrikam, "leaver@elsewhere.example")
        for fragment, _ in before.fragments:
            refreshed = page.refresh(fragment, address)
            assert "403" in refreshed.text and "Fabrikam" not in refreshed.text


def test_names_are_data_on_every_page(site: Site) -> None:
    """A name goes to the browser only inside our own tree, where it can be nothing but a text, or as a widget's choice."""
    scope, _, worker = make_tenant(site, "hostile")
    links = tuple(RelatedLink(name, "javascript:alert(1)", {"id": name}) for name in HOSTILE_NAMES)
    spec = RunSpec(
        initiated_by=HOSTILE_NAMES[0], item_ids=list(HOSTILE_NAMES), total=4, succeeded=4, related=links,
        context={HOSTILE_NAMES[1]: HOSTILE_NAMES[2]},
    )  # fmt: skip
    add_runs(worker, scope, [spec])
    worker.dispose()
    with tab(site.hub.url, site.sessions.open(site.user_id("owner@hostile.example"))) as page:
        for address in addresses("hostile", spec.id):
            shown, _ = opened(site, page, address)
            for element in shown.elements:
                kind = element.new_element.WhichOneof("type")
                if kind in ("markdown", "html", "alert", "heading", "text"):
                    assert not any(name in str(element) for name in HOSTILE_NAMES), (address, kind)
