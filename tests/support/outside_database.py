"""A PostgreSQL server such as an operator would run: over TCP, with passwords, a login for each kind of process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from deployments.local import database_account
from runstore.database import DatabaseRole
from runstore.logins import ensure_login
from tests.support.ports import free_port

SUPERUSER = "postgres"
PASSWORD = "an-outside-password"
LOGINS = {
    "atlas_hub": "tenantatlas_hub",
    "atlas_app": "tenantatlas_app",
    "atlas_worker": "tenantatlas_worker",
    "atlas_relay": "tenantatlas_relay",
}
"""The logins and the role each is a member of. None of them owns anything."""


@dataclass(frozen=True)
class OutsideDatabase:
    """A running server. The database `tenantatlas` belongs to `atlas_owner`, `prefect` to `prefect_owner`."""

    port: int

    def url(self, login: str, database: str = "tenantatlas", *, driver: str = "") -> str:
        """The address for this login, with its password."""
        return f"postgresql{driver}://{login}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def add_logins(self) -> None:
        """The logins of the processes, made as `tenantatlas db logins` makes them; their roles exist once the schema does."""
        for login, role in LOGINS.items():
            assert ensure_login(self.url("atlas_owner"), self.url(login), DatabaseRole(role)) == login


@contextmanager
def outside_database(directory: Path) -> Iterator[OutsideDatabase]:
    """The block has such a server; its data is in `directory`, which has to be empty."""
    port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    database_account.prepare(directory)
    data, secret = directory / "data", directory / "password"
    secret.write_text(PASSWORD)
    if (account := database_account.owner()) is not None:
        os.chown(secret, *account)
    arguments = ("-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C")
    database_account.run("initdb", "-D", str(data), *arguments, directory=directory, data=data)
    settings = {
        "listen_addresses": "'127.0.0.1'",
        "port": port,
        "unix_socket_directories": "''",
        "max_connections": 300,
        "timezone": "'UTC'",
    }
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write("".join(f"{name} = {value}\n" for name, value in settings.items()))
    database_account.run("pg_ctl", "-w", "-l", "log", "start", directory=directory, data=data)
    server = psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
    try:
        found = OutsideDatabase(port)
        with psycopg.connect(found.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            for owner, database in (("atlas_owner", "tenantatlas"), ("prefect_owner", "prefect")):
                # psycopg's types want literal text; these names are this module's own, and nobody else's text gets here.
                connection.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD '{PASSWORD}'")  # type: ignore[arg-type]
                connection.execute(f"CREATE DATABASE {database} OWNER {owner}")  # type: ignore[arg-type]
        yield found
    finally:
        with suppress(psutil.NoSuchProcess):
            os.kill(server.pid, signal.SIGINT)
            give_up_at = time.monotonic() + 30
            while server.is_running() and server.status() != psutil.STATUS_ZOMBIE and time.monotonic() < give_up_at:
                time.sleep(0.05)
