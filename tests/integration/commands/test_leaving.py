"""A tenant that is removed leaves nothing behind, in any table, however often its removal is interrupted; others keep every row."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
import pytest
from psycopg import sql

from runstore.directory import Directory
from runstore.errors import ForbiddenError, NotFoundError, StoreError
from runstore.leaving import Leaving
from runstore.tenancy import Role, TenantScope, Trigger
from tests.conftest import Store
from tests.support.command_line import CommandLine
from tests.support.hub_features import add_features
from tests.support.hub_sample import fill


def counts(store: Store) -> Mapping[tuple[str, str], int]:
    """How many rows of each table each tenant has, by what PostgreSQL itself says has a tenant."""
    found: dict[tuple[str, str], int] = {}
    with psycopg.connect(store.url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id' AND table_schema = 'public'"
            " AND table_name NOT IN (SELECT table_name FROM information_schema.views)"
        ).fetchall()
        for (table,) in tables:
            query = sql.SQL("SELECT tenant_id::text, count(*) FROM {} GROUP BY 1").format(sql.Identifier(table))
            found |= {(table, tenant): count for tenant, count in connection.execute(query)}
    return found


def test_nothing_is_left_of_it_and_everything_of_others(store: Store) -> None:
    sample = fill(store.url)
    for scope in (sample.northwind, store.tenant("stays")):
        add_features(store.url, scope)
    store.directory.grant(sample.northwind, "only@northwind.example", Role.OPERATOR)
    store.directory.grant(sample.northwind, "both@example.com", Role.OPERATOR)
    store.directory.grant(store.tenant("stays"), "both@example.com", Role.READONLY)
    leaver, before = str(sample.northwind.tenant_id), counts(store)
    held = Leaving(store.admin, sample.northwind.slug).holds()
    assert held == {table: count for (table, tenant), count in before.items() if tenant == leaver}
    assert {"drift_findings", "policy_contents", "operation_runs", "audit_log", "notifications"} <= held.keys()

    # Each table's end is a place at which the process may be killed.
    for stop_after in range(1, len(held) + 1):
        seen: list[str] = []

        def report(table: str, count: int, seen: list[str] = seen, most: int = stop_after) -> None:
            seen.append(table)
            if len(seen) == most:
                raise KeyboardInterrupt

        leaving = Leaving(store.admin, sample.northwind.slug)
        leaving.begin()
        with pytest.raises(KeyboardInterrupt):
            leaving.finish(report)
    Leaving(store.admin, sample.northwind.slug).finish()

    assert counts(store) == {key: count for key, count in before.items() if key[1] != leaver}
    people = Directory(store.app)
    assert people.by_email("only@northwind.example") is None
    assert [tenant.slug for tenant, _ in people.member("both@example.com").tenants] == ["stays"]
    with pytest.raises(NotFoundError):
        Leaving(store.admin, sample.northwind.slug)


def test_it_is_nobodys_from_the_first_step_on(store: Store) -> None:
    scope, member = store.tenant(), store.member(Role.OWNER)
    Leaving(store.admin, scope.slug).begin()
    assert member.actor.user_id is not None
    with pytest.raises(ForbiddenError):
        Directory(store.app).member("owner@acme.example").scope("acme")
    for ask in (
        lambda: Directory(store.worker).for_flow("acme", Trigger.SCHEDULE),
        lambda: Directory(store.app).for_operator("acme"),
    ):
        with pytest.raises(NotFoundError, match="tenant remove acme"):
            ask()


def test_the_command_asks_says_and_keeps_others(store: Store, tenantatlas: CommandLine) -> None:
    scope: TenantScope = store.tenant()
    store.tenant("globex")
    remove = ("tenant", "remove", "acme", "--without-prefect")
    looked = tenantatlas(*remove, "--dry-run")
    assert looked.code == 0 and "memberships" not in looked.out and "dry run" in looked.out
    refused = tenantatlas(*remove)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert tenantatlas(*remove, "--yes", "--as", "owner@acme.example").code == 3
    Leaving(store.admin, "acme").begin()
    assert "being removed" in tenantatlas("tenant", "list").out
    assert tenantatlas("tenant", "list", "--json").document["tenants"][0]["leaving"]
    assert tenantatlas("runs", "list", "--tenant", "acme").code == 4
    assert tenantatlas(*remove, "--yes", "--json").document["removed"]
    assert tenantatlas(*remove, "--yes").code == 4
    assert [one["slug"] for one in tenantatlas("tenant", "list", "--json").document["tenants"]] == ["globex"]
    assert str(scope.tenant_id) not in {tenant for _, tenant in counts(store)}


def test_a_table_that_cannot_be_deleted_from_stops_it(store: Store) -> None:
    sample = fill(store.url)
    with psycopg.connect(store.url) as connection:
        connection.execute("REVOKE DELETE ON notifications FROM tenantatlas_admin")
    with pytest.raises(StoreError):
        Leaving(store.admin, sample.northwind.slug).finish()
    assert Leaving(store.admin, sample.northwind.slug).holds()["notifications"]
