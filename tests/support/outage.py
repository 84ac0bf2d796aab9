"""A store that goes away: its database closes every connection and lets nobody in until the block ends."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url


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
