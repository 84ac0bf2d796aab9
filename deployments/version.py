"""The version of the product that is installed."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def installed_version() -> str:
    """The installed package's version; "unknown" when the code runs without having been installed."""
    try:
        return version("tenantatlas")
    except PackageNotFoundError:
        return "unknown"
