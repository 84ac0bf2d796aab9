"""Connections that wait for a server only so long: one that is frozen, or behind a network that swallows packets, says nothing."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg

CONNECT_SECONDS = 5
"""Seconds a connection may take to be made."""

T = TypeVar("T")
_SHORTER: ContextVar[float | None] = ContextVar("shorter", default=None)


class SilentServerError(psycopg.OperationalError):
    """The server did not answer in time."""


@contextmanager
def waiting_at_most(seconds: float) -> Generator[None]:
    """Within the block, no statement of this thread waits longer than that."""
    token = _SHORTER.set(seconds)
    try:
        yield
    finally:
        _SHORTER.reset(token)


class BoundedConnection(psycopg.Connection[Any]):
    """Waits `limit_seconds` for each answer, then closes itself and raises SilentServerError.

    A frozen server keeps none of its own limits, its kernel goes on answering for TCP, and a local socket has no limits
    at all.
    """

    limit_seconds = 31.0

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        shorter = _SHORTER.get()
        limit = self.limit_seconds if shorter is None else min(shorter, self.limit_seconds)
        try:
            return super().wait(_bounded(gen, limit), *args, **kwargs)
        except SilentServerError:
            # What the server would answer later belongs to no statement any more.
            self.close()
            raise


def _bounded(gen: Generator[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
    deadline = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            # psycopg wakes its generators every tenth of a second, with nothing when nothing has come.
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise SilentServerError("The server did not answer in time.")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value
