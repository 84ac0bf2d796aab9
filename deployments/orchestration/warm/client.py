"""The command that a pool's flow runs start: asks the warm parent for a child and stands for it. Standard library only.

Prefect's worker starts it as `python -I -S client.py` in place of its engine. Its environment names the parent's socket. Its
end is the child's end, by exit code or signal. Where no parent of this user answers, it becomes the engine itself.

A run never starts twice: a child begins only once it could tell its process id here. One whose client is gone ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
import time

SOCKET = "TENANTATLAS_FORK_SOCKET"
ENGINE = "deployments.orchestration.warm.parent"
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 20.0

ENDED = -1000
"""The parent says an exit code as this much less: below zero, whatever the code, and so never a process id."""

UNKNOWN_END = 1
"""The exit code of a child whose parent died before it: the engine's own report to Prefect is what counts then."""


def connected(path: str) -> socket.socket | None:
    """A connection to this user's parent. None if there is none, or if its backlog stays full for CONNECT_SECONDS."""
    give_up_at = time.monotonic() + CONNECT_SECONDS
    while path and time.monotonic() < give_up_at:
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(ANSWER_SECONDS)
        try:
            channel.connect(path)
            # The environment may hold secrets: another user's process gets none of it.
            _, user, _ = struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return channel if user == os.getuid() else None
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:
            return None
    return None


def heard(channel: socket.socket) -> int:
    """The child's process id, or its end below zero; zero when nobody is left who could say one."""
    try:
        return int.from_bytes(channel.recv(4), "big", signed=True)
    except TimeoutError:
        # A child that begins only now can no longer say so, and ends. One that did at this very moment is ended.
        channel.shutdown(socket.SHUT_RDWR)
        if late := channel.recv(4):
            os.kill(int.from_bytes(late, "big"), signal.SIGKILL)
    except OSError:
        pass
    return 0


def stand_for(pid: int, channel: socket.socket) -> None:
    """Passes signals on to the child, and ends as it does."""

    def pass_on(number: int, frame: object) -> None:
        try:
            # So that the parent knows that this run was told to stop.
            channel.send(bytes([number]))
            os.kill(pid, number)
        except OSError:
            pass

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    channel.settimeout(None)
    told = heard(channel)
    code = told - ENDED if told < 0 else UNKNOWN_END
    if code < 0:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def main() -> None:
    """Stands for a forked child, or becomes the engine."""
    if channel := connected(os.environ.get(SOCKET, "")):
        request = json.dumps({"environment": dict(os.environ), "directory": os.getcwd()})  # noqa: PTH109 - no pathlib here
        try:
            channel.sendall(request.encode() + b"\n")
            if (pid := heard(channel)) > 0:
                stand_for(pid, channel)
        except OSError:
            pass
    print("No warm parent answers: this flow run starts an interpreter of its own.", file=sys.stderr, flush=True)  # noqa: T201
    os.execv(sys.executable, [sys.executable, "-m", ENGINE])  # noqa: S606 - our own module


if __name__ == "__main__":
    main()
