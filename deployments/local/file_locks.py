"""Locks between processes that the kernel releases when their holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import BinaryIO

from runstore.errors import UnavailableError


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


def exclusive(path: Path, *, seconds: float) -> BinaryIO:
    """The exclusive lock, until the file is closed; UnavailableError when it is not to be had in that time."""
    give_up_at = time.monotonic() + seconds
    while (held := try_exclusive(path)) is None:
        if time.monotonic() > give_up_at:
            raise UnavailableError(
                f"Another process has held {path} for {seconds:.0f} seconds. Wait for it to finish or stop it, then try again."
            )
        time.sleep(0.02)
    return held


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
