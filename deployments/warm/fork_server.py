"""The warm parent: a single-threaded process with Prefect and every flow imported, which forks one child per flow run.

It is run by `fork_client` as `python -m deployments.warm.fork_server FD` and speaks JSON packets over that socket:

    <- {"run": id, "environment": {...}, "directory": path, "memory_mb": int}      start a flow run
    -> {"ready": true}                                                             everything is imported
    -> {"run": id, "pid": pid}  then  {"run": id, "exit_code": code}               it runs; it ended

When the socket closes, because the worker left or was killed, the parent starts nothing more, lets the children it has
finish what they are doing, and ends: a flow run outlives its worker, as with Prefect's process worker.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import socket
import sys
import threading

import orjson

from deployments.warm import flow_process, preload
from flows._tracking.store import warm_up

PACKET_BYTES = 160_000

_logger = logging.getLogger("deployments.warm.fork_server")


class ForkServer:
    """Reads requests from the socket and forks; owns every child until it is reaped."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._runs: dict[int, str] = {}
        self._open = True

    def serve(self) -> None:
        """Serves until the socket is closed and the last child has ended."""
        wake_in, wake_out = os.pipe()
        for descriptor in (wake_in, wake_out):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._send({"ready": True})
        while self._open or self._runs:
            watched: list[int | socket.socket] = [wake_in]
            if self._open:
                watched.append(self._channel)
            readable, _, _ = select.select(watched, [], [])
            if wake_in in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_in, 4096)
                self._reap()
            if self._channel in readable:
                self._receive()

    def _receive(self) -> None:
        packet = self._channel.recv(PACKET_BYTES)
        if not packet:
            self._open = False
            return
        request = flow_process.Request(**orjson.loads(packet))
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._channel.close()
            flow_process.run_and_exit(request)
        self._runs[pid] = request.run
        self._send({"run": request.run, "pid": pid})

    def _reap(self) -> None:
        while self._runs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if (run := self._runs.pop(pid, None)) is not None:
                self._send({"run": run, "exit_code": os.waitstatus_to_exitcode(status)})

    def _send(self, message: dict[str, object]) -> None:
        try:
            self._channel.send(orjson.dumps(message))
        except OSError:
            self._open = False


def main() -> None:
    """Imports everything, then serves the socket whose descriptor is the first argument."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * PACKET_BYTES)
    preload.import_everything()
    warm_up()
    if (threads := threading.active_count()) > 1:
        # A lock held by another thread at the moment of a fork stays locked in the child for ever.
        _logger.warning("The warm parent runs %d threads; something imported starts one at import.", threads)
    # Objects the children will share are moved out of the collector's sight, so that a collection in a child does not
    # touch, and thereby copy, every page of them.
    gc.collect()
    gc.freeze()
    ForkServer(channel).serve()


if __name__ == "__main__":
    main()
