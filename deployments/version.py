"""The version of the product that is installed."""

from __future__ import annotations

import os
import socket
from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def installed_version() -> str:
    """The installed package's version; "unknown" when the code runs without having been installed."""
    try:
        return version("tenantatlas")
    except PackageNotFoundError:
        return "unknown"


def worker_name(name: str | None) -> str:
    """The name with the version behind it, so that `status` can tell old workers; by default, where the worker runs."""
    return f"{name or f'{socket.gethostname()}-{os.getpid()}'}@{installed_version()}"
