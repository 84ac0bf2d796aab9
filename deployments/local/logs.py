"""Keeps a log small while the process that writes it goes on."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

LOG_BYTES = 5_000_000


def rotate(log: Path) -> bool:
    """Moves what is in a log of more than LOG_BYTES to `<log>.1`, which it replaces; whether it did.

    The writer has the file open for appending, so it goes on at the new end. A line that it writes at this very moment is lost.
    """
    with suppress(OSError):
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
            return True
    return False
