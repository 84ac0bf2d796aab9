"""The worker's HTTP side, for whatever restarts it: `/healthz` while it lives, `/readyz` while Prefect answers it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from deployments.settings import Settings
from runstore.errors import BadInputError


@contextmanager
def health_served(settings: Settings, is_ready: Callable[[], bool]) -> Generator[None]:
    """Answers probes while the block runs, if a port is set for them; BadInputError when that port is taken.

    A Prefect server that is away makes the worker not ready, never unhealthy: a restart would only end the runs under way.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            ok = self.path == "/healthz" or (self.path == "/readyz" and is_ready())
            self.send_response(200 if ok else 503 if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: probes come every few seconds."""

    if settings.worker_health_port is None:
        yield
        return
    try:
        server = ThreadingHTTPServer((settings.metrics_host, settings.worker_health_port), Handler)
    except OSError as problem:
        raise BadInputError(
            f"The worker cannot answer probes on {settings.metrics_host}:{settings.worker_health_port} "
            f"({problem.strerror}). Set TENANTATLAS_WORKER_HEALTH_PORT to a free port."
        ) from problem
    with server:
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
        yield
        server.shutdown()
