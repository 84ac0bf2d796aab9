"""A flow run's process: limits its memory and runs Prefect's engine. Forked by the parent, or run by the client itself."""

from __future__ import annotations

import atexit
import os
import resource
import runpy
import signal
import sys
import threading
from typing import NoReturn

from flows._tracking.log_scrubbing import install, story

MEMORY = "TENANTATLAS_FLOW_MEMORY_MB"
RESERVE_MB = 256
"""MiB above the limit that are kept for telling that it was reached."""


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


if __name__ == "__main__":
    run_and_exit()
