"""The worker's HTTP side, for whoever restarts it: `/healthz` while its loop turns, `/readyz` while it asks Prefect for runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from prefect.workers.base import BaseWorker

from deployments.settings import Settings
from runstore.errors import BadInputError

READ_SECONDS = 5.0
ASKED_WITHIN_SECONDS = 15.0


def asks_prefect(worker: BaseWorker[Any, Any, Any]) -> bool:
    """Whether the worker had an answer from Prefect lately, so that a run waiting for it would be taken."""
    silence = (datetime.now(UTC) - worker._last_polled_time).total_seconds()  # pyright: ignore[reportPrivateUsage]
    # Until Prefect has once heard of it, a worker says that it polls and asks nobody.
    heard = worker._has_successfully_synced  # pyright: ignore[reportPrivateUsage]
    return worker.is_setup and heard and silence < ASKED_WITHIN_SECONDS


@asynccontextmanager
async def health_served(settings: Settings, is_ready: Callable[[], bool]) -> AsyncGenerator[None]:
    """Answers probes while the block runs, if a port is set for them; BadInputError when that port is taken.

    The worker's own event loop answers, not a thread: a loop that hangs is one that gives no answer. A Prefect server that
    is away makes the worker not ready, never unhealthy: a restart would only end the runs under way.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_SECONDS)
            path = head.split(b" ", 2)[1] if head.startswith(b"GET ") else b""
            ok = path == b"/healthz" or (path == b"/readyz" and is_ready())
            status, said = ("200 OK", "ok\n") if ok else ("404 Not Found", "not found\n")
            if path == b"/readyz" and not ok:
                status, said = "503 Service Unavailable", "not ready\n"
            fields = f"Content-Type: text/plain\r\nContent-Length: {len(said)}\r\nConnection: close"
            writer.write(f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n{said}".encode())
            await writer.drain()
        writer.close()

    if settings.worker_health_port is None:
        yield
        return
    try:
        server = await asyncio.start_server(answer, settings.metrics_host, settings.worker_health_port, limit=8192)
    except OSError as problem:
        raise BadInputError(
            f"The worker cannot answer probes on {settings.metrics_host}:{settings.worker_health_port} "
            f"({problem.strerror}). Set TENANTATLAS_WORKER_HEALTH_PORT to a free port."
        ) from problem
    try:
        yield
    finally:
        server.close()
