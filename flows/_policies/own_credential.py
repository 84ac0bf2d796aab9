"""A tenant's own way to sign in: another application, certificate or cloud than the worker's environment says.

What signs in is kept encrypted under the tenant's key, and becomes an environment such as the worker's, for one reader.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from flows._policies.sealing import Seals
from flows._policies.tables import TenantCredential
from runstore.audit import record_audit
from runstore.schema import Tenant
from runstore.tenancy import TenantScope

CERTIFICATE: Final = "TENANTATLAS_OWN_CERTIFICATE"
"""In the environment of one reader only: a certificate with its private key, PEM or PKCS 12, in base64."""

CLOUDS: Final[Mapping[str, tuple[str, str]]] = {
    "commercial": ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
    "gcc-high": ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    "dod": ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    "21vianet": ("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
}
"""Cloud → the addresses of its Microsoft Graph and its sign-in."""

_PLACE: Final = b"tenant credential"
_SIGNS_IN: Final = ("AZURE_CLIENT_", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_", "MSI_")


def environment_with(
    cloud: str | None,
    application: str | None,
    kind: str | None,
    secret: bytes,
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """This process's environment, with what a tenant has of its own in place of it: nothing of another application is left."""
    values = dict(os.environ if environ is None else environ)
    if cloud is not None:
        values["TENANTATLAS_GRAPH_URL"], values["AZURE_AUTHORITY_HOST"] = CLOUDS[cloud]
    if application is not None:
        values = {name: value for name, value in values.items() if not name.startswith(_SIGNS_IN)}
        values["AZURE_CLIENT_ID"] = application
        if kind == "certificate":
            values[CERTIFICATE] = base64.b64encode(secret).decode()
        else:
            values["AZURE_CLIENT_SECRET"] = secret.decode()
    return values


def environment_of(connection: Connection, scope: TenantScope) -> dict[str, str] | None:
    """The environment to sign in to the tenant with; None where that is this process's own. EncryptionKeyError."""
    row = connection.execute(
        select(
            TenantCredential.cloud, TenantCredential.application, TenantCredential.kind, TenantCredential.sealed
        ).where(TenantCredential.tenant_id == scope.tenant_id)
    ).one_or_none()
    if row is None:
        return None
    secret = b"" if row.sealed is None else Seals(connection, scope).opened(bytes(row.sealed), _PLACE)
    return environment_with(row.cloud, row.application, row.kind, secret)


def directory_of(connection: Connection, scope: TenantScope) -> tuple[str | None, Sequence[str], dict[str, str] | None]:
    """The tenant's directory, the types that are not asked for there, and what `environment_of` gives."""
    asked = select(Tenant.directory_id, Tenant.without_types).where(Tenant.id == scope.tenant_id)
    directory, without_types = connection.execute(asked).one()
    return directory, without_types, environment_of(connection, scope)


def keep_credential(
    connection: Connection,
    scope: TenantScope,
    *,
    cloud: str | None,
    application: str | None = None,
    kind: str | None = None,
    secret: bytes = b"",
    expires_at: datetime | None = None,
) -> None:
    """Replaces what the tenant had; with nothing given, it is read with the shared application again. The role is ADMIN."""
    connection.execute(delete(TenantCredential).where(TenantCredential.tenant_id == scope.tenant_id))
    said = {"cloud": cloud, "application": application, "kind": kind}
    if any(said.values()):
        sealed = Seals(connection, scope).kept(secret, _PLACE, clear=False) if kind else None
        row = {"tenant_id": scope.tenant_id, **said, "sealed": sealed, "expires_at": expires_at}
        connection.execute(upsert(TenantCredential).values(row))
    record_audit(connection, scope, "tenant.credential", scope.slug, said)
