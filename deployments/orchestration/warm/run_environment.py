"""What an interpreter reads from its environment when it starts, read again where a flow run's differs from its parent's.

Prefect's process worker starts an interpreter for each run, so that a job's own variables have their full effect. A forked
child has the parent's state instead. Usually the two have the same variables, and nothing is done here.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pkgutil import extend_path

import flows
from flows import registry

_TEMPORARY = {"TMPDIR", "TEMP", "TMP"}


def catch_up(inherited: Mapping[str, str]) -> None:
    """Makes this process agree with `os.environ` and its working directory; `inherited` are the parent's variables."""
    changed = {name for name in inherited.keys() | os.environ.keys() if inherited.get(name) != os.environ.get(name)}
    # Where `python -m` looks first, too.
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as text
    if "PYTHONPATH" in changed:
        _extend_import_path(os.environ.get("PYTHONPATH", ""))
    if "TZ" in changed:
        time.tzset()
    if changed & _TEMPORARY:
        tempfile.tempdir = None
    if any(name.startswith("PREFECT_") and not name.startswith("PREFECT__") for name in changed):
        _set_prefect_up()


def _extend_import_path(value: str) -> None:
    """Puts the entries before the parent's own, which stay: some of them may be there for another reason, too.

    What the parent has imported stays imported.
    """
    sys.path[1:1] = [os.path.abspath(entry) for entry in value.split(os.pathsep) if entry]  # noqa: PTH100 - as text
    importlib.invalidate_caches()
    # A job may bring producers of its own.
    flows.__path__ = extend_path(flows.__path__, flows.__name__)
    registry.forget()


def _set_prefect_up() -> None:
    from prefect.context import refresh_global_settings_context
    from prefect.logging.configuration import setup_logging

    refresh_global_settings_context()
    # Anew, not only the levels: any part of Prefect's logging may be set by a variable.
    setup_logging(incremental=False)
