"""One server for the module; each test gets it with faults, limits and counters cleared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from flows._policies.types import Lane
from flows._sources.graph.limits import Lanes, Limit
from flows._sources.graph.reader import GraphReader
from flows._sources.graph.settings import GraphSettings, Patience
from tests.support.graph_server import GraphServer

QUICK = Patience(attempts=6, connect_attempts=2, answer_seconds=2.0, first_pause=0.02, longest_pause=0.2)
CALM = {
    "faults": {},
    "limits": False,
    "latency": 0.0,
    "page_size": 25,
    "refuse_expansion": 0,
    "quirks": [],
    "token_seconds": 3600,
    "sign_in": 0,
    "reset": True,
}


@pytest.fixture(scope="module")
def running_server() -> Iterator[GraphServer]:
    with GraphServer.running(policies=290) as server:
        yield server


@pytest.fixture
def server(running_server: GraphServer) -> GraphServer:
    running_server.control(**CALM)
    return running_server


@pytest.fixture
def settings(server: GraphServer) -> GraphSettings:
    return replace(GraphSettings.from_environment(server.environment), patience=QUICK)


@pytest.fixture
def reader(server: GraphServer, settings: GraphSettings) -> Iterator[GraphReader]:
    # Lanes of its own, and wide ones: a test must not wait for tokens unless that is what it is about.
    lanes = Lanes({lane: Limit(100_000, 1.0) for lane in Lane})
    with GraphReader.open(server.directory_id, settings, server.environment, lanes) as opened:
        yield opened
