"""Tokens for one directory, by whatever credential the environment holds, from azure-identity."""

import base64
import binascii
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

import orjson
from azure.core.exceptions import AzureError, ServiceRequestError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from flows._policies.json_shape import GUID, as_dict
from flows._policies.own_credential import CERTIFICATE
from flows._sources.graph import reasons
from flows._sources.graph.settings import UNTRUSTED, GraphSettings
from runstore.reasons import ReasonedError
from runstore.runs.run import Failure

_SIGN_IN_RETRIES: Final = 3
_ENTRA_CODE: Final = re.compile(r"\bAADSTS[0-9]{4,8}\b")
"""Entra's number, the one thing looked for in a text that otherwise names the tenant."""
_DESKS: Final = tuple(
    (re.compile(rf"{said}\b"), reason)
    for said, reason in (
        (r"AADSTS(?:90002|900023|900021|900382)", reasons.GRAPH_DIRECTORY_UNKNOWN),
        (r"AADSTS(?:65\d{3}|650\d{3}|700016|7000112|500011|500014)", reasons.GRAPH_CONSENT_MISSING),
        (r"AADSTS(?:53\d{3}|53\d{4})", reasons.GRAPH_ACCESS_BLOCKED),
        (r"AADSTS(?:90033|90024|90006|90012|90020|90025|50033|500133)", reasons.GRAPH_SIGN_IN_UNAVAILABLE),
        (r"AADSTS\d+|invalid_client|unauthorized_client|invalid_request", reasons.GRAPH_SIGN_IN_REFUSED),
        (r"OIDC Discovery failed on \S+ HTTP status: 40[04]", reasons.GRAPH_DIRECTORY_UNKNOWN),
    )
)
"""What Entra says of why there is no token; the first that fits decides, and none does where the sign-in itself is down."""

# Its warnings quote Entra's answer, which names the tenant; what matters of it is in the failure.
logging.getLogger("azure.identity").setLevel(logging.ERROR)


class Credential(Protocol):
    """What azure-identity's credentials have in common, as far as it is used here."""

    def get_token(self, *scopes: str) -> Any: ...

    def close(self) -> None: ...


def make_credential(settings: GraphSettings, directory: str, environ: Mapping[str, str] | None = None) -> Credential:
    """The credential the environment describes: a client secret, a certificate, a workload identity, or a managed one.

    They are tried in that order by azure-identity's own variables; a managed identity is used when AZURE_CLIENT_ID
    stands alone or the platform announces one. Nothing is sent yet. Raises ReasonedError naming the variable that is
    missing or unusable, and for a managed identity beside a directory that is given as a domain.
    """
    values = os.environ if environ is None else environ
    client_id = values.get("AZURE_CLIENT_ID", "").strip()
    secret = values.get("AZURE_CLIENT_SECRET", "")
    own = values.get(CERTIFICATE, "")
    certificate = values.get("AZURE_CLIENT_CERTIFICATE_PATH", "")
    token_file = values.get("AZURE_FEDERATED_TOKEN_FILE", "")
    if (secret or certificate or token_file) and not client_id:
        raise ReasonedError(reasons.GRAPH_NOT_CONFIGURED.failure(setting_name="AZURE_CLIENT_ID"))
    shared: dict[str, Any] = {
        "authority": settings.authority,
        "disable_instance_discovery": not settings.authority_is_microsofts,
        "retry_total": _SIGN_IN_RETRIES,
        "retry_backoff_factor": settings.patience.first_pause,
        "connection_timeout": settings.patience.connect_seconds,
        "read_timeout": settings.patience.answer_seconds,
        "connection_verify": settings.ca_file or True,
        "use_env_settings": not settings.authority_is_local,
    }
    try:
        if own:
            data = base64.b64decode(own)
            return CertificateCredential(
                directory, client_id, certificate_data=data, send_certificate_chain=True, **shared
            )
        if secret:
            return ClientSecretCredential(directory, client_id, secret, **shared)
        if certificate:
            password = values.get("AZURE_CLIENT_CERTIFICATE_PASSWORD") or None
            chain = values.get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "").casefold() in {"1", "true"}
            return CertificateCredential(
                directory, client_id, certificate, password=password, send_certificate_chain=chain, **shared
            )
        if token_file:
            return WorkloadIdentityCredential(
                tenant_id=directory, client_id=client_id, token_file_path=token_file, **shared
            )
    except (ValueError, OSError):
        setting = "AZURE_CLIENT_CERTIFICATE_PATH" if certificate and not secret else "AZURE_CLIENT_ID"
        raise ReasonedError(reasons.GRAPH_NOT_CONFIGURED.failure(setting_name=setting)) from None
    if not (client_id or values.get("IDENTITY_ENDPOINT") or values.get("MSI_ENDPOINT")):
        raise ReasonedError(reasons.GRAPH_NOT_CONFIGURED.failure(setting_name="AZURE_CLIENT_ID"))
    # The others ask for a token of the directory, and Entra knows what a domain stands for. A managed identity is asked for no
    # directory and gets a token of its own, which a claim can be held against and a domain cannot.
    if not _is_id(directory):
        raise ReasonedError(reasons.GRAPH_DIRECTORY_MISSING.failure())
    return ManagedIdentityCredential(client_id=client_id or None)


class TokenSource:
    """The current access token for a directory, got when first asked for and renewed before it expires.

    Safe to share among threads. A token whose `tid` claim names another directory is refused, since what it reads
    would be stored under the wrong tenant. Of a directory given as a domain it is Entra that issues no other's token.
    """

    def __init__(self, make: Callable[[], Credential], scope: str, directory: str) -> None:
        self._make = make
        self._scope = scope
        self._directory = directory.casefold()
        self._credential: Credential | None = None
        self._lock = threading.Lock()
        self._checked: str | None = None
        self._refused: ReasonedError | None = None

    def token(self) -> str:
        """The token to send now. Raises ReasonedError if the sign-in is refused or not reachable."""
        with self._lock:
            return self._fetch()

    def renewed(self, refused: str) -> str:
        """A token other than `refused`: a fresh one, unless another thread has fetched it already."""
        with self._lock:
            current = self._fetch()
            if current != refused:
                return current
            # azure-identity keeps a token until shortly before it expires; only a new credential asks again.
            self._drop()
            return self._fetch()

    def close(self) -> None:
        """Lets go of the connections; the next question signs in again."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        self._refused = None
        if self._credential is not None:
            self._credential.close()
            self._credential = None

    def _fetch(self) -> str:
        if self._refused is not None:
            # Every thread in flight would sign in again with credentials that are known to be wrong.
            raise ReasonedError(self._refused.failure)
        try:
            return self._sign_in()
        except ReasonedError as refused:
            self._refused = refused
            raise

    def _sign_in(self) -> str:
        if self._credential is None:
            self._credential = self._make()
        try:
            token = str(self._credential.get_token(self._scope).token)
        except (AzureError, ValueError) as refused:
            raise ReasonedError(self._why(refused)) from None
        if token != self._checked:
            self._check_directory(token)
            self._checked = token
        return token

    def _why(self, refused: BaseException) -> Failure:
        """Why there is no token. azure-identity calls everything a refusal: what it was, the causes behind it say."""
        causes = list(_causes(refused))
        said = " ".join(map(str, causes))
        if UNTRUSTED in said:
            return reasons.GRAPH_CA_UNKNOWN.failure()
        if any(isinstance(cause, ServiceRequestError) for cause in causes):
            return reasons.GRAPH_UNREACHABLE.failure(attempts=_SIGN_IN_RETRIES + 1)
        found = _ENTRA_CODE.search(said)
        reason = next((one for told, one in _DESKS if told.search(said)), reasons.GRAPH_SIGN_IN_UNAVAILABLE)
        return reason.failure(directory_id=self._directory, graph_error_code=found.group() if found else None)

    def _check_directory(self, token: str) -> None:
        claimed = directory_claim(token)
        if claimed and _is_id(self._directory) and claimed.casefold() != self._directory:
            raise ReasonedError(reasons.GRAPH_WRONG_DIRECTORY.failure())


def _is_id(directory: str) -> bool:
    return GUID.fullmatch(directory) is not None


def directory_claim(token: str) -> str | None:
    """The `tid` claim of a token, unverified; `None` when the token is opaque or says none.

    Graph is the one who verifies tokens; here it only guards against reading one directory into another's tenant.
    """
    pieces = token.split(".")
    if len(pieces) != 3:
        return None
    try:
        claims = as_dict(orjson.loads(base64.urlsafe_b64decode(pieces[1] + "=" * (-len(pieces[1]) % 4))))
    except (ValueError, binascii.Error):
        return None
    claim = claims.get("tid")
    return claim if isinstance(claim, str) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
