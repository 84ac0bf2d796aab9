"""Ports for servers of the tests, never given twice on one machine, however many runs of the tests there are."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections: nothing but a server takes one of these.
RANGE = range(20_000, 32_000)
_held: list[int] = []


def free_port() -> int:
    """A port on which nothing listens. It is this process's until the process ends, whether or not it listens yet."""
    locks = Path(tempfile.gettempdir()) / "tenantatlas-test-ports"
    locks.mkdir(exist_ok=True)
    if locks.stat().st_uid == os.geteuid():
        locks.chmod(0o1777)
    for port in random.sample(RANGE, len(RANGE)):
        try:
            descriptor = os.open(locks / str(port), os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:
            # Another user's.
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(descriptor)
            continue
        _held.append(descriptor)
        return port
    raise AssertionError(f"every port of {RANGE} is taken")
