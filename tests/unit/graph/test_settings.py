"""Settings that cannot be right are refused by name, before anything is sent."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from flows._sources.graph.credentials import directory_claim, make_credential
from flows._sources.graph.reader import GraphReader
from flows._sources.graph.settings import GraphSettings
from runstore.reasons import ReasonedError

DIRECTORY = "11111111-2222-3333-4444-555555555555"
CLIENT = {"AZURE_CLIENT_ID": DIRECTORY}


def test_the_defaults_are_microsofts_public_cloud() -> None:
    settings = GraphSettings.from_environment({})
    assert settings.endpoint == "https://graph.microsoft.com"
    assert settings.scope == "https://graph.microsoft.com/.default"
    assert settings.authority_is_microsofts
    assert not GraphSettings.from_environment({"AZURE_AUTHORITY_HOST": "login.contoso.example"}).authority_is_microsofts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TENANTATLAS_GRAPH_URL", "graph.microsoft.com"),
        ("TENANTATLAS_GRAPH_URL", "http://graph.example"),
        ("TENANTATLAS_GRAPH_URL", "ftp://127.0.0.1"),
        ("TENANTATLAS_GRAPH_URL", "https://"),
        ("TENANTATLAS_GRAPH_URL", "https://[broken"),
        ("AZURE_AUTHORITY_HOST", "http://127.0.0.1:9"),
        ("TENANTATLAS_GRAPH_IN_FLIGHT", "0"),
        ("TENANTATLAS_GRAPH_IN_FLIGHT", "many"),
    ],
)
def test_an_unusable_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ReasonedError) as caught:
        GraphSettings.from_environment({name: value})
    assert caught.value.failure.reason_code == "graph_not_configured"
    assert name in caught.value.failure.message


def test_a_plain_endpoint_is_fine_on_this_machine() -> None:
    assert GraphSettings.from_environment({"TENANTATLAS_GRAPH_URL": "http://127.0.0.1:8/"}).endpoint_is_local


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(ReasonedError) as caught:
            GraphSettings.from_environment({"SSL_CERT_FILE": str(tmp_path / name)}).tls()
        assert caught.value.failure.reason_code == "graph_ca_unreadable"


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        (CLIENT | {"AZURE_CLIENT_SECRET": "s"}, "ClientSecretCredential"),
        (CLIENT | {"AZURE_FEDERATED_TOKEN_FILE": "/t"}, "WorkloadIdentityCredential"),
        (CLIENT, "ManagedIdentityCredential"),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1"}, "ManagedIdentityCredential"),
    ],
)
def test_the_environment_chooses_the_credential(environ: dict[str, str], kind: str) -> None:
    credential = make_credential(GraphSettings(), DIRECTORY, environ)
    assert type(credential).__name__ == kind
    credential.close()


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "AZURE_CLIENT_ID"),
        ({"AZURE_CLIENT_SECRET": "s"}, "AZURE_CLIENT_ID"),
        (CLIENT | {"AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere.pem"}, "AZURE_CLIENT_CERTIFICATE_PATH"),
    ],
)
def test_a_missing_credential_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ReasonedError) as caught:
        make_credential(GraphSettings(), DIRECTORY, environ)
    assert named in caught.value.failure.message


def test_a_tenant_without_a_directory_is_told_so() -> None:
    with pytest.raises(ReasonedError) as caught:
        GraphReader.open(None, environ=CLIENT)
    assert caught.value.failure.reason_code == "graph_directory_missing"


def test_a_directory_claim_is_read_where_there_is_one() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"tid": DIRECTORY}).encode()).decode().rstrip("=")
    assert directory_claim(f"h.{claims}.s") == DIRECTORY
    for opaque in ("", "opaque", "a.b.c", "a.!!!.c", f"a.{base64.urlsafe_b64encode(b'[1]').decode()}.c"):
        assert directory_claim(opaque) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.evil.example/v1.0/x?$skiptoken=1",
        "http://graph.example/v1.0/x",
        "https://graph.example:8443/v1.0/x",
        "https://graph.example@evil.example/v1.0/x",
        "//evil.example/v1.0/x",
        "/v1.0/x",
        "https://graph.example/admin/x",
        "https://graph.example/v1.0\\@evil.example/x",
        "https://graph.example:bad/v1.0/x",
        "",
    ],
)
def test_a_link_that_leaves_the_endpoint_is_not_followed(link: str) -> None:
    assert GraphSettings("https://graph.example").below(link) is None


@pytest.mark.parametrize(
    "link", ["https://graph.example/beta/x?$skiptoken=a%2Fb", "https://GRAPH.example:443/beta/x?$skiptoken=a%2Fb"]
)
def test_a_link_below_the_endpoint_is_followed_whole(link: str) -> None:
    assert GraphSettings("https://graph.example").below(link) == "beta/x?$skiptoken=a%2Fb"
