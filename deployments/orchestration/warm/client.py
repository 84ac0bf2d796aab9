"""The command that a pool's flow runs start: asks the warm parent for a child and stands for it. Standard library only.

Prefect's worker starts it as `python -I -S client.py` in place of its engine. Its environment names the parent's socket. Its
end is the child's end, by exit code or signal. Where no parent of this user answers, it becomes the engine itself.

A run never starts twice: a child begins only once it could say so here. One whose client is gone ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys

SOCKET = "TENANTATLAS_FORK_SOCKET"
ENGINE = "deployments.orchestration.warm.parent"
CONNECT_SECONDS, ANSWER_SECONDS = 5, 20.0

# A child says BEGUN before it begins. Its exit code follows in two bytes, below zero for a signal: UNKNOWN_END where nobody is
# left who could say it, since the engine's own report to Prefect is what counts then.
BEGUN, UNKNOWN_END = b"b", 1


def begun() -> socket.socket:
    """The connection to this user's parent by which a child has said that it begins. OSError when none has, or ever will."""
    channel = socket.socket(socket.AF_UNIX)
    # By the kernel's clock a backlog that is full is waited for; by Python's it is an error at once.
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", CONNECT_SECONDS, 0))
    channel.connect(os.environ.get(SOCKET, ""))
    # The environment may hold secrets: another user's process gets none of it.
    _, user, _ = struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user != os.getuid():
        raise PermissionError
    channel.settimeout(ANSWER_SECONDS)
    request = json.dumps({"environment": dict(os.environ), "directory": os.getcwd()})  # noqa: PTH109 - no pathlib here
    channel.sendall(request.encode() + b"\n")
    try:
        said = channel.recv(1)
    except TimeoutError:
        # A child that begins only now can no longer say so, and ends. One that did at this very moment is ended.
        channel.shutdown(socket.SHUT_RD)
        if channel.recv(1):
            channel.send(bytes([signal.SIGKILL]))
        raise
    if said != BEGUN:
        raise ConnectionError
    return channel


def stand_for_child(channel: socket.socket) -> None:
    """Passes signals on to the child, and ends as it does."""

    def pass_on(number: int, frame: object) -> None:
        try:  # noqa: SIM105 - no contextlib here
            channel.send(bytes([number]))
        except OSError:
            pass

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    channel.settimeout(None)
    try:
        end = channel.recv(2)
    except OSError:
        end = b""
    code = int.from_bytes(end, "big", signed=True) if end else UNKNOWN_END
    if code < 0:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def main() -> None:
    """Stands for a forked child, or becomes the engine."""
    try:
        channel = begun()
    except OSError:
        print("No warm parent answers: this flow run starts an interpreter of its own.", file=sys.stderr, flush=True)  # noqa: T201
        os.execv(sys.executable, [sys.executable, "-m", ENGINE])  # noqa: S606 - our own module
    stand_for_child(channel)


if __name__ == "__main__":
    main()
