"""Where Microsoft Graph is, who signs in, and how hard it may be asked."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from flows._sources.graph.reasons import GRAPH_CA_UNREADABLE, GRAPH_NOT_CONFIGURED
from runstore.reasons import ReasonedError

DEFAULT_ENDPOINT: Final = "https://graph.microsoft.com"
DEFAULT_AUTHORITY: Final = "https://login.microsoftonline.com"
MICROSOFT_AUTHORITIES: Final = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
        "login.windows.net",
        "sts.windows.net",
    }
)
UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"
"""What OpenSSL says of a certificate whose authority is not known."""
DEFAULT_IN_FLIGHT: Final = 6
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on trying: attempts per request, seconds for one answer, seconds for one request with all its
    retries, the first and the longest pause of the exponential back-off, and the longest that Graph may ask for."""

    attempts: int = 8
    connect_attempts: int = 4
    connect_seconds: float = 10.0
    answer_seconds: float = 60.0
    request_seconds: float = 900.0
    first_pause: float = 0.5
    longest_pause: float = 30.0
    longest_wait: float = 300.0


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """The address of Graph and of the sign-in, and the bounds of the traffic.

    `in_flight` is the number of HTTP requests at a time, `batch_size` how many reads one `$batch` carries (Graph's
    most is 20; 1 sends every read on its own).
    """

    endpoint: str = DEFAULT_ENDPOINT
    authority: str = DEFAULT_AUTHORITY
    ca_file: str | None = None
    in_flight: int = DEFAULT_IN_FLIGHT
    batch_size: int = 20
    largest_answer: int = 64 * 1024 * 1024
    patience: Patience = Patience()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings of this process's environment (`TENANTATLAS_GRAPH_URL`, `AZURE_AUTHORITY_HOST`, `SSL_CERT_FILE`,
        `TENANTATLAS_GRAPH_IN_FLIGHT`).

        Raises ReasonedError naming the setting that is unusable: no URL, or a plain-text one to another machine,
        which would send the token in clear.
        """
        values = os.environ if environ is None else environ
        endpoint = (values.get("TENANTATLAS_GRAPH_URL") or DEFAULT_ENDPOINT).strip().rstrip("/")
        authority = (values.get("AZURE_AUTHORITY_HOST") or DEFAULT_AUTHORITY).strip().rstrip("/")
        if "://" not in authority:
            authority = f"https://{authority}"
        _check("TENANTATLAS_GRAPH_URL", endpoint, plain_on_loopback=True)
        # azure-identity refuses an authority without TLS, loopback or not.
        _check("AZURE_AUTHORITY_HOST", authority, plain_on_loopback=False)
        return cls(
            endpoint=endpoint,
            authority=authority,
            ca_file=values.get("SSL_CERT_FILE") or None,
            in_flight=_in_flight(values.get("TENANTATLAS_GRAPH_IN_FLIGHT")),
        )

    @property
    def scope(self) -> str:
        """The scope a token is asked for: whatever the application was granted on this endpoint."""
        return f"{self.endpoint}/.default"

    @property
    def endpoint_is_local(self) -> bool:
        """Whether the endpoint is on this machine, where no proxy of the environment applies."""
        return urlsplit(self.endpoint).hostname in _LOOPBACK

    @property
    def authority_is_local(self) -> bool:
        """Whether the sign-in is on this machine, where no proxy of the environment applies."""
        return urlsplit(self.authority).hostname in _LOOPBACK

    @property
    def authority_is_microsofts(self) -> bool:
        """Whether Microsoft's instance discovery knows the authority; it is asked about no other."""
        return urlsplit(self.authority).hostname in MICROSOFT_AUTHORITIES

    def below(self, link: str) -> str | None:
        """The path and query of a link below the endpoint; `None` if it leads anywhere else.

        Scheme, host and port must be the endpoint's: the request to the link carries the tenant's token.
        """
        try:
            # Half a surrogate pair cannot stand in an address: UnicodeEncodeError is a ValueError.
            link.encode()
            if _origin_of(link) != _origin_of(self.endpoint):
                return None
        except ValueError:
            return None
        parts, base = urlsplit(link), urlsplit(self.endpoint).path + "/"
        path = parts.path.removeprefix(base) + (f"?{parts.query}" if parts.query else "")
        inside = parts.path.startswith((f"{base}v1.0/", f"{base}beta/")) and "\\" not in path
        return path if inside else None

    def tls(self) -> ssl.SSLContext:
        """The trust for TLS connections: the private CA when one is configured, else the system's.

        Raises ReasonedError if the file cannot be read as certificates.
        """
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError):
            raise ReasonedError(GRAPH_CA_UNREADABLE.failure()) from None


def _origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address, the port spelled out; raises ValueError for a malformed one."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").casefold(), parts.port or default


def _check(setting_name: str, address: str, *, plain_on_loopback: bool) -> None:
    try:
        scheme, host, _ = _origin_of(address)
    except ValueError:
        scheme, host = "", ""
    plain_is_fine = plain_on_loopback and host in _LOOPBACK
    if not host or not (scheme == "https" or (scheme == "http" and plain_is_fine)):
        raise ReasonedError(GRAPH_NOT_CONFIGURED.failure(setting_name=setting_name))


def _in_flight(value: str | None) -> int:
    if not value:
        return DEFAULT_IN_FLIGHT
    if not value.isdecimal() or not 1 <= int(value) <= 32:
        raise ReasonedError(GRAPH_NOT_CONFIGURED.failure(setting_name="TENANTATLAS_GRAPH_IN_FLIGHT"))
    return int(value)
