"""Tells whether the code or the settings that a warm parent imported have changed on disk since."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("flows", "runstore", "deployments")
CHECK_SECONDS = 1.0


class CodeVersion:
    """Watches the source files of our packages and the `.env` of the home.

    `changed()` looks at the disk at most once a second; a version is its files' paths, sizes and times of change. The
    first call after a change answers True, later ones False until the next change.
    """

    def __init__(self, extra: Iterable[Path] = ()) -> None:
        self._extra = tuple(extra)
        self._known = self._read()
        self._looked_at = time.monotonic()

    def changed(self) -> bool:
        """Whether anything differs from the last time this was asked."""
        if time.monotonic() - self._looked_at < CHECK_SECONDS:
            return False
        found = self._read()
        self._looked_at = time.monotonic()
        known, self._known = self._known, found
        return found != known

    def _read(self) -> frozenset[tuple[str, int, int]]:
        return frozenset(_stamp(path) for path in (*_sources(), *(str(path) for path in self._extra)))


def _sources() -> Iterable[str]:
    for package in PACKAGES:
        # Not the spec's locations: a package may extend its path, as `flows` does for producers that live elsewhere.
        for root in importlib.import_module(package).__path__:
            for folder, subfolders, names in os.walk(root):
                subfolders[:] = [name for name in subfolders if name != "__pycache__"]
                yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))  # noqa: PTH118


def _stamp(path: str) -> tuple[str, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of files a minute; Path objects cost more than the call
    except OSError:
        return path, -1, -1
    return path, found.st_size, found.st_mtime_ns
