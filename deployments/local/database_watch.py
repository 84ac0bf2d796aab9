"""Keeps the embedded database of a local stack running, as the stack keeps its processes."""

from __future__ import annotations

import time
from collections import deque

from deployments.local.embedded_database import EmbeddedDatabase
from deployments.local.process import RESTART_WINDOW_SECONDS, RESTARTS
from deployments.local.record import ProcessRecord, record_of
from runstore.errors import UnavailableError

NAME = "database"


class DatabaseWatch:
    """Starts the server again when it has ended; one that ends six times within a minute is left, shown as failed."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self.database = database
        self.state = "running"
        self._pid = database.pid() or 0
        self._restarts: deque[float] = deque(maxlen=RESTARTS)
        self._restarted = 0

    def look(self) -> str | None:
        """Looks once; a sentence when something happened that a person may want to know."""
        pid = self.database.pid()
        if pid is not None:
            self._pid, self.state = pid, "running"
            return None
        if self.state == "failed":
            return None
        now = time.monotonic()
        if len(self._restarts) == RESTARTS and now - self._restarts[0] < RESTART_WINDOW_SECONDS:
            self.state = "failed"
            return f"The database keeps ending and is left alone; its log is {self.database.log}"
        self.state = "stopped"
        self._restarts.append(now)
        try:
            self.database.revive()
        except UnavailableError as problem:
            return f"The database ended: {problem}"
        self._restarted += 1
        self._pid, self.state = self.database.pid() or 0, "running"
        return f"The database ended and was started again; its log is {self.database.log}"

    def record(self) -> ProcessRecord:
        """What `status` shows of it."""
        return record_of(NAME, self._pid, self.state, self._restarted)
