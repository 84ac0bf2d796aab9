"""An outside server over TCP, with a login for each kind of process: each can do its part, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.errors import BadInputError, StoreError
from runstore.logins import ensure_login
from runstore.migrations import verify_schema
from runstore.runs.filters import RunFilter
from runstore.runs.operation import OperationType
from runstore.runs.outbox import Outbox
from runstore.runs.reader import RunReader
from runstore.runs.starter import StartRequest, start
from tests.support.outside_database import LOGINS, OutsideDatabase, outside_database

FOLDERS = migration_folders()
REQUEST = StartRequest(OperationType("echo", "speak"), {"key": "a"})


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutsideDatabase]:
    with outside_database(tmp_path_factory.mktemp("outside")) as server:
        migrations.upgrade(server.url("atlas_owner"), FOLDERS)
        server.add_logins()
        yield server


def database(server: OutsideDatabase, login: str, role: DatabaseRole) -> Database:
    return Database(server.url(login), role, pool_size=1)


def test_every_login_may_ask_what_the_schema_is_at(outside: OutsideDatabase) -> None:
    for login in LOGINS:
        verify_schema(outside.url(login), FOLDERS)


def test_each_login_does_its_part(outside: OutsideDatabase) -> None:
    owner = database(outside, "atlas_owner", DatabaseRole.ADMIN)
    app = database(outside, "atlas_app", DatabaseRole.APP)
    relay = database(outside, "atlas_relay", DatabaseRole.RELAY)
    hub = database(outside, "atlas_hub", DatabaseRole.HUB)
    Directory(owner).add_tenant("acme", "Acme")
    scope = Directory(app).for_operator("acme")
    run = start(app, scope, REQUEST).run
    (waiting,) = Outbox(relay, tenant_limit=8).claim(10)
    Outbox(relay, tenant_limit=8).handed_over(waiting.id, uuid4())
    assert [found.id for found in RunReader(hub, scope).list(RunFilter()).runs] == [run.id]
    with pytest.raises(StoreError, match="25006"):
        start(hub, scope, REQUEST)
    for one in (owner, app, relay, hub):
        one.dispose()


@pytest.mark.parametrize("role", [DatabaseRole.ADMIN, DatabaseRole.RELAY, DatabaseRole.APP])
def test_the_hubs_login_cannot_take_another_role(outside: OutsideDatabase, role: DatabaseRole) -> None:
    pretender = database(outside, "atlas_hub", role)
    with pytest.raises(StoreError, match="42501"), pretender.across_tenants() as connection:
        connection.exec_driver_sql("SELECT 1")
    pretender.dispose()


_RELATIONS = """
    SELECT c.relname, (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                       AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = '' ORDER BY a.attnum LIMIT 1)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""


def test_the_hubs_login_can_write_nowhere(outside: OutsideDatabase) -> None:
    """Asked of the server itself, with the login alone: no role taken, no read-only transaction to hide behind."""
    with psycopg.connect(outside.url("atlas_hub"), autocommit=True) as connection:
        relations = connection.execute(_RELATIONS).fetchall()
        assert len(relations) > 15
        for name, column in relations:
            table, first = sql.Identifier(name), sql.Identifier(column)
            for statement in (
                sql.SQL("INSERT INTO {} DEFAULT VALUES").format(table),
                sql.SQL("UPDATE {} SET {} = {}").format(table, first, first),
                sql.SQL("DELETE FROM {}").format(table),
                sql.SQL("TRUNCATE {}").format(table),
            ):
                with pytest.raises(psycopg.Error) as refused:
                    connection.execute(statement)
                assert refused.value.sqlstate in ("42501", "42809"), (statement.as_string(), refused.value)
        writes = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
            " AND (has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')"
            " OR has_any_column_privilege(oid, 'INSERT, UPDATE'))"
        ).fetchall()
        assert writes == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.of_the_hub ()")
        for role in set(DatabaseRole) - {DatabaseRole.HUB}:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role.value)))


def test_the_hub_reads_no_secret_and_no_person(outside: OutsideDatabase) -> None:
    with psycopg.connect(outside.url("atlas_hub"), autocommit=True) as connection:
        secret = ("policy_fingerprint_keys", "tenant_credentials", "backup_captures")
        for unread in ("users", "memberships", *secret):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(unread)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT body FROM backup_items")


def test_one_login_for_all_reads_in_transactions_that_cannot_write(outside: OutsideDatabase) -> None:
    """The fence that holds without separate logins: the transaction's role and its being read-only. The login could do more."""
    hub = database(outside, "atlas_owner", DatabaseRole.HUB)
    with pytest.raises(StoreError, match="25006"), hub.across_tenants() as connection:
        connection.exec_driver_sql("DELETE FROM operation_runs")
    with pytest.raises(StoreError, match="25001"), hub.across_tenants() as connection:
        connection.exec_driver_sql("SET TRANSACTION READ WRITE")
    with pytest.raises(StoreError, match="42501"), hub.across_tenants() as connection:
        connection.exec_driver_sql("SELECT 1 FROM users")
    hub.dispose()


def test_a_login_that_could_do_more_is_refused(outside: OutsideDatabase) -> None:
    owner = outside.url("atlas_owner")
    with pytest.raises(BadInputError, match="may also act as"):
        ensure_login(owner, owner, DatabaseRole.HUB)
    with pytest.raises(BadInputError, match="may also act as tenantatlas_app"):
        ensure_login(owner, outside.url("atlas_app"), DatabaseRole.HUB)
    assert ensure_login(owner, outside.url("atlas_hub"), DatabaseRole.HUB) == "atlas_hub"
    with pytest.raises(StoreError, match="42501"):
        ensure_login(outside.url("atlas_app"), outside.url("atlas_new"), DatabaseRole.HUB)
