"""The warm parent: a single-threaded process with Prefect and every flow imported, which forks a child for each flow run.

The worker runs it as `python -P -m deployments.orchestration.warm.parent SOCKET`, with a pipe as its standard input. When
the pipe closes, because the worker stopped or was killed, the parent starts nothing more, and ends with its last child.
A child's output goes where the parent's goes, so a flow run outlives its worker. `client` is the other end of the socket;
it runs this without SOCKET where no parent answers, and a flow run has this process for itself.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import logging
import os
import resource
import runpy
import selectors
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deployments.orchestration.warm.client import ENDED
from flows._tracking.log_scrubbing import install, story
from flows._tracking.store import warm_up
from flows.folders import producer_folders

REQUEST_SECONDS, GRACE_SECONDS, BACKLOG = 2.0, 5, 128
MEMORY = "TENANTATLAS_FLOW_MEMORY_MB"
RESERVE_MB = 256
"""MiB above the limit that are kept for telling that it was reached."""

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


@dataclass(eq=False)
class Child:
    """A forked flow run: the connection to its client, what can be read once it has ended, whether it was told to end."""

    pid: int
    channel: socket.socket
    end: io.FileIO
    told: bool = False

    def signal(self, number: int) -> None:
        """Sends it; a kill goes to the whole group, so that whatever the run has started ends with it."""
        self.told = True
        with suppress(OSError):
            (os.killpg if number == signal.SIGKILL else os.kill)(self.pid, number)


class Parent:
    """Reads requests and forks."""

    def __init__(self, listener: socket.socket) -> None:
        from prefect.settings import get_current_settings

        self._listener, self._is_open = listener, True
        self._children: list[Child] = []
        self._watch = selectors.DefaultSelector()
        # As Prefect's worker writes its settings out for a job: what differs from this is the job's own.
        self._environment = os.environ | get_current_settings().to_environment_variables(exclude_unset=True)

    def serve(self) -> None:
        """Serves until the worker is gone and the last child has ended."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, lambda number, frame: self._end_children())
        self._watch.register(self._listener, selectors.EVENT_READ, self._accept)
        self._watch.register(0, selectors.EVENT_READ, self._retire)
        while self._is_open or self._children:
            # A signal that comes just before the wait is looked at after it.
            for key, _ in self._watch.select(1):
                key.data()

    def _retire(self) -> None:
        self._is_open = False
        self._watch.unregister(0)
        self._watch.unregister(self._listener)
        self._listener.close()

    def _end_children(self) -> None:
        """Asks every child to end, and kills it GRACE_SECONDS later."""
        for child in self._children:
            child.signal(signal.SIGKILL if child.told else signal.SIGTERM)
        signal.alarm(GRACE_SECONDS)

    def _accept(self) -> None:
        """Forks for one client. One that cannot be served is hung up on, and runs the engine itself."""
        with suppress(OSError, ValueError, TypeError, KeyError, MemoryError), self._listener.accept()[0] as channel:
            channel.settimeout(REQUEST_SECONDS)
            with channel.makefile("rb") as lines:
                request = json.loads(lines.readline())
            environment, directory = dict[str, str](request["environment"]), str(request["directory"])
            if self._needs_own_interpreter(environment):
                return
            for stream in (sys.stdout, sys.stderr):
                # What is left in a buffer would be written once more by the child.
                stream.flush()
            if (pid := os.fork()) == 0:
                self._be_a_child(channel, environment, directory)
            child = Child(pid, channel.dup(), io.FileIO(os.pidfd_open(pid)))
            self._children.append(child)
            self._watch.register(child.channel, selectors.EVENT_READ, lambda: self._heard(child))
            self._watch.register(child.end, selectors.EVENT_READ, lambda: self._ended(child))

    def _needs_own_interpreter(self, wanted: dict[str, str]) -> bool:
        known = self._environment
        changed = {name for name in known.keys() | wanted.keys() if known.get(name) != wanted.get(name)}
        prefects = (name for name in changed if name.startswith("PREFECT_") and not name.startswith("PREFECT__"))
        return any(name.startswith(READ_AT_START) for name in changed) or any(prefects)

    def _be_a_child(self, channel: socket.socket, environment: dict[str, str], directory: str) -> NoReturn:
        try:
            for number in (signal.SIGTERM, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            # A connection that another child held would hide from its client that its own has ended.
            for other in (
                self._listener,
                self._watch,
                *(end for one in self._children for end in (one.channel, one.end)),
            ):
                other.close()
            os.setsid()
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(directory)
            # Where `python -m` looks first, too.
            sys.path.insert(0, directory)
            # It stays open until this process ends: with the parent gone, that tells the client of that end.
            channel.sendall(os.getpid().to_bytes(4))
            run_and_exit()
        finally:
            os._exit(1)

    def _heard(self, child: Child) -> None:
        """That the child was told to stop, or its client's end: such a child is killed then, any other goes on."""
        if child not in self._children:
            return
        told = b""
        with suppress(OSError):
            told = child.channel.recv(64)
        child.told = child.told or bool(told)
        if not told:
            self._watch.unregister(child.channel)
            if child.told:
                child.signal(signal.SIGKILL)

    def _ended(self, child: Child) -> None:
        self._children.remove(child)
        _, status = os.waitpid(child.pid, 0)
        for source in (child.end, child.channel):
            with suppress(KeyError):
                self._watch.unregister(source)
        with child.channel, child.end, suppress(OSError):
            child.channel.sendall((ENDED + os.waitstatus_to_exitcode(status)).to_bytes(4, signed=True))


def run_and_exit() -> NoReturn:
    """Runs the flow run that the environment names, and ends this process with the exit code of Prefect's engine.

    The steps are those of `python -m prefect.engine`, so states, cancellation and exit codes are the ones of Prefect's
    own process worker.
    """
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if megabytes := int(os.environ.get(MEMORY) or 0):
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            soft, ours = megabytes << 20, (megabytes + RESERVE_MB) << 20
            # A limit that was set before the worker started is not to be raised, and no reason to run nothing.
            highest = ours if hard == resource.RLIM_INFINITY else min(ours, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (min(soft, highest), highest))
        import prefect.engine

        # Before the engine, which reports a flow that cannot be loaded or a state that cannot be set.
        install()
        sys.argv = ["prefect.engine", os.environ.get("PREFECT__FLOW_RUN_ID", "")]
        runpy.run_path(prefect.engine.__file__, run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as problem:
        sys.stderr.write(f"The flow run's process ended: {story(problem)}\n")
    finally:
        try:
            # Prefect sends the last logs and events when the interpreter ends. Running the exit functions does that;
            # tearing down the inherited interpreter as well would only cost time.
            threading._shutdown()  # pyright: ignore
            atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def main() -> None:
    """Imports the libraries and every producer's flow module, then listens at the path that is the first argument."""
    flows = [f"flows.{folder.name}.flow" for folder in producer_folders() if (folder / "flow.py").is_file()]
    for name in (*LIBRARIES, *flows):
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as problem:
            # It fails in its own runs again. One that would end the interpreter does not end the others.
            _logger.error("Cannot import %s ahead of its runs:\n%s", name, story(problem))
    warm_up()
    if (threads := threading.active_count()) > 1:
        # A lock held by another thread at the moment of a fork stays locked in the child for ever.
        _logger.warning("The warm parent runs %d threads; something imported starts one at import.", threads)
    path = Path(sys.argv[1])
    listener, making = socket.socket(socket.AF_UNIX), path.with_suffix(".new")
    making.unlink(missing_ok=True)
    listener.bind(str(making))
    # Nobody can connect before it listens: no other user ever can.
    making.chmod(0o600)
    listener.listen(BACKLOG)
    making.rename(path)
    # Objects the children will share are moved out of the collector's sight, so that a collection in a child does not
    # touch, and thereby copy, every page of them.
    gc.collect()
    gc.freeze()
    Parent(listener).serve()


if __name__ == "__main__":
    main() if len(sys.argv) > 1 else run_and_exit()
