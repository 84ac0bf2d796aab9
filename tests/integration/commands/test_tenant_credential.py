"""A tenant is read with what it has of its own, which is kept encrypted, and a check says what is missing before a run does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.identity import CertificateCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from deployments.store_access import everything_under_key
from flows._policies.own_credential import environment_of
from flows._sources.graph.credentials import make_credential
from flows._sources.graph.settings import GraphSettings
from flows.inventory.sources import opened
from runstore.reasons import ReasonedError
from tests.conftest import Store
from tests.support.command_line import CommandLine
from tests.support.graph_server import GraphServer

WRONG = "Wrong~Secret~Of~The~Shared~Application"
CREDENTIAL = ("tenant", "credential", "acme", "--application")


@pytest.fixture(scope="module")
def running() -> Iterator[GraphServer]:
    with GraphServer.running(policies=40) as server:
        yield server


@pytest.fixture
def own(
    running: GraphServer, store: Store, tenantatlas: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Commands where the shared application is refused and the tenant's own would do; its secret lies in `secret`."""
    running.control(faults={}, reset=True)
    shared = {**running.environment, "AZURE_CLIENT_SECRET": WRONG}
    for name, value in shared.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "secret").write_text(f"{running.client_secret}\n")
    tenantatlas.variables = {**tenantatlas.variables, **shared}
    assert tenantatlas("tenant", "set", "acme", "--directory", running.directory_id).code == 0
    return tenantatlas


def check(commands: CommandLine) -> tuple[int, Any]:
    done = commands("tenant", "check", "acme", "--json")
    return done.code, done.document


def test_a_tenant_is_read_with_its_own_application_and_again_with_the_shared_one(
    running: GraphServer, own: CommandLine, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, before = check(own)
    assert (code, before["signed_in"], before["problem"]["reason_code"]) == (1, False, "graph_sign_in_refused")
    words = (*CREDENTIAL, running.client_id, "--secret-file", str(tmp_path / "secret"), "--expires", "2031-01-31")
    said = own(*words)
    assert said.code == 0 and running.client_secret not in said.out
    code, whole = check(own)
    assert (code, whole["missing_permissions"], whole["expires_at"][:10]) == (0, [], "2031-01-31")
    assert "2031-01-31" in own("tenant", "check", "acme").out
    # A run reads with it, too, and the command that changes the key leaves it readable.
    everything_under_key(store.admin)
    with opened("graph", "default", store.worker, store.tenant()) as found:
        assert len(list(found.source.read())) > 0
    with store.admin.transaction(store.tenant()) as connection:
        kept = str(connection.execute(text("SELECT t, encode(sealed, 'escape') FROM tenant_credentials t")).all())
        audit = str(connection.execute(text("SELECT detail FROM audit_log WHERE verb = 'tenant.credential'")).all())
    assert running.client_secret not in kept + audit and running.client_id in audit
    assert own("tenant", "credential", "acme", "--shared").code == 0
    assert check(own)[0] == 1


def test_a_missing_permission_is_named_with_who_can_grant_it(
    running: GraphServer, own: CommandLine, tmp_path: Path
) -> None:
    own(*CREDENTIAL, running.client_id, "--secret-file", str(tmp_path / "secret"))
    running.control(faults={"scripts": [{"match": "managedAppPolicies", "kind": "forbidden", "times": -1}]}, reset=True)
    code, told = check(own)
    assert (code, told["missing_permissions"]) == (1, ["DeviceManagementApps.Read.All"])
    refused = [one["policy_type"] for one in told["types"] if one["problem"]]
    assert refused == ["app_protection"]
    said = own("tenant", "check", "acme").out
    assert "Global Administrator" in said and "not known here" in said


def certificate(kind: str) -> tuple[bytes, datetime]:
    """A certificate with its key, PEM or PKCS 12, and when it expires."""
    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC).replace(microsecond=0)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=90))
    made = built.sign(key, hashes.SHA256())
    if kind == "pfx":
        data = pkcs12.serialize_key_and_certificates(b"own", key, made, None, NoEncryption())
    else:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        data = made.public_bytes(Encoding.PEM) + pem
    return data, now + timedelta(days=90)


@pytest.mark.parametrize("kind", ["pem", "pfx"])
def test_an_own_certificate_in_another_cloud(own: CommandLine, store: Store, tmp_path: Path, kind: str) -> None:
    data, expires_at = certificate(kind)
    (tmp_path / "own").write_bytes(data)
    done = own(*CREDENTIAL, "an-id", "--certificate-file", str(tmp_path / "own"), "--cloud", "dod", "--json")
    assert datetime.fromisoformat(done.document["credential"]["expires_at"]) == expires_at
    with store.worker.transaction(store.tenant()) as connection:
        environ = environment_of(connection, store.tenant())
    assert environ is not None and WRONG not in environ.values()
    settings = GraphSettings.from_environment(environ)
    assert (settings.endpoint, settings.authority) == (
        "https://dod-graph.microsoft.us",
        "https://login.microsoftonline.us",
    )
    assert isinstance(make_credential(settings, "common", environ), CertificateCredential)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--shared"),
        (("--application", "x", "--shared"), 2, "--shared"),
        (("--application", "x"), 2, "TENANTATLAS_TENANT_SECRET"),
        (("--secret-file", "nowhere", "--cloud", "dod"), 2, "--application"),
        (("--application", "x", "--secret-file", "nowhere"), 2, "nowhere cannot be read"),
        (("--application", "x", "--certificate-file", __file__), 2, "no certificate"),
        (("--cloud", "moon"), 2, "not a cloud"),
        (("--cloud", "dod", "--expires", "soon"), 2, "2027-01-31"),
        (("--cloud", "dod", "--as", "olivia@acme.example"), 3, "--as"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    tenantatlas: CommandLine, words: tuple[str, ...], code: int, said: str
) -> None:
    outcome = tenantatlas("tenant", "credential", "acme", *words)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1), outcome
    assert said in outcome.err


def test_without_the_key_a_run_with_an_own_secret_fails_with_its_reason(
    running: GraphServer, own: CommandLine, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(*CREDENTIAL, running.client_id, "--secret-file", str(tmp_path / "secret"))
    monkeypatch.delenv("TENANTATLAS_ENCRYPTION_KEY")
    monkeypatch.delenv("TENANTATLAS_ENCRYPTION_KEY_FILE", raising=False)
    scope = store.tenant()
    with pytest.raises(ReasonedError) as refused, opened("graph", "default", store.worker, scope):
        pass
    assert refused.value.failure.reason_code == "encryption_key_missing"
