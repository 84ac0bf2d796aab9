"""A watcher that ends a local stack whose supervisor was killed. Run as `python -m deployments.local.reaper HOME`.

It holds the reading end of a pipe whose other end only the supervisor has. A supervisor that ends in order says so
first; when the pipe closes without a word, it was killed, and the reaper ends every process of the stack and the
embedded database with them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

FAREWELL = b"done"


class Reaper:
    """The supervisor's side: start it first, dismiss it last."""

    def __init__(self, home: Path) -> None:
        reading, self._writing = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "deployments.local.reaper", str(home)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reading)

    def dismiss(self) -> None:
        """Lets the reaper end without doing anything."""
        os.write(self._writing, FAREWELL)
        os.close(self._writing)
        self._process.wait()


def main() -> None:
    """Waits for the supervisor's end, and cleans up unless it said farewell."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() == FAREWELL:
        return
    from deployments.local.embedded_database import EmbeddedDatabase
    from deployments.local.marks import sweep

    home = Path(sys.argv[1])
    sweep(home)
    database = EmbeddedDatabase(home)
    if database.pid() is not None:
        # Entering and leaving stops the server unless someone else uses it.
        with database:
            pass


if __name__ == "__main__":
    main()
