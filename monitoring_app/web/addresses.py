"""What an address may look like: the tenant an address names, and where a sign-in may lead back to."""

import re
from urllib.parse import parse_qsl, urlencode

from runstore.errors import BadInputError

HOME = "/operations"
FIRST = "/first.json"
BRAND = "/brand.svg"

RESERVED = frozenset(
    ("r", "export", "healthz", "readyz", "sign-in", "sign-out", "signed-out", "static", "media", "component", "auth")
)
"""What no page may be called: the hub, or Streamlit's server, has it for something else."""

MAX_QUERY = 4096
MAX_FIELDS = 50

_PUBLIC = frozenset(
    (
        "/healthz",
        "/readyz",
        "/favicon.png",
        BRAND,
        "/view.js",
        "/sign-in",
        "/sign-in/callback",
        "/sign-in/as",
        "/signed-out",
    )
)
_PUBLIC_ENDINGS = ("/_stcore/health", "/_stcore/host-config")
_OURS = re.compile(r"/first\.json|/r/[^/]+/[^/]+|/export/[a-z]+\.[a-z]+")
_STREAMLIT = ("agent", "upload_file", "script-health-check", "metrics")
_CLOSED = (*(f"/_stcore/{name}" for name in _STREAMLIT), "/auth/", "/oauth2callback")
"""Parts of Streamlit's server that the hub has no use for."""


def is_public(path: str) -> bool:
    """Whether the path is served to people who are not signed in: health, sign-in, Streamlit's own files."""
    return path in _PUBLIC or path.startswith("/static/") or path.endswith(_PUBLIC_ENDINGS)


def is_closed(path: str) -> bool:
    """Whether the path is served to nobody."""
    return path.startswith(_CLOSED)


def is_ours(path: str) -> bool:
    """Whether the path has the shape of a permalink or a download; Streamlit would answer any other with a page of its own."""
    return _OURS.fullmatch(path) is not None


def query_of(raw: bytes) -> dict[str, str]:
    """The query of an address. BadInputError when it is too long, cannot be decoded or names the tenant twice."""
    if len(raw) > MAX_QUERY:
        raise BadInputError("The address is too long.")
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise BadInputError("The address cannot be decoded.") from None
    # Two tenants in one address: the layer that checks and the page that reads could each take another one.
    if sum(1 for name, _ in pairs if name == "tenant") > 1:
        raise BadInputError("The address names the tenant twice.")
    return dict(pairs)


def with_tenant(path: str, raw_query: bytes, slug: str) -> str:
    """The address with the tenant in it."""
    rest = [(name, value) for name, value in query_of(raw_query).items() if name != "tenant"]
    return f"{path}?{urlencode([('tenant', slug), *rest])}"


def safe_next(text: str | None) -> str:
    """Where to go after a sign-in: a path of this hub, `/` for anything that could lead elsewhere."""
    if not text or len(text) > MAX_QUERY or not text.startswith("/") or text.startswith(("//", "/\\", "/sign-")):
        return "/"
    if not text.isascii() or any(character <= " " or character in "\\\x7f" for character in text):
        return "/"
    return text
