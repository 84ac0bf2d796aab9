"""The HTTP side of a worker or relay, for what restarts it: `/healthz` while it lives, `/readyz` while it can do its work."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runstore.errors import BadInputError


@contextmanager
def probes(
    who: str,
    variable: str,
    host: str,
    port: int | None,
    is_ready: Callable[[], bool],
    metrics: Callable[[], bytes] | None = None,
) -> Generator[None]:
    """Answers probes while the block runs, if there is a port; BadInputError when that is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200, b"ok\n")
            elif self.path == "/readyz":
                self._answer(*((200, b"ok\n") if is_ready() else (503, b"not ready\n")))
            elif self.path == "/metrics" and metrics is not None:
                self._answer(200, metrics(), "text/plain; version=0.0.4; charset=utf-8")
            else:
                self._answer(404, b"not found\n")

        def _answer(self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: probes come every few seconds."""

    if port is None:
        yield
        return
    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as problem:
        raise BadInputError(
            f"The {who} cannot answer on {host}:{port} ({problem.strerror}). Set {variable} to a free port."
        ) from problem
    server.daemon_threads = True
    with server:
        threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
