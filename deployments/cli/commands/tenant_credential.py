"""`tenantatlas tenant credential` and `check`: how a tenant is signed in to, and whether that suffices to read it."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.call import Answer, Call
from deployments.cli.console import Table
from runstore.errors import BadInputError

SECRET = "TENANTATLAS_TENANT_SECRET"  # noqa: S105 - a variable's name
GRANTS = "A Global Administrator or Privileged Role Administrator of the tenant grants it, with admin consent for the application."
SlugArgument = Annotated[str, typer.Argument(help="The tenant's slug.")]


def set_credential(
    call: Call,
    slug: SlugArgument,
    application: Annotated[
        str | None, typer.Option("--application", metavar="CLIENT_ID", help="Its own application.")
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option("--secret-file", help=f"A file with the secret; else {SECRET}, else it is asked for.")
    ] = None,
    certificate_file: Annotated[
        Path | None,
        typer.Option("--certificate-file", help="A certificate with its private key instead, without a password."),
    ] = None,
    cloud: Annotated[str | None, typer.Option("--cloud", help="commercial, gcc-high, dod or 21vianet.")] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="YYYY-MM-DD", help="When the secret expires.")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="The shared application again, and nothing of its own.")
    ] = False,
) -> Answer:
    from flows._policies.own_credential import CLOUDS, keep_credential

    call.operator_only("changes how tenants are signed in to")
    if shared == bool(application or cloud):
        raise BadInputError(
            "Say what the tenant has of its own, --application, --cloud or both, or that it has nothing: --shared."
        )
    if not application and (secret_file or certificate_file):
        raise BadInputError("A secret or a certificate belongs to an application: give its --application.")
    if cloud is not None and cloud not in CLOUDS:
        raise BadInputError(f"{cloud[:80]!r} is not a cloud here: use {', '.join(CLOUDS)}.")
    kind, secret = None, b""
    try:
        expires_at = None if expires is None else datetime.strptime(expires, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BadInputError("--expires is a date: write it as 2027-01-31.") from None
    if application and certificate_file is not None:
        kind, secret = "certificate", _read(certificate_file)
        expires_at = _usable(application, secret)
    elif application:
        kind, secret = "secret", (_read(secret_file).strip() if secret_file else _asked(call))
    with call.open_store() as store:
        scope = store.scope(slug, None)
        with store.admin.transaction(scope) as connection:
            keep_credential(
                connection, scope, cloud=cloud, application=application, kind=kind, secret=secret, expires_at=expires_at
            )
    document = {"tenant": slug, "application": application, "kind": kind, "cloud": cloud}
    document["expires_at"] = expires_at and expires_at.isoformat()
    own = f"application {application}, {kind}" if application else "the shared application"
    return Answer({"credential": document}, (f"Tenant {slug} is read with {own}, cloud {cloud or 'of the settings'}.",))


def check_tenant(call: Call, slug: SlugArgument) -> Answer:
    from sqlalchemy import select

    from flows._policies.own_credential import environment_of
    from flows._policies.tables import TenantCredential
    from flows._sources.graph.reader import GraphReader
    from runstore.reasons import ReasonedError
    from runstore.schema import Tenant

    call.operator_only("signs in to tenants")
    with call.open_store() as store:
        scope = store.scope(slug, None)
        with store.admin.transaction(scope) as connection:
            directory = connection.execute(select(Tenant.directory_id).where(Tenant.id == scope.tenant_id)).scalar_one()
            expiry = select(TenantCredential.expires_at).where(TenantCredential.tenant_id == scope.tenant_id)
            expires_at = connection.execute(expiry).scalar_one_or_none()
            environ = environment_of(connection, scope)
    document: dict[str, Any] = {"tenant": slug, "own_credential": environ is not None}
    document["expires_at"] = expires_at and expires_at.isoformat()
    try:
        with GraphReader.open(directory, environ=environ) as reader:
            tried = list(reader.check())
    except ReasonedError as refused:
        told = {"signed_in": False, "problem": {"reason_code": refused.failure.reason_code, "message": str(refused)}}
        return Answer(
            {**document, **told, "types": [], "missing_permissions": []}, (str(refused), _expiry(expires_at)), 1
        )
    types: list[dict[str, str | None]] = []
    rows: list[tuple[str, str, str]] = []
    lacks: set[str] = set()
    for entry, problem in tried:
        failure = problem and problem.failure(entry.slug)
        message = failure.message if failure else None
        types.append({"policy_type": entry.slug, "permission": entry.permission, "problem": message})
        rows.append((entry.label, entry.permission, message or "can be read"))
        lacks |= {entry.permission} if failure and failure.reason_code == "graph_permission_missing" else set()
    document |= {"signed_in": True, "problem": None, "types": types, "missing_permissions": sorted(lacks)}
    table = Table(("Type", "Permission", "Tried"), rows, "There are no types.")
    said = [f"Permission {name} is missing. {GRANTS}" for name in sorted(lacks)]
    return Answer(document, (table, *said, _expiry(expires_at)), int(any(problem for _, problem in tried)))


def _expiry(expires_at: datetime | None) -> str:
    if expires_at is None:
        return "When the secret expires is not known here: `tenant credential --expires` writes it down."
    left = expires_at - datetime.now(UTC)
    days = f"{abs(left).days} day{'' if abs(left).days == 1 else 's'}" if abs(left).days else "less than a day"
    when = f"expired {days} ago" if left.total_seconds() < 0 else f"expires in {days}"
    return f"The secret or certificate {when}, on {expires_at:%Y-%m-%d}."


def _read(file: Path) -> bytes:
    try:
        found = file.read_bytes()
    except OSError as problem:
        raise BadInputError(f"{file} cannot be read: {problem.strerror or problem}.") from None
    if not found.strip() or len(found) > 100_000:
        raise BadInputError(f"{file} is empty, or too large for a secret or a certificate.")
    return found


def _asked(call: Call) -> bytes:
    told = os.environ.get(SECRET, "")
    if not told and (call.as_json or not sys.stdin.isatty()):
        raise BadInputError(
            f"The application's secret is read from --secret-file or {SECRET}; nobody can be asked for it here."
        )
    return (told or str(typer.prompt("The application's secret", hide_input=True))).encode()


def _usable(application: str, data: bytes) -> datetime:
    """When the certificate expires. BadInputError when it is none that signs in."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs12

    from flows._policies.own_credential import environment_with
    from flows._sources.graph.credentials import make_credential
    from flows._sources.graph.settings import GraphSettings
    from runstore.reasons import ReasonedError

    try:
        environ = environment_with("commercial", application, "certificate", data)
        make_credential(GraphSettings.from_environment(environ), "common", environ).close()
        if data.lstrip().startswith(b"-----"):
            return x509.load_pem_x509_certificate(data).not_valid_after_utc
        found = pkcs12.load_pkcs12(data, None).cert
    except (ReasonedError, ValueError):
        found = None
    if found is None:
        raise BadInputError("The file holds no certificate with its private key, PEM or PKCS 12 without a password.")
    return found.certificate.not_valid_after_utc
