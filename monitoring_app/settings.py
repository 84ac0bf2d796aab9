"""What the hub needs to know to be served. The process that starts it fills this in; nothing here reads the environment."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from runstore.database import Database
from runstore.errors import BadInputError
from runstore.reasons import Catalogue
from runstore.tenancy import TenantScope

_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The provider that people sign in with. `issuer` is its address, as its tokens name it.

    `email_trusted` says that this issuer's `email` may be believed without `email_verified` (a company's own directory).
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False, default="")
    email_trusted: bool = False


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """A proxy that has signed people in already. Its headers count only when the request comes from `addresses`.

    `sign_out_url` is where the proxy ends its own session; without one the hub offers no sign-out, for it could end nothing.
    """

    addresses: Sequence[str]
    subject_header: str = "x-forwarded-user"
    email_header: str = "x-forwarded-email"
    sign_out_url: str = ""

    def __post_init__(self) -> None:
        if not self.addresses:
            raise BadInputError("Proxy sign-in names no address to trust: give the proxy's address or network.")
        for address in self.addresses:
            try:
                ip_network(address, strict=False)
            except ValueError:
                raise BadInputError(
                    f"{address[:60]!r} is not an address or network of a proxy: write it as 10.0.0.5 or 10.0.0.0/24."
                ) from None
        for header in (self.subject_header, self.email_header):
            if not _HEADER.fullmatch(header):
                raise BadInputError(f"{header[:60]!r} is not a header name: write it as x-forwarded-user.")
        if self.sign_out_url and not self.sign_out_url.startswith(("https://", "http://", "/")):
            raise BadInputError("The proxy's sign-out has to be an address or a path, such as /oauth2/sign_out.")


def no_names(*_: object) -> Mapping[str, str]:
    """No name for any item. A function of the module, so that settings can be handed to another process."""
    return {}


def nothing_told(*_: object) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How one hub process is served.

    `database_url` is what pages read with. `app_database_url` is for what writes or knows people: sign-in, start actions,
    notifications marked as read; without one the same login serves both.
    `public_url` is the address that browsers use; without it the hub answers on its own loopback address only.
    `demo` offers the picker of the demo's users instead of a sign-in and is refused next to an issuer or a proxy.
    `about` names, by operation, the keys of a run's context that tell one run from another; `scope` for any other operation.
    `item_names` answers the names of items, `items_called` the items with a text in their name, `changes_told` says who changed
    what between two moments.
    `producer_migrations` are the folders whose revisions the start-up check asks for beside the core's.
    """

    database_url: str = field(repr=False)
    app_database_url: str = field(repr=False, default="")
    public_url: str = ""
    session_secret: str = field(repr=False, default="")
    oidc: OidcSettings | None = None
    proxy: ProxySettings | None = None
    demo: bool = False
    prefect_ui_url: str = ""
    catalogue: Catalogue = field(default_factory=Catalogue.core)
    about: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    item_names: Callable[[Database, TenantScope, Sequence[str]], Mapping[str, str]] = no_names
    items_called: Callable[[Database, TenantScope, str], Sequence[str]] = nothing_told
    changes_told: Callable[[Database, TenantScope, datetime, datetime], Sequence[str]] = nothing_told
    producer_migrations: Sequence[Path] = ()
    version: str = ""

    def __post_init__(self) -> None:
        if self.demo and (self.oidc or self.proxy):
            raise BadInputError("The demo's picker lets anyone in, so it is not offered next to a sign-in: drop one.")
        if self.oidc and self.proxy:
            raise BadInputError(
                "Sign-in is set up twice, at a provider and at a proxy: drop TENANTATLAS_OIDC_ISSUER or "
                "TENANTATLAS_PROXY_ADDRESSES."
            )
        if not (self.demo or self.oidc or self.proxy):
            raise BadInputError(
                "The hub has nobody to sign people in: set TENANTATLAS_OIDC_ISSUER (with _CLIENT_ID and _CLIENT_SECRET) "
                "or TENANTATLAS_PROXY_ADDRESSES, or run `tenantatlas demo` to look around."
            )
        if not self.demo and len(self.session_secret) < 32:
            raise BadInputError(
                "TENANTATLAS_SESSION_SECRET has fewer than 32 characters, so sessions could be forged: "
                'set it to a long random text, such as the output of `python -c "import secrets; '
                'print(secrets.token_urlsafe(48))"`.'
            )
        if self.oidc and not self.public_url:
            raise BadInputError(
                "Sign-in needs the address that browsers use for this hub: set TENANTATLAS_PUBLIC_URL, "
                "such as https://atlas.example.com."
            )
        if self.public_url:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
                raise BadInputError(
                    "TENANTATLAS_PUBLIC_URL has to be the bare address of the hub, such as https://atlas.example.com."
                )

    @property
    def origin(self) -> str:
        """The scheme and host that browsers use, without a slash at the end; empty when no public address is set."""
        return self.public_url.rstrip("/")

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the hub over TLS: cookies are marked secure then."""
        return self.public_url.startswith("https://")
