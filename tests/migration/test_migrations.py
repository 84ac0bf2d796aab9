"""The migrations: up, down, up; equal to the models; and a schema that does not fit is refused in one sentence."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command

from flows.registry import migration_folders, operations
from runstore import migrations
from runstore.errors import SchemaMismatchError, StoreUnavailableError
from runstore.migrations import verify_schema
from tests.support.stack import eventually

FOLDERS = migration_folders()


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows}


def test_up_down_up(new_database: Callable[..., str]) -> None:
    url = new_database()
    migrations.upgrade(url, FOLDERS)
    full = tables(url)
    command.downgrade(migrations.configuration(url, FOLDERS), "base")
    assert tables(url) == {"alembic_version"}
    migrations.upgrade(url, FOLDERS)
    assert tables(url) == full
    verify_schema(url, FOLDERS)


@pytest.mark.filterwarnings("ignore:Computed default on operation_runs.bucket cannot be modified")
def test_the_migrations_make_what_the_models_say(new_database: Callable[..., str]) -> None:
    for operation in operations().values():
        package = operation.flow.partition(":")[0].rpartition(".")[0]
        if importlib.util.find_spec(f"{package}.tables"):
            importlib.import_module(f"{package}.tables")
    url = new_database()
    migrations.upgrade(url, FOLDERS)
    command.check(migrations.configuration(url, FOLDERS))


def test_four_machines_may_migrate_at_once(new_database: Callable[..., str]) -> None:
    url = new_database()
    script = "import sys; from flows.registry import migration_folders; from runstore import migrations;"
    script += "migrations.upgrade(sys.argv[1], migration_folders())"
    machines = [subprocess.Popen([sys.executable, "-c", script, url]) for _ in range(4)]
    assert [machine.wait(60) for machine in machines] == [0, 0, 0, 0]
    verify_schema(url, FOLDERS)


def test_indexes_are_made_while_workers_write_and_after_a_build_that_failed(new_database: Callable[..., str]) -> None:
    url = new_database()
    migrations.upgrade(url, FOLDERS)
    command.downgrade(migrations.configuration(url, FOLDERS), "runstore@0001_run_store")
    with psycopg.connect(url) as writing, psycopg.connect(url, autocommit=True) as another:
        tenants = "INSERT INTO tenants (id, slug, name) VALUES (gen_random_uuid(), %s, 'x')"
        runs = (
            "INSERT INTO operation_runs (id, tenant_id, resource, action, idempotency_key, trigger, initiated_by)"
            " SELECT gen_random_uuid(), id, 'a', 'b', gen_random_uuid()::text, 'user', 'x' FROM tenants"
        )
        another.execute("CREATE INDEX ix_operation_runs_created ON operation_runs (id)")  # what a failure left behind
        another.execute(tenants, ["one"])
        writing.execute(runs)
        with ThreadPoolExecutor(1) as background:
            upgrade = background.submit(migrations.upgrade, url, FOLDERS)
            waits = "FROM pg_stat_activity WHERE query LIKE '%INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
            try:
                eventually(lambda: another.execute(f"SELECT count(*) {waits}").fetchone() == (1,), seconds=20)
                another.execute("SET lock_timeout = '2s'")
                another.execute(runs)
            finally:
                writing.commit()
            upgrade.result(60)
        found = another.execute("SELECT pg_get_indexdef('ix_operation_runs_created'::regclass)").fetchone()
    assert found is not None and "INCLUDE (bucket)" in found[0]
    verify_schema(url, FOLDERS)


def test_an_empty_database_is_refused_with_the_command_that_mends_it(new_database: Callable[..., str]) -> None:
    with pytest.raises(SchemaMismatchError, match=r"is empty, and this version needs .*: run `tenantatlas db upgrade`"):
        verify_schema(new_database(), FOLDERS)


def test_a_schema_of_a_newer_release_is_accepted(new_database: Callable[..., str]) -> None:
    url = new_database()
    migrations.upgrade(url, FOLDERS)
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES ('9999_from_the_future')")
    verify_schema(url, FOLDERS)


def test_a_release_that_is_rolled_back_leaves_the_newer_schema_as_it_is(new_database: Callable[..., str]) -> None:
    url = new_database()
    migrations.upgrade(url, FOLDERS)
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE alembic_version SET version_num = '9999_next' WHERE version_num = '0008_without_types'"
        )
    heads = migrations.found(url)
    migrations.upgrade(url, FOLDERS)
    assert migrations.found(url) == heads
    assert migrations.unknown(url, FOLDERS) == {"9999_next"}
    verify_schema(url, FOLDERS)


def test_an_old_schema_with_a_producer_that_is_not_here_is_old_and_says_why_it_stays_so(
    new_database: Callable[..., str],
) -> None:
    url = new_database()
    migrations.upgrade(url, FOLDERS)
    command.downgrade(migrations.configuration(url, FOLDERS), "policy_snapshots@0001_policy_snapshots")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('0001_policy_restore')")
    heads = migrations.found(url)
    with pytest.raises(SchemaMismatchError, match="0002_policy_audit"):
        verify_schema(url, FOLDERS)
    with pytest.raises(
        SchemaMismatchError, match=r"lacks .*0002_policy_audit.* holds 0001_policy_restore, of a producer"
    ):
        migrations.upgrade(url, FOLDERS)
    assert migrations.found(url) == heads


def test_a_server_that_is_down_is_said_to_be_down() -> None:
    with pytest.raises(StoreUnavailableError, match="not reachable"):
        verify_schema("postgresql://user:hunter2@127.0.0.1:1/none", FOLDERS)
