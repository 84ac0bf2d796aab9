"""An outside server over TCP, with a login for each kind of process: each can do its part, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.errors import StoreError
from runstore.runs.filters import RunFilter
from runstore.runs.operation import OperationType
from runstore.runs.outbox import Outbox
from runstore.runs.reader import RunReader
from runstore.runs.starter import StartRequest, start
from runstore.schema_check import verify_schema
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
    with pytest.raises(StoreError, match="42501"):
        start(hub, scope, REQUEST)
    for one in (owner, app, relay, hub):
        one.dispose()


@pytest.mark.parametrize("role", [DatabaseRole.ADMIN, DatabaseRole.RELAY, DatabaseRole.APP])
def test_the_hubs_login_cannot_take_another_role(outside: OutsideDatabase, role: DatabaseRole) -> None:
    pretender = database(outside, "atlas_hub", role)
    with pytest.raises(StoreError, match="42501"), pretender.across_tenants() as connection:
        connection.exec_driver_sql("SELECT 1")
    pretender.dispose()
