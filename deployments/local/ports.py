"""Chooses the ports a local stack listens on."""

from __future__ import annotations

import socket
from contextlib import closing

from runstore.errors import BadInputError


class PortTakenError(BadInputError):
    """A port that was asked for is in use."""


def choose_port(host: str, wanted: int, *, setting: str, insisted: bool) -> int:
    """The wanted port if it is free, else some free one.

    With `insisted` (the port was set, not defaulted) a taken port raises `PortTakenError`, which names the setting. Two
    stacks that choose at the same moment may choose the same port; the later one then fails to start and says so.
    """
    if _is_free(host, wanted):
        return wanted
    if insisted:
        raise PortTakenError(f"Port {wanted} on {host} is in use; stop what uses it or set {setting} to another port.")
    with closing(socket.socket(_family(host), socket.SOCK_STREAM)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    with closing(socket.socket(_family(host), socket.SOCK_STREAM)) as probe:
        # As the servers do: a port whose last connections are still closing down counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
