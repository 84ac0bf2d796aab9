"""A PostgreSQL server that lives in the home directory and runs for as long as someone uses it."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote

import psutil
from psycopg import sql

from deployments.local import database_account
from runstore.database import driver_connection, translated_errors
from runstore.errors import UnavailableError

RUN_STORE = "tenantatlas"
PREFECT = "prefect"
SUPERUSER = "postgres"

START_DEADLINE_SECONDS = 60


class EmbeddedDatabaseError(UnavailableError):
    """The embedded PostgreSQL server could not be started or stopped."""


class EmbeddedDatabase:
    """The server under `home/postgres`, started when it is first used and stopped by the last process that uses it.

    Each holds a shared lock, which the kernel drops even if the process is killed; the next one takes over what is
    left. A home may move: nothing stored in it names its path. EmbeddedDatabaseError when the server cannot start.
    """

    def __init__(self, home: Path) -> None:
        self.directory = home.expanduser().absolute() / "postgres"
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self._start_lock = self.directory / "start.lock"
        self._users_lock = self.directory / "users.lock"
        self._held: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with _exclusive(self._start_lock, seconds=START_DEADLINE_SECONDS):
                self._held = _open(self._users_lock)
                fcntl.flock(self._held, fcntl.LOCK_SH)
                try:
                    self._ensure_running()
                    self.ensure_database(RUN_STORE)
                    self.ensure_database(PREFECT)
                except BaseException:
                    self._leave()
                    raise
        except OSError as problem:
            raise EmbeddedDatabaseError(
                f"The embedded database cannot use {self.directory}: {problem.strerror or problem}. "
                "Point TENANTATLAS_HOME at a directory you may write to, or TENANTATLAS_DATABASE_URL at a server."
            ) from problem
        return self

    def __exit__(self, *_: object) -> None:
        with _exclusive(self._start_lock, seconds=START_DEADLINE_SECONDS):
            self._leave()

    def url(self, database: str = RUN_STORE, *, driver: str | None = None, login: str = SUPERUSER) -> str:
        """The address over the Unix socket, as the running server has it: the home may move."""
        scheme = "postgresql" if driver is None else f"postgresql+{driver}"
        sockets = quote(str(self._socket_directory()), safe="/")
        return f"{scheme}://{login}@/{quote(database, safe='')}?host={sockets}"

    def ensure_database(self, name: str) -> None:
        with translated_errors(), driver_connection(self.url(SUPERUSER), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def pid(self) -> int | None:
        """The id of a process that works in our data directory; a pid file alone may be stale."""
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split("\n", 1)[0]))
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).samefile(self.data):
                return process.pid
        return None

    def revive(self) -> None:
        with _exclusive(self._start_lock, seconds=START_DEADLINE_SECONDS):
            self._ensure_running()

    def stop(self) -> None:
        pid = self.pid()
        if pid is None:
            return
        sockets = self._socket_directory()
        # Told by signal, not by pg_ctl: that would have to reach the directory by its path once more, as another user.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            give_up_at = time.monotonic() + 30
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                while self.pid() == pid and time.monotonic() < give_up_at:
                    time.sleep(0.02)
            if self.pid() != pid:
                break
        if sockets != self.data:
            with suppress(OSError):
                sockets.rmdir()

    def _leave(self) -> None:
        if self._held is not None:
            self._held.close()
        self._held = None
        if (alone := try_exclusive(self._users_lock)) is not None:
            with alone:
                self.stop()

    def _ensure_running(self) -> None:
        if self.pid() is not None:
            return
        database_account.prepare(self.directory)
        if not self.data.exists():
            self._create()
        found = (self.data / "PG_VERSION").read_text().strip()
        provided = self._run("postgres", "--version").split()[2].split(".")[0]
        if found != provided:
            raise EmbeddedDatabaseError(
                f"The database in {self.data} was made by PostgreSQL {found}, and this installation brings PostgreSQL {provided}. "
                "Dump it with the old installation and restore it here, or point TENANTATLAS_HOME elsewhere."
            )
        sockets = database_account.choose_socket_directory(self.data, owner=database_account.owner())
        configuration = self.data / "tenantatlas.conf"
        # Anyone who reaches the socket is trusted. That is safe only because nobody but the owner does: the data directory and the
        # socket are private, and no TCP port is opened.
        configuration.write_text(
            f"listen_addresses = ''\nunix_socket_directories = '{sockets}'\nunix_socket_permissions = 0700\n"
            f"max_connections = 200\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n"
        )
        # The server's account reads it; nobody else can enter the directory.
        configuration.chmod(0o644)
        # We know that no server of ours runs. PostgreSQL would refuse to start if a recorded process id happened to
        # belong to someone else by now, or to a zombie that nobody reaps.
        for stale in (self.data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock", sockets / ".s.PGSQL.5432"):
            stale.unlink(missing_ok=True)
        self._run("pg_ctl", "-w", "-t", str(START_DEADLINE_SECONDS), "-l", self.log.name, "start")

    def _create(self) -> None:
        unfinished = self.directory / "data.unfinished"
        # What an interrupted initdb left.
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run(
            "initdb", "-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
        )  # fmt: skip
        with (unfinished / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude_if_exists 'tenantatlas.conf'\n")
        unfinished.rename(self.data)

    def _socket_directory(self) -> Path:
        try:
            recorded = Path((self.data / "postmaster.pid").read_text().split("\n")[4])
        except (OSError, IndexError) as problem:
            raise EmbeddedDatabaseError(
                f"The embedded database in {self.data} is not running. Start it with `tenantatlas up`."
            ) from problem
        beside_data = self.data / ".s.PGSQL.5432"
        return self.data if beside_data.is_socket() else recorded

    def _run(self, program: str, *arguments: str) -> str:
        try:
            # pg_ctl pastes its options into a shell command, so a quote or a dollar sign in the path would
            # break out of it. The environment and the working directory say the same without a shell.
            return database_account.run(program, *arguments, directory=self.directory, data=self.data)
        except subprocess.CalledProcessError as problem:
            raise EmbeddedDatabaseError(
                f"The embedded database failed at {program}: {_last_line(problem, self.log)}. Its log is {self.log}."
            ) from problem
        except OSError as problem:
            raise EmbeddedDatabaseError(
                f"The embedded database cannot run {program}: {problem.strerror or problem}."
            ) from problem


def _last_line(problem: subprocess.CalledProcessError, log: Path) -> str:
    """The most telling line: the last FATAL of the log, else the first error the program told, else what it said last."""
    with suppress(OSError):
        told = re.findall(r"(?:FATAL|PANIC):\s*(.*)", log.read_text(errors="replace"))
        if told:
            return str(told[-1]).strip().rstrip(".")
    said = [line.strip() for line in str(problem.stderr or problem.stdout or "").splitlines() if line.strip()]
    # What comes after an error is the program tidying up, which may fail as well.
    said = [line for line in said if "error:" in line][:1] or said
    return (said[-1] if said else f"exit code {problem.returncode}").rstrip(".")


def try_exclusive(path: Path) -> BinaryIO | None:
    """The exclusive lock, until the file is closed; None when anybody else holds it in any mode."""
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _exclusive(path: Path, *, seconds: float) -> BinaryIO:
    """The exclusive lock, until the file is closed; UnavailableError when it is not to be had in that time."""
    give_up_at = time.monotonic() + seconds
    while (held := try_exclusive(path)) is None:
        if time.monotonic() > give_up_at:
            raise UnavailableError(
                f"Another process has held {path} for {seconds:.0f} seconds. Wait for it to finish or stop it, then try again."
            )
        time.sleep(0.02)
    return held


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
