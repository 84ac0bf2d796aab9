"""The command that a pool's flow runs start: asks the warm parent for a child and stands for it. Standard library only.

Prefect's worker starts it as `python -I -S client.py` in place of its engine. Its environment names the parent's socket. Its
end is the child's end, by exit code or signal. Where no parent of this user answers, it becomes the engine itself.

A run never starts twice: the child waits for a word that only this process sends. A child whose client is gone gets no word
and ends. A client that could not send the word runs the engine, and no child does.
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
ENGINE = "deployments.orchestration.warm.flow_process"
GO = b"!"
CONNECT_SECONDS, ANSWER_SECONDS, END_SECONDS = 5.0, 20.0, 5.0

UNKNOWN_END = 1
"""The exit code of a child whose parent died before it: the engine's own report to Prefect is what counts then."""


def peer_user(channel: socket.socket) -> int:
    """The user id of the process at the other end."""
    return struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]


def connected(path: str) -> socket.socket | None:
    """A connection to this user's parent. None if there is none, or if its backlog stays full for CONNECT_SECONDS."""
    give_up_at = time.monotonic() + CONNECT_SECONDS
    while path and time.monotonic() < give_up_at:
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(ANSWER_SECONDS)
        try:
            channel.connect(path)
            # The environment may hold secrets: another user's process gets none of it.
            return channel if peer_user(channel) == os.getuid() else None
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:
            return None
    return None


def stand_for(pid: int, channel: socket.socket, leash: socket.socket) -> None:
    """Gives the child the word, passes signals on to it, and ends as it does. OSError when the word cannot be given."""

    def pass_on(number: int, frame: object) -> None:
        try:
            # By the parent, which knows a child that it has not reaped, and that this run was told to stop.
            leash.sendall(bytes([number]))
        except OSError:
            os.kill(pid, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    channel.sendall(GO)
    channel.settimeout(None)
    try:
        # The child alone holds the other end now, and never writes again.
        channel.recv(1)
        leash.settimeout(END_SECONDS)
        code = int(leash.recv(32) or UNKNOWN_END)
    except OSError:
        code = UNKNOWN_END
    if code < 0:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def main() -> None:
    """Stands for a forked child, or becomes the engine."""
    if channel := connected(os.environ.get(SOCKET, "")):
        leash, theirs = socket.socketpair()
        request = json.dumps({"environment": dict(os.environ), "directory": os.getcwd()}).encode()  # noqa: PTH109 - no pathlib here
        try:
            socket.send_fds(channel, [len(request).to_bytes(4, "big")], [theirs.fileno()])
            channel.sendall(request)
            pid = int(channel.recv(32))
            theirs.close()
            stand_for(pid, channel, leash)
        except (OSError, ValueError):
            channel.close()
    print("No warm parent answers: this flow run starts an interpreter of its own.", file=sys.stderr, flush=True)  # noqa: T201
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-m", ENGINE])  # noqa: S606 - our own module


if __name__ == "__main__":
    main()
