"""The warm parent: a single-threaded process with Prefect and every flow imported, which forks a child for each flow run.

The worker runs it as `python -P -m deployments.orchestration.warm.parent SOCKET`. When the pipe at its standard input closes,
because the worker stopped or was killed, it starts nothing more, and ends with its last run. For each client it forks a
watcher, which forks the run that the client asks for, passes signals on to it, and says how it ended. A run's output goes where
the parent's goes. So a run outlives worker and parent. Where no parent answers, `client` runs this without SOCKET.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import logging
import os
import resource
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from prefect.settings import get_current_settings

from deployments.orchestration.warm.client import BEGUN
from flows._tracking.log_scrubbing import install, story
from flows._tracking.store import warm_up
from flows.folders import producer_folders

# What is reserved above the limit of memory is for telling that it was reached.
REQUEST_SECONDS, GRACE_SECONDS, BACKLOG, RESERVE_MB = 2.0, 5, 128, 256

# What a run imports beside its flow, found by comparing sys.modules before and after a first one.
LIBRARIES = """
    prefect.task_engine prefect.runner prefect.utilities.visualization anyio._backends._asyncio rich._emoji_codes psycopg_pool
""".split()  # noqa: SIM905 - short in this way

READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "TMP", "TEMP", "PREFECT_")
"""What an interpreter or a library reads once. A job that changes one of these needs its own interpreter."""

_logger = logging.getLogger("deployments.orchestration.warm.parent")


def _watch(channel: socket.socket, known: dict[str, str]) -> NoReturn:
    """Forks the run that the client asks for, and says its end. Says nothing if the run needs an interpreter of its own."""
    try:
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        channel.settimeout(REQUEST_SECONDS)
        request = json.loads(channel.makefile("rb").readline())
        environment = dict[str, str](request["environment"])
        changed = (name for name in known.keys() | environment.keys() if known.get(name) != environment.get(name))
        # Prefect's of two underlines are the run's own.
        if not any(name.startswith(READ_AT_START) and not name.startswith("PREFECT__") for name in changed):
            if (pid := os.fork()) == 0:
                os.setsid()
                os.environ.clear()
                os.environ.update(environment)
                os.chdir(request["directory"])
                # Where `python -m` looks first, too.
                sys.path.insert(0, request["directory"])
                # It stays open until this process ends: with the watcher gone, that tells the client of that end.
                channel.sendall(BEGUN)
                run_and_exit()
            channel.sendall(_end_of(pid, channel).to_bytes(2, signed=True))
    finally:
        os._exit(1)


def _end_of(pid: int, channel: socket.socket) -> int:
    """Passes on to the run what its client was told, and gives its exit code, below zero for a signal.

    A run whose client was told to stop and is gone is killed, with all that it has started. Any other goes on without one.
    """

    def end(number: int, frame: object) -> None:
        os.kill(pid, number)
        signal.alarm(GRACE_SECONDS)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGALRM, lambda number, frame: os.killpg(pid, signal.SIGKILL))
    ended, heard, was_told = os.pidfd_open(pid), [channel], False
    while ended not in select.select([ended, *heard], [], [])[0]:
        told = b""
        with suppress(OSError):
            told = channel.recv(64)
            for number in told:
                os.kill(pid, number)
        was_told = was_told or bool(told)
        if not told:
            heard = []
            if was_told:
                os.killpg(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run_and_exit() -> NoReturn:
    """Runs the flow run that the environment names, and ends, as `python -m prefect.engine` does."""
    code = 1
    try:
        if megabytes := int(os.environ.get("TENANTATLAS_FLOW_MEMORY_MB") or 0):
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            # A limit that was set before the worker started is not to be raised, and no reason to run nothing.
            most = min(one for one in ((megabytes + RESERVE_MB) << 20, hard) if one != resource.RLIM_INFINITY)
            resource.setrlimit(resource.RLIMIT_DATA, (min(megabytes << 20, most), most))
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
    """Imports what runs need, then forks a watcher for each client at the first argument's path, as long as there is a worker."""
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
    # What is left in the buffer would be written once more by each child.
    sys.stdout.flush()
    # Out of the collector's sight: a collection in a child would touch, and thereby copy, every page of what is shared.
    gc.collect()
    gc.freeze()
    path, listener = Path(sys.argv[1]), socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    # Nobody can connect before it listens: no other user ever can.
    path.chmod(0o600)
    listener.listen(BACKLOG)
    # As Prefect's worker writes its settings out for a job: what differs from this is the job's own.
    known = os.environ | get_current_settings().to_environment_variables(exclude_unset=True)
    # The worker tells its whole group to end: watchers then end their runs, which have sessions of their own.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Watchers that have ended leave nothing behind.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while 0 not in select.select([0, listener], [], [])[0]:
        # A client that cannot be served is hung up on, and runs the engine itself.
        with suppress(OSError), listener.accept()[0] as channel:
            if os.fork() == 0:
                listener.close()
                _watch(channel, known)
    listener.close()
    with suppress(ChildProcessError):
        os.wait()


if __name__ == "__main__":
    main() if len(sys.argv) > 1 else run_and_exit()
