"""Tells whether the code or the settings that a warm parent imported have changed on disk since."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("flows", "runstore", "deployments")
CHECK_SECONDS = 1.0


class CodeVersion:
    """Watches the source files of our packages and some files besides, each time `changed` is called.

    A version is its files' paths, sizes and times of change.
    """

    def __init__(self, extra: Iterable[Path] = ()) -> None:
        self._extra = tuple(extra)
        self._known = self._seen = self._read()

    def changed(self) -> bool:
        """Whether the files differ from the last version that was told of, and have not changed since the last look.

        True once for each new version. One that is still being written, by an editor or an installer, is half of one.
        """
        found = self._read()
        at_rest = found == self._seen
        self._seen = found
        if not at_rest or found == self._known:
            return False
        self._known = found
        return True

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
