"""Ways to know that a process is ready: it answers over HTTP, or it wrote the file it was told to write."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

READY_FILE = "TENANTATLAS_READY_FILE"


def answers(url: str, *, timeout_seconds: float = 2) -> bool:
    """Whether a GET of this address of our own stack is answered with success."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds) as response:  # noqa: S310 - an address of our own
            return 200 <= response.status < 300
    except OSError:
        return False


def forget_ready(path: Path) -> None:
    """Makes the file's absence mean "not ready yet" for the process started next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


def announce_ready() -> None:
    """Says that this process is ready, if the process that started it asked for that."""
    if path := os.environ.get(READY_FILE):
        Path(path).touch()
