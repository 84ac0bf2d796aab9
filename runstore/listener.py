"""Hears that a run was started, or handed over: LISTEN with a way back after the server was away."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from runstore.bounded import CONNECT_SECONDS, BoundedConnection
from runstore.database import sqlalchemy_url
from runstore.runs.starter import CHANNEL


class RunListener:
    """Waits for news of runs on a channel, new pending ones by default.

    NOTIFY is a hint: one that comes while the connection is away is lost, so sweep as well.
    """

    def __init__(self, url: str, channel: str = CHANNEL) -> None:
        self._channel = channel
        self._url = sqlalchemy_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.Connection[Any] | None = None

    def wait(self, seconds: float) -> bool:
        """True as soon as there is news, or the connection was just made again (something may have been missed).

        False after `seconds`. Never raises for a server that is away: it waits the time out and tries again at the next call.
        """
        deadline = time.monotonic() + seconds
        try:
            if self._connection is None:
                connection = BoundedConnection.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS)
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
                self._connection = connection
                return True
            for _ in self._connection.notifies(timeout=max(0.0, deadline - time.monotonic()), stop_after=1):
                return True
        except psycopg.Error:
            self.close()
            time.sleep(max(0.0, min(deadline - time.monotonic(), 1.0)))
        return False

    def close(self) -> None:
        """Lets the connection go; `wait` makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
