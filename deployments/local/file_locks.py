"""Locks between processes that the kernel releases when their holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from runstore.errors import UnavailableError


class LockTimeoutError(UnavailableError):
    """Another process holds a lock for longer than anything legitimate takes."""


class HeldLock:
    """A lock on a file, held until `release` or until the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Gives the lock up; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def shared(path: Path) -> HeldLock:
    """Joins the holders of a shared lock; waits while someone holds it exclusively."""
    descriptor = _open(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return HeldLock(descriptor)


def try_exclusive(path: Path) -> HeldLock | None:
    """The exclusive lock, or None when anybody else holds it in any mode."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return HeldLock(descriptor)


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
    try:
        yield
    finally:
        held.release()


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
