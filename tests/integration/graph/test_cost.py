"""What reading a tenant of 1,200 policies of all types costs: lists, details, and the second time next to nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flows._sources.graph.reader import GraphReader
from tests.integration.graph.conftest import CALM
from tests.integration.graph.test_source import Stored, assert_whole, read, truth
from tests.support.graph_server import GraphServer


@pytest.fixture
def running_server() -> Iterator[GraphServer]:
    with GraphServer.running(policies=1200) as server:
        server.control(**CALM)
        yield server


def test_a_tenant_of_1200_policies(running_server: GraphServer, reader: GraphReader) -> None:
    found, failures, _ = read(reader)
    first = running_server.counted(reset=True)
    assert failures == []
    assert_whole(found, truth(running_server))
    templates = running_server.policies()["administrative_template"]
    of_templates = sum(first["by_policy"].get(key, 0) for key in templates)
    again, failures, _ = read(reader, known={key: Stored(each) for key, each in found.items()})
    second = running_server.counted()
    assert failures == []
    assert again.keys() == found.keys()
    assert first["list_reads"] <= 150
    assert of_templates <= first["reads"] / 4
    assert second["detail_reads"] < first["detail_reads"] / 20
