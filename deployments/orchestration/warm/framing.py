"""Messages between a worker and its warm parent, over a stream socket: the request they are about, their length, JSON.

A stream knows no largest message, so a run's environment may be as large as the system lets one be.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping

_HEAD = struct.Struct("!QI")

READ_BYTES = 65_536

OF_THE_PARENT = 0
"""The number of messages about the parent itself; requests count from one."""


def packed(number: int, message: Mapping[str, object]) -> bytes:
    """One message as bytes. In ASCII, because an environment may hold bytes that are no UTF-8: Python spells those as lone
    surrogates, which only survive as escapes."""
    body = json.dumps(message).encode("ascii")
    return _HEAD.pack(number, len(body)) + body


class Unpacker:
    """Puts together what a stream brings in pieces."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that these bytes complete, each with the number of its request; a body may still be no JSON."""
        self._pending += data
        while len(self._pending) >= _HEAD.size:
            number, length = _HEAD.unpack_from(self._pending)
            end = _HEAD.size + length
            if len(self._pending) < end:
                return
            body = bytes(self._pending[_HEAD.size : end])
            del self._pending[:end]
            yield number, body
