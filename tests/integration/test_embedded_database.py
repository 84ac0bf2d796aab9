"""The embedded server starts once, survives moved and copied homes and killed users, and ends with its last user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from deployments.local.embedded_database import EmbeddedDatabase, EmbeddedDatabaseError
from deployments.local.process import RESTARTS, ManagedDatabase


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    yield home
    EmbeddedDatabase(home).stop()


def write_and_read(database: EmbeddedDatabase) -> list[int]:
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept SELECT count(*) FROM kept")
        return [row[0] for row in connection.execute("SELECT value FROM kept ORDER BY value")]


def test_the_server_runs_while_someone_uses_it_and_keeps_what_was_written(home: Path) -> None:
    with EmbeddedDatabase(home) as first:
        assert write_and_read(first) == [0]
        with EmbeddedDatabase(home) as second:
            assert second.pid() == first.pid()
        assert first.pid() is not None, "the first user was still inside"
    assert EmbeddedDatabase(home).pid() is None
    with EmbeddedDatabase(home) as again:
        assert write_and_read(again) == [0, 1]


def test_a_server_that_is_killed_is_started_again_and_one_that_keeps_ending_is_left(home: Path) -> None:
    with EmbeddedDatabase(home) as database:
        watch = ManagedDatabase(database)
        assert write_and_read(database) == [0]
        assert watch.revive() is None
        for restarts in range(1, RESTARTS + 1):
            postmaster = psutil.Process(watch.record().pid)
            doomed = [*postmaster.children(), postmaster]
            for process in reversed(doomed):
                process.kill()
            psutil.wait_procs(doomed, timeout=10)
            said = watch.revive()
            assert said is not None and "started again" in said
            assert (watch.record().state, watch.record().restarts) == ("running", restarts)
        assert write_and_read(database) == [0, 1]
        database.stop()
        said = watch.revive()
        assert said is not None and "left alone" in said
        assert (watch.revive(), watch.record().state, database.pid()) == (None, "failed", None)


def test_both_databases_are_there(home: Path) -> None:
    with EmbeddedDatabase(home) as database:
        for name in ("tenantatlas", "prefect"):
            with psycopg.connect(database.url(name)) as connection:
                assert connection.info.dbname == name


ACCOUNT_OF = """
import sys
from deployments.local import database_account
database_account.ACCOUNT = sys.argv[1]
sys.stdin.readline()
print(database_account.owner()[0])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes an account for the server")
def test_processes_that_find_the_account_missing_make_it_once() -> None:
    name = f"atlas_test_{os.getpid()}"
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", ACCOUNT_OF, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    try:
        for maker in makers:
            assert maker.stdin is not None
            maker.stdin.write("now\n")
            maker.stdin.flush()
        said = [maker.communicate(timeout=60)[0].strip() for maker in makers]
        assert said == [str(pwd.getpwnam(name).pw_uid)] * 4
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)


ENTER = """
import sys, time
from pathlib import Path
from deployments.local.embedded_database import EmbeddedDatabase
with EmbeddedDatabase(Path(sys.argv[1])) as database:
    print(database.pid(), flush=True)
    sys.stdin.read()
"""


def user_of(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ENTER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said_pid(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


def leave(user: subprocess.Popen[str]) -> None:
    user.communicate(timeout=60)
    assert user.returncode == 0


def test_processes_that_start_at_once_share_one_server(home: Path) -> None:
    users = [user_of(home) for _ in range(6)]
    assert len({said_pid(user) for user in users}) == 1
    for user in users[:-1]:
        leave(user)
    assert EmbeddedDatabase(home).pid() is not None
    leave(users[-1])
    assert EmbeddedDatabase(home).pid() is None


def test_a_server_left_by_a_killed_user_is_taken_over_and_then_stopped(home: Path) -> None:
    user = user_of(home)
    pid = int(said_pid(user))
    user.kill()
    user.communicate()
    with EmbeddedDatabase(home) as database:
        assert database.pid() == pid
    assert EmbeddedDatabase(home).pid() is None


def test_a_killed_server_is_started_again(home: Path) -> None:
    with EmbeddedDatabase(home) as database:
        write_and_read(database)
        pid = database.pid()
        assert pid is not None
        server = psutil.Process(pid)
        for process in [server, *server.children(recursive=True)]:
            process.kill()
        give_up_at = time.monotonic() + 10
        while database.pid() is not None and time.monotonic() < give_up_at:
            time.sleep(0.05)
        assert (database.data / "postmaster.pid").exists()
    with EmbeddedDatabase(home) as database:
        assert write_and_read(database) == [0, 1]


def test_a_pid_file_that_names_an_unrelated_process_is_stale(home: Path) -> None:
    with EmbeddedDatabase(home) as database:
        recorded = (database.data / "postmaster.pid").read_text()
    (database.data / "postmaster.pid").write_text(recorded.replace(recorded.split("\n")[0], str(os.getpid()), 1))
    with EmbeddedDatabase(home) as database:
        assert write_and_read(database) == [0]


def test_a_home_that_moved_while_stopped_or_running_is_found(home: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    with EmbeddedDatabase(home) as database:
        write_and_read(database)
        pid = database.pid()
        home.rename(moved)
        with EmbeddedDatabase(moved) as found:
            assert found.pid() == pid
            assert write_and_read(found) == [0, 1]
        moved.rename(home)
    home.rename(moved)
    with EmbeddedDatabase(moved) as found:
        assert write_and_read(found) == [0, 1, 2]


def test_a_copy_of_a_running_home_gets_a_server_of_its_own(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with EmbeddedDatabase(home) as database:
        write_and_read(database)
        with psycopg.connect(database.url(), autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        shutil.copytree(home, copy, ignore=lambda folder, names: [name for name in names if name.startswith(".s.")])
        for path in copy.rglob("*"):
            shutil.chown(path, database.data.stat().st_uid, database.data.stat().st_gid)
        with EmbeddedDatabase(copy) as other:
            assert other.pid() != database.pid()
            assert write_and_read(other) == [0, 1]
        assert write_and_read(database) == [0, 1]


@pytest.mark.parametrize(
    "name", ["d" * 150, "with space", "comma,comma", "ünï'\"%s"], ids=["deep", "space", "comma", "odd"]
)
def test_any_path_of_the_home_works(home: Path, name: str) -> None:
    with EmbeddedDatabase(home / name) as database:
        assert write_and_read(database) == [0]
        assert database.url(driver="psycopg").startswith("postgresql+psycopg://postgres@/tenantatlas?host=/")


def test_an_interrupted_first_start_leaves_nothing_in_the_way(home: Path) -> None:
    unfinished = home / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedDatabase(home) as database:
        assert write_and_read(database) == [0]


def test_a_home_that_cannot_be_one_is_told_in_a_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(EmbeddedDatabaseError, match="TENANTATLAS_HOME") as told, EmbeddedDatabase(blocked):
        pass
    assert "\n" not in str(told.value)
    assert told.value.exit_code == 5


def test_data_of_another_postgresql_version_is_refused(home: Path) -> None:
    with EmbeddedDatabase(home) as database:
        pass
    (database.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedDatabaseError, match="made by PostgreSQL 9"), EmbeddedDatabase(home):
        pass


def test_a_start_that_fails_says_why_and_where_the_log_is(home: Path) -> None:
    with EmbeddedDatabase(home) as database:
        pass
    with (database.data / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedDatabaseError, match="log") as told, EmbeddedDatabase(home):
        pass
    assert "\n" not in str(told.value)
