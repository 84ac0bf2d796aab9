"""Messages come out of a stream as they went in, however it was cut."""

from __future__ import annotations

import json
import random

import pytest

from deployments.orchestration.warm.framing import Unpacker, packed

MESSAGES = [{"run": "a", "environment": {"NAME": "\udce9 ü"}}, {}, {"pad": "x" * 300_000}, {"exit_code": -9}]


@pytest.mark.parametrize("longest", [1, 7, 100_000, 10_000_000])
def test_messages_survive_being_cut(longest: int) -> None:
    stream = b"".join(packed(number, message) for number, message in enumerate(MESSAGES, 5))
    random.seed(longest)
    found: list[tuple[int, object]] = []
    unpacker, at = Unpacker(), 0
    while at < len(stream):
        step = random.randint(1, longest)
        found += [(number, json.loads(body)) for number, body in unpacker.feed(stream[at : at + step])]
        at += step
    assert found == list(enumerate(MESSAGES, 5))
