"""Identity from a proxy that signed the person in: believed only from the configured addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from monitoring_app.settings import ProxySettings
from runstore.directory import Directory, SignedInUser

_LONGEST = 320


@dataclass(frozen=True, slots=True)
class ProxyClaims:
    """What the proxy says of the person who asks."""

    subject: str
    email: str | None


class TrustedProxy:
    """Reads the identity headers of requests that come from the proxy itself, and of no others."""

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self._networks = [ip_network(address, strict=False) for address in settings.addresses]

    def claims(self, scope: Scope) -> ProxyClaims | None:
        """Who the proxy says is asking; None when it says nothing, or when it is not the proxy that speaks."""
        client = scope.get("client")
        if client is None or not self._trusts(str(client[0])):
            return None
        headers = Headers(scope=scope)
        # A header that came twice was added to one that the client had sent.
        subjects = headers.getlist(self._settings.subject_header)
        emails = headers.getlist(self._settings.email_header)
        if len(subjects) != 1 or len(emails) > 1 or not 0 < len(subjects[0]) <= _LONGEST:
            return None
        email = emails[0] if emails and len(emails[0]) <= _LONGEST else None
        return ProxyClaims(subjects[0], email)

    def sign_in(self, directory: Directory, claims: ProxyClaims) -> SignedInUser | None:
        """The person of ours that the proxy vouches for, bound at their first request; None for nobody."""
        return directory.sign_in(self._settings.issuer, claims.subject, claims.email, email_trusted=True)

    def _trusts(self, client: str) -> bool:
        try:
            address = ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self._networks)
