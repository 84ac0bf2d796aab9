"""Locks between processes that the kernel releases when their holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runstore.errors import UnavailableError


class LockTimeoutError(UnavailableError):
    """Another process holds a lock for longer than anything legitimate takes."""


def shared(path: Path) -> BinaryIO:
    """Joins the holders of a shared lock, until the file is closed; waits while someone holds it exclusively."""
    file = _open(path)
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def try_exclusive(path: Path) -> BinaryIO | None:
    """The exclusive lock, until the file is closed; None when anybody else holds it in any mode."""
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def exclusive(path: Path, *, deadline_seconds: float) -> Generator[None]:
    """Holds the exclusive lock for the block; raises `LockTimeoutError` when it is not to be had in time."""
    give_up_at = time.monotonic() + deadline_seconds
    while (held := try_exclusive(path)) is None:
        if time.monotonic() > give_up_at:
            raise LockTimeoutError(
                f"Another process has held {path} for {deadline_seconds:.0f} seconds. "
                "Wait for it to finish or stop it, then try again."
            )
        time.sleep(0.02)
    with held:
        yield


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
