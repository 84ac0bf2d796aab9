"""The warm parent: a single-threaded process with Prefect and every flow imported, which forks one child per flow run.

Run by `fork_client` as `python -P -m deployments.orchestration.warm.fork_server FD`; it speaks over that socket, see `framing`:

    -> 0 {"release": version}                                               everything is imported
    <- n {"run": id, "environment": {...}, "directory": path, "memory_mb": int}     start a flow run
    -> n {"pid": pid}  then  {"exit_code": code}                            it runs; it ended
    -> n {"busy": text}  or  {"refused": text}                              it could not be started: not now; not at all

Requests have numbers of their own: a flow run may start again while the process of its earlier attempt still ends.

When the socket closes, because the worker left or was killed, the parent starts nothing more, lets the children it has
finish what they are doing, and ends: a flow run outlives its worker, as with Prefect's process worker.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import threading

from deployments.orchestration.warm import flow_process, preload
from deployments.orchestration.warm.framing import OF_THE_PARENT, READ_BYTES, Unpacker, packed
from deployments.version import installed_version
from flows._tracking.store import warm_up

_logger = logging.getLogger("deployments.orchestration.warm.fork_server")


class ForkServer:
    """Reads requests from the socket and forks; owns every child until it is reaped."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._requests = Unpacker()
        self._numbers: dict[int, int] = {}
        self._open = True
        self._wake_in, self._wake_out = os.pipe()

    def serve(self) -> None:
        """Serves until the socket is closed and the last child has ended."""
        for descriptor in (self._wake_in, self._wake_out):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake_out, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._send(OF_THE_PARENT, {"release": installed_version()})
        while self._open or self._numbers:
            watched: list[int | socket.socket] = [self._wake_in]
            if self._open:
                watched.append(self._channel)
            readable, _, _ = select.select(watched, [], [])
            if self._wake_in in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_in, 4096)
                self._reap()
            if self._channel in readable:
                self._receive()

    def _receive(self) -> None:
        try:
            data = self._channel.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._open = False
        for number, body in self._requests.feed(data):
            self._start(number, body)

    def _start(self, number: int, body: bytes) -> None:
        """Forks, or says why not: a request that cannot be met must not end the parent of all the other runs."""
        try:
            request = flow_process.Request(**json.loads(body))
        except (ValueError, TypeError) as problem:
            self._send(number, {"refused": f"the request is not to be read ({type(problem).__name__})"})
            return
        for stream in (sys.stdout, sys.stderr):
            # What is left in a buffer would be written once more by the child. Nobody may be reading it any longer.
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        try:
            pid = os.fork()
        except (OSError, MemoryError) as problem:
            self._send(number, {"busy": f"the system makes no further process ({problem})"})
            return
        if pid == 0:
            signal.set_wakeup_fd(-1)
            self._channel.close()
            os.close(self._wake_in)
            os.close(self._wake_out)
            flow_process.run_and_exit(request)
        self._numbers[pid] = number
        self._send(number, {"pid": pid})

    def _reap(self) -> None:
        while self._numbers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if (number := self._numbers.pop(pid, None)) is not None:
                self._send(number, {"exit_code": os.waitstatus_to_exitcode(status)})

    def _send(self, number: int, message: dict[str, object]) -> None:
        try:
            self._channel.sendall(packed(number, message))
        except OSError:
            self._open = False


def main() -> None:
    """Imports everything, then serves the socket whose descriptor is the first argument."""
    channel = socket.socket(fileno=int(sys.argv[1]))
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
