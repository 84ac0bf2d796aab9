"""Whose directory is read: the tenant's, or none, with every kind of credential."""

from __future__ import annotations

from uuid import uuid4

import pytest

from flows._sources.graph.credentials import make_credential
from flows._sources.graph.limits import Lanes
from flows._sources.graph.reader import GraphReader
from flows._sources.graph.settings import GraphSettings
from runstore.reasons import ReasonedError
from tests.support.graph_server import GraphServer
from tests.support.graph_server.directory import DOMAIN


@pytest.fixture
def identity(server: GraphServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a worker with a managed identity that lives in the server's directory."""
    given = {
        "IDENTITY_ENDPOINT": f"{server.endpoint}/_identity",
        "IDENTITY_HEADER": "x",
        "SSL_CERT_FILE": server.ca_file,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def read(directory: str, settings: GraphSettings, environ: dict[str, str]) -> int:
    """How many lists were read."""
    with GraphReader.open(directory, settings, environ, Lanes()) as reader:
        return len(list(reader.list()))


def refused(directory: str, settings: GraphSettings, environ: dict[str, str]) -> str:
    with pytest.raises(ReasonedError) as caught:
        read(directory, settings, environ)
    return caught.value.failure.reason_code


def test_a_managed_identity_reads_the_directory_it_lives_in(
    server: GraphServer, settings: GraphSettings, identity: dict[str, str]
) -> None:
    assert read(server.directory_id.upper(), settings, identity) > 0


@pytest.mark.parametrize("with_client_id", [False, True])
def test_a_managed_identity_is_refused_a_domain_before_anything_is_sent(
    server: GraphServer, settings: GraphSettings, identity: dict[str, str], with_client_id: bool
) -> None:
    environ = {**identity, "AZURE_CLIENT_ID": server.client_id} if with_client_id else identity
    # The second has the length and the dashes of an id.
    for directory in (DOMAIN, "contoso-fabrikam-emea-test-abcdef.com"[:36]):
        assert refused(directory, settings, environ) == "graph_directory_missing"
    counted = server.counted()
    assert (counted["tokens"], counted["requests"]) == (0, 0)


def test_a_managed_identity_of_another_directory_reads_nothing(
    server: GraphServer, settings: GraphSettings, identity: dict[str, str]
) -> None:
    assert refused(str(uuid4()), settings, identity) == "graph_wrong_directory"
    assert server.counted()["requests"] == 0


def test_a_secret_reads_the_directory_that_the_sign_in_knows_by_the_domain(
    server: GraphServer, settings: GraphSettings
) -> None:
    assert read(DOMAIN, settings, server.environment) > 0
    assert refused("another.example", settings, server.environment) == "graph_directory_unknown"


def test_only_a_managed_identity_needs_the_id(settings: GraphSettings) -> None:
    environ = {"AZURE_CLIENT_ID": str(uuid4())}
    for more in ({"AZURE_CLIENT_SECRET": "s"}, {"AZURE_FEDERATED_TOKEN_FILE": "/t"}):
        make_credential(settings, DOMAIN, environ | more).close()
