"""A warm parent whose children run the script that SCRIPT names instead of Prefect's engine, which would need a server.

Everything else is the parent's own: `python -m tests.support.script_parent SOCKET`.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import traceback
from typing import NoReturn

from deployments.orchestration.warm import parent

SCRIPT = "SCRIPT_UNDER_TEST"


def run_and_exit() -> NoReturn:
    """Runs the script and ends with its exit code."""
    code = 0
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        runpy.run_path(os.environ[SCRIPT])
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    parent.LIBRARIES = []
    parent.run_and_exit = run_and_exit
    parent.main()
