"""The guide's own lines for back-up and restore, on a server such as an operator runs, as the logins that own the databases."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from deployments.local import database_account
from flows.registry import migration_folders
from runstore import migrations
from runstore.audit import record_audit
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.dump import dump, restore
from runstore.errors import BadInputError, SchemaMismatchError, StoreError
from runstore.migrations import verify_schema
from runstore.runs.filters import RunFilter
from runstore.runs.operation import OperationType
from runstore.runs.reader import RunReader
from runstore.runs.starter import StartRequest, start
from runstore.tenancy import Role
from tests.conftest import Store
from tests.support.command_line import CommandLine
from tests.support.hub_features import add_features
from tests.support.hub_sample import fill
from tests.support.outside_database import PASSWORD, SUPERUSER, OutsideDatabase, outside_database

FOLDERS = migration_folders()
TOOLS = database_account.binaries()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutsideDatabase]:
    with outside_database(tmp_path_factory.mktemp("outside")) as server:
        migrations.upgrade(server.url("atlas_owner"), FOLDERS)
        with psycopg.connect(server.url("prefect_owner", "prefect")) as connection:
            connection.execute("CREATE TABLE flow_run (id int); INSERT INTO flow_run VALUES (1)")
        yield server


def blocks(repository: Path) -> list[str]:
    """The guide's lines for making a back-up, and those for restoring it."""
    guide = (repository / "docs" / "operations-guide.md").read_text()
    section = guide.partition("## Back-up and restore")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def run(lines: str, folder: Path, run_store: str, prefect: str) -> None:
    told = {
        **os.environ,
        "PATH": f"{TOOLS}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TENANTATLAS_HOME": str(folder / "home"),
        "TENANTATLAS_DATABASE_URL": run_store,
        "PREFECT_DATABASE_URL": prefect,
    }
    done = subprocess.run(["bash", "-ec", lines], cwd=folder, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def counts(server: OutsideDatabase, database: str) -> dict[str, int]:
    """How many rows each table holds, as one sees who is above row-level security."""
    with psycopg.connect(server.url(SUPERUSER, database)) as connection:
        # psycopg's types want literal text; these names are the server's own.
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        found = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() for (name,) in names}  # type: ignore[arg-type]
    return {name: row[0] for name, row in found.items() if row is not None}


def test_what_the_guide_says_brings_back_every_row(server: OutsideDatabase, repository: Path, tmp_path: Path) -> None:
    owner = Database(server.url("atlas_owner"), DatabaseRole.ADMIN, pool_size=1)
    app = Database(server.url("atlas_owner"), DatabaseRole.APP, pool_size=1)
    for slug in ("acme", "globex"):
        Directory(owner).add_tenant(slug, slug.title())
        scope = Directory(app).for_operator(slug)
        Directory(owner).grant(scope, f"owner@{slug}.example", Role.OWNER)
        start(app, scope, StartRequest(OperationType("echo", "speak"), {"key": slug}))
        with app.transaction(scope) as connection:
            record_audit(connection, scope, "test.act", "something")
    for one in (owner, app):
        one.dispose()
    before = counts(server, "tenantatlas")
    assert (before["operation_runs"], before["notifications"]) == (2, 2)
    assert before["audit_log"] >= 2

    backing_up, restoring = blocks(repository)
    run(backing_up, tmp_path, server.url("atlas_owner"), server.url("prefect_owner", "prefect"))
    with psycopg.connect(server.url(SUPERUSER), autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored OWNER atlas_owner")
        connection.execute("CREATE DATABASE prefect_restored OWNER prefect_owner")
    new, new_prefect = server.url("atlas_owner", "restored"), server.url("prefect_owner", "prefect_restored")
    run(restoring, tmp_path, new, new_prefect)

    assert counts(server, "restored") == before
    assert counts(server, "prefect_restored") == {"flow_run": 1}
    verify_schema(new, FOLDERS)
    hub = Database(new, DatabaseRole.HUB, pool_size=1)
    scope = Directory(app := Database(new, DatabaseRole.APP, pool_size=1)).for_operator("acme")
    assert [one.tenant for one in RunReader(hub, scope).list(RunFilter()).runs] == ["acme"], "tenants stay apart"
    for one in (hub, app):
        one.dispose()
    with zipfile.ZipFile(tmp_path / "tenantatlas.dump") as archive:
        assert not any(PASSWORD.encode() in archive.read(name) for name in archive.namelist())
    assert (tmp_path / "tenantatlas.dump").stat().st_mode & 0o077 == 0


def rows(store: Store) -> dict[str, list[str]]:
    with psycopg.connect(store.url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        return {
            name: sorted(row[0] for row in connection.execute(f'SELECT t::text FROM "{name}" t'))  # type: ignore[arg-type]
            for (name,) in names
        }


def test_a_store_comes_back_row_by_row(
    store: Store, new_database: Callable[..., str], template: str, tmp_path: Path
) -> None:
    sample = fill(store.url)
    add_features(store.url, sample.northwind)
    file = tmp_path / "whole.dump"
    counted = dump(store.url, file)
    other = Store(new_database(template), {})
    assert restore(other.url, file) == counted
    before = rows(store)
    assert rows(other) == before and counted == {name: len(rows) for name, rows in before.items() if name in counted}
    with pytest.raises(BadInputError, match="not empty"):
        restore(other.url, file)


def test_what_is_not_whole_is_refused_and_leaves_nothing(
    store: Store, new_database: Callable[..., str], template: str, tmp_path: Path
) -> None:
    store.member(Role.OWNER)
    file, cut, short = tmp_path / "whole.dump", tmp_path / "cut.dump", tmp_path / "short.dump"
    dump(store.url, file)
    cut.write_bytes(file.read_bytes()[:-100])
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(short, "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, b"" if name == "memberships" else whole.read(name))
    other = new_database(template)
    for broken, said in (
        (cut, "not a whole file"),
        (short, "not whole: memberships has 0 of 1"),
        (tmp_path, "is not a file"),
        (tmp_path / "none.dump", "cannot be read"),
    ):
        with pytest.raises(BadInputError, match=said):
            restore(other, broken)
    assert set(restore(other, file).values()) == set(dump(other, tmp_path / "again.dump").values())
    with psycopg.connect(store.url) as connection:
        connection.execute("DROP POLICY everywhere_tenantatlas_admin ON notifications")
    with pytest.raises(StoreError, match="Rows of notifications are hidden"):
        dump(store.url, tmp_path / "hidden.dump")
    assert not list(tmp_path.glob("hidden*"))


def test_the_commands_tell_of_each_table(
    store: Store, new_database: Callable[..., str], template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.tenant()
    call = CommandLine(tmp_path / "home", capsys)
    file = str(tmp_path / "one.dump")
    written = call("db", "dump", file, "--json", TENANTATLAS_DATABASE_URL=store.url)
    read = call("db", "restore", file, "--json", TENANTATLAS_DATABASE_URL=new_database(template))
    assert (written.code, read.code, read.document) == (0, 0, written.document)
    assert written.document["rows"]["tenants"] == 1


def test_a_file_of_another_schema_is_refused(store: Store, new_database: Callable[..., str], tmp_path: Path) -> None:
    dump(store.url, tmp_path / "one.dump")
    with pytest.raises(SchemaMismatchError, match="restore it with the release that wrote it"):
        restore(new_database(), tmp_path / "one.dump")
