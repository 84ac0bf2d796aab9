"""A store that goes away: its database lets nobody in until the block ends, or its server does not move at all."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

import psutil
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from deployments.local.embedded_database import EmbeddedDatabase


@contextmanager
def store_away(url: str) -> Generator[None]:
    """While the block runs, the database of `url` is not to be reached, by new connections or by those there were."""
    parsed = make_url(url)
    name = str(parsed.database)
    server = parsed.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        connection.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        try:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            yield
        finally:
            connection.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


@contextmanager
def store_frozen(server: EmbeddedDatabase) -> Generator[None]:
    """While the block runs, no process of the server moves: connections stay open, and nothing is answered."""
    pid = server.pid()
    assert pid is not None
    postmaster = psutil.Process(pid)
    frozen = [postmaster]
    try:
        # The postmaster first: what it starts meanwhile would be missed.
        postmaster.suspend()
        for process in postmaster.children():
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                frozen.append(process)
        yield
    finally:
        for process in reversed(frozen):
            with suppress(psutil.NoSuchProcess):
                process.resume()
