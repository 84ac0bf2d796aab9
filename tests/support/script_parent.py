"""A warm parent whose children run a script of the test's instead of Prefect's engine, which would need a server.

Run by `ScriptParent`; everything else is the warm parent's own.
"""

from __future__ import annotations

import os
import runpy
import time
from pathlib import Path

from deployments.orchestration.warm import flow_process, fork_server, preload
from deployments.orchestration.warm.fork_client import WarmParent

SCRIPT, NO_FORK, ALL = "TEST_SCRIPT", "TEST_NO_FORK", "TEST_IMPORT_ALL"
"""Variables: the file a child runs, one that makes forks fail while it exists, and whether Prefect and our own flows are
imported, which takes most of the time until a parent is ready."""

BIRTH_SECONDS = 0.1
"""How long a child takes until it does anything, so that what is done to it at once meets a process that is just born."""


class ScriptParent(WarmParent):
    """The worker's side of it."""

    module = "tests.support.script_parent"


def _run_script(flow_run_id: str) -> int:
    try:
        runpy.run_path(os.environ[SCRIPT], run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def main() -> None:
    """The warm parent."""
    fork = os.fork

    def fork_unless_told() -> int:
        if Path(os.environ[NO_FORK]).exists():
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return fork()

    if not os.environ.get(ALL):
        own = {folder.name for folder in Path(__file__).parents[2].joinpath("flows").iterdir()}
        others = [name for name in preload.flow_modules() if name.split(".")[1] not in own]
        preload.LIBRARIES, preload.flow_modules = (), lambda: others
    flow_process._run_engine = _run_script  # pyright: ignore[reportPrivateUsage]
    os.fork = fork_unless_told
    os.register_at_fork(after_in_child=lambda: time.sleep(BIRTH_SECONDS))
    fork_server.main()


if __name__ == "__main__":
    main()
