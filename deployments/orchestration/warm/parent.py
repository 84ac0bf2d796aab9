"""The warm parent: a single-threaded process with Prefect and every flow imported, which forks a child for each flow run.

The worker runs it as `python -P -m deployments.orchestration.warm.parent SOCKET`, with a pipe as its standard input. When
the pipe closes, because the worker stopped or was killed, the parent starts nothing more, and ends with its last child.
A child's output goes where the parent's goes, so a flow run outlives its worker. `client` is the other end of the socket.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from deployments.orchestration.warm.client import GO, peer_user
from deployments.orchestration.warm.flow_process import run_and_exit
from flows._tracking.log_scrubbing import story
from flows._tracking.store import warm_up
from flows.folders import producer_folders

REQUEST_SECONDS = 2.0
BACKLOG = 128

# What Prefect's engine imports only once it runs, found by comparing sys.modules before and after a first flow run.
LIBRARIES = """
    prefect.engine prefect.flow_engine prefect.task_engine prefect.client.orchestration prefect.runner prefect.results
    prefect.utilities.visualization
    anyio._backends._asyncio pydantic.v1 encodings.idna rich._emoji_codes orjson
    sqlalchemy.dialects.postgresql.psycopg psycopg psycopg_binary psycopg_pool
""".split()  # noqa: SIM905 - short in this way

READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "TMP", "TEMP")
"""What an interpreter or a library reads once. A job that changes one of these, or of Prefect's, needs its own interpreter."""

_logger = logging.getLogger("deployments.orchestration.warm.parent")


class Parent:
    """Reads requests and forks. `_children` has the leash of each child's client, `_told` those that were told to end."""

    def __init__(self, listener: socket.socket) -> None:
        from prefect.settings import get_current_settings

        self._listener, self._is_open = listener, True
        self._children: dict[int, socket.socket] = {}
        self._told: set[int] = set()
        self._wake_in, self._wake_out = os.pipe()
        self._watch = selectors.DefaultSelector()
        # As Prefect's worker writes its settings out for a job: what differs from this is the job's own.
        self._environment = os.environ | get_current_settings().to_environment_variables(exclude_unset=True)

    def serve(self) -> None:
        """Serves until the worker is gone and the last child has ended."""
        for descriptor in (self._wake_in, self._wake_out):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake_out, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, frame: self._end_children())
        for source, work in ((self._wake_in, self._reap), (self._listener, self._accept), (0, self._retire)):
            self._watch.register(source, selectors.EVENT_READ, work)
        while self._is_open or self._children:
            for key, _ in self._watch.select():
                key.data()

    def _retire(self) -> None:
        self._is_open = False
        self._watch.unregister(0)
        self._watch.unregister(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        """Forks for one client. One that cannot be served is hung up on, and runs the engine itself."""
        with suppress(OSError, ValueError, TypeError, KeyError, MemoryError), self._listener.accept()[0] as channel:
            channel.settimeout(REQUEST_SECONDS)
            head, descriptors, _, _ = socket.recv_fds(channel, 4, 1)
            leash = socket.socket(fileno=descriptors[0])
            left, body = int.from_bytes(head, "big"), b""
            while len(body) < left and (part := channel.recv(left - len(body))):
                body += part
            request = json.loads(body)
            environment, directory = dict[str, str](request["environment"]), str(request["directory"])
            if peer_user(channel) != os.getuid() or self._needs_own_interpreter(environment):
                leash.close()
                return
            for stream in (sys.stdout, sys.stderr):
                # What is left in a buffer would be written once more by the child.
                stream.flush()
            if (pid := os.fork()) == 0:
                self._be_a_child(channel, leash, environment, directory)
            self._children[pid] = leash
            self._watch.register(leash, selectors.EVENT_READ, lambda: self._heard(pid, leash))

    def _needs_own_interpreter(self, wanted: dict[str, str]) -> bool:
        known = self._environment
        changed = {name for name in known.keys() | wanted.keys() if known.get(name) != wanted.get(name)}
        prefects = (name for name in changed if name.startswith("PREFECT_") and not name.startswith("PREFECT__"))
        return any(name.startswith(READ_AT_START) for name in changed) or any(prefects)

    def _be_a_child(
        self, channel: socket.socket, leash: socket.socket, environment: dict[str, str], directory: str
    ) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            # A leash that a child held would hide from its client that the parent is gone.
            for other in (self._listener, self._watch, leash, *self._children.values()):
                other.close()
            os.close(self._wake_in)
            os.close(self._wake_out)
            os.setsid()
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(directory)
            # Where `python -m` looks first, too.
            sys.path.insert(0, directory)
            # Open until this process ends, by which the client knows that end.
            channel.settimeout(None)
            channel.sendall(b"%d" % os.getpid())
            if channel.recv(1) == GO:
                run_and_exit()
        finally:
            os._exit(1)

    def _heard(self, pid: int, leash: socket.socket) -> None:
        """Signals for the child, or its client's end: a child that was told to stop is killed then, any other goes on."""
        if self._children.get(pid) is not leash:
            return
        numbers = b""
        with suppress(OSError):
            numbers = leash.recv(64)
        for number in numbers:
            self._signal(pid, number)
        if not numbers:
            self._watch.unregister(leash)
            if pid in self._told:
                self._signal(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_in, 4096)
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if leash := self._children.pop(pid, None):
                self._told.discard(pid)
                with suppress(KeyError, ValueError):
                    self._watch.unregister(leash)
                with leash, suppress(OSError):
                    leash.sendall(b"%d" % os.waitstatus_to_exitcode(status))

    def _end_children(self) -> None:
        """Asks every child to end; kills it when asked a second time."""
        for pid in self._children:
            self._signal(pid, signal.SIGKILL if pid in self._told else signal.SIGTERM)

    def _signal(self, pid: int, number: int) -> None:
        self._told.add(pid)
        with suppress(OSError):
            # The whole group when there is no more asking: whatever the run has started ends with it.
            (os.killpg if number == signal.SIGKILL else os.kill)(pid, number)


def main() -> None:
    """Imports the libraries and every producer's flow module, then listens at the path that is the first argument."""
    flows = [f"flows.{folder.name}.flow" for folder in producer_folders() if (folder / "flow.py").is_file()]
    for name in (*LIBRARIES, *flows):
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as problem:
            # It fails in its own runs again. One that ends the interpreter it is imported in is no end of all the others.
            _logger.error("Cannot import %s ahead of its runs:\n%s", name, story(problem))
    warm_up()
    if (threads := threading.active_count()) > 1:
        # A lock held by another thread at the moment of a fork stays locked in the child for ever.
        _logger.warning("The warm parent runs %d threads; something imported starts one at import.", threads)
    path = Path(sys.argv[1])
    listener, making = socket.socket(socket.AF_UNIX), path.with_suffix(".new")
    making.unlink(missing_ok=True)
    listener.bind(str(making))
    making.chmod(0o600)
    listener.listen(BACKLOG)
    making.rename(path)
    # Objects the children will share are moved out of the collector's sight, so that a collection in a child does not
    # touch, and thereby copy, every page of them.
    gc.collect()
    gc.freeze()
    Parent(listener).serve()


if __name__ == "__main__":
    main()
