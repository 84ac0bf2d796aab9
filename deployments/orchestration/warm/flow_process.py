"""What a forked child does: become a process of its own, limit itself, and run Prefect's engine on one flow run."""

from __future__ import annotations

import atexit
import os
import resource
import runpy
import signal
import sys
import threading
from dataclasses import dataclass
from typing import NoReturn

from deployments.orchestration.warm.run_environment import catch_up
from flows._tracking.log_scrubbing import install, story


@dataclass(frozen=True, slots=True)
class Request:
    """One flow run to start: its id, the environment of its process, where it runs, and how much memory it may use."""

    run: str
    environment: dict[str, str]
    directory: str
    memory_mb: int = 0


def run_and_exit(request: Request) -> NoReturn:
    """Runs the flow and ends this process with the exit code Prefect's engine gives; never returns.

    The steps are those of `python -m prefect.engine`, so states, receipts, cancellation and exit codes are the ones of
    Prefect's own process worker.
    """
    code = 1
    try:
        _become_a_process(request)
        code = _run_engine(request.run)
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


def _become_a_process(request: Request) -> None:
    os.setsid()
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    inherited = dict(os.environ)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.directory)
    if request.memory_mb:
        _limit_memory(request.memory_mb * 1024 * 1024)
    catch_up(inherited)


def _limit_memory(wanted: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    # A limit that whoever started the worker set is not to be raised, and no reason to run nothing.
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _run_engine(flow_run_id: str) -> int:
    import prefect.engine

    # Before the engine, which reports a flow that cannot be loaded or a state that cannot be set.
    install()
    sys.argv = ["prefect.engine", flow_run_id]
    try:
        runpy.run_path(prefect.engine.__file__, run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
