"""Who is signed in: the sessions' signed tokens, the people a proxy vouches for, and those the demo's picker offers."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from starlette.datastructures import Headers
from starlette.types import Scope

from monitoring_app.settings import ProxySettings
from runstore.database import Database
from runstore.directory import Directory, SignedInUser
from runstore.schema import Membership, Tenant, User

SESSION_HEADER = "x-tenantatlas-session"
"""Carries the session from the gate to the page's script. Whatever comes in under this name is dropped."""

MAX_TOKEN = 1024
MOST_DEMO_PEOPLE = 40
_LONGEST = 320


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person until `expires_at` (seconds since the epoch). `id` is what a sign-out ends."""

    id: str
    user_id: UUID
    expires_at: int


class Sessions:
    """Makes session tokens and reads them back. Which of them were signed out, the database knows: see `Directory`."""

    def __init__(self, secret: str, hours: float = 8.0) -> None:
        key = hashlib.sha256(f"session:{secret}".encode()).hexdigest()
        self._serializer = URLSafeSerializer(key, salt="tenantatlas.session")
        self._flow_serializer = URLSafeSerializer(key, salt="tenantatlas.sign-in")
        self.seconds = int(hours * 3600)
        """How long a new session lasts."""

    def open(self, user_id: UUID) -> str:
        """The token of a new session."""
        expires = int(time.time()) + self.seconds
        return str(self._serializer.dumps([secrets.token_urlsafe(18), str(user_id), expires]))

    def read(self, token: str | None) -> Session | None:
        """The session of a token; None when there is none, or it is forged or expired."""
        if not token or len(token) > MAX_TOKEN:
            return None
        try:
            session_id, user_id, expires = self._serializer.loads(token)
            session = Session(str(session_id), UUID(user_id), int(expires))
        except (BadSignature, ValueError, TypeError, AttributeError):
            return None
        return session if session.expires_at > time.time() else None

    def seal(self, values: dict[str, Any]) -> str:
        """What the browser keeps while someone is away at the provider: state, nonce, where to come back to."""
        return str(self._flow_serializer.dumps(values))

    def unseal(self, text: str | None) -> dict[str, Any]:
        """What `seal` was given; empty for anything else."""
        if not text or len(text) > 4 * MAX_TOKEN:
            return {}
        try:
            # Only `seal` signs with this salt, so what comes back is what went in.
            values: dict[str, Any] = self._flow_serializer.loads(text)
        except BadSignature:
            return {}
        return values


def vouched_for(settings: ProxySettings, directory: Directory, scope: Scope) -> SignedInUser | None:
    """The person of ours that a trusted proxy says is asking, bound at their first request.

    None when it says nothing or names nobody of ours, and when it is not the proxy that speaks.
    """
    try:
        client = ip_address(scope["client"][0])
    except (TypeError, ValueError):
        return None
    if not any(client in ip_network(address, strict=False) for address in settings.addresses):
        return None
    headers = Headers(scope=scope)
    # A header that came twice was added to one that the client had sent.
    subjects, emails = headers.getlist(settings.subject_header), headers.getlist(settings.email_header)
    if len(subjects) != 1 or len(emails) > 1 or not 0 < len(subjects[0]) <= _LONGEST:
        return None
    email = emails[0] if emails and len(emails[0]) <= _LONGEST else None
    return directory.sign_in("proxy", subjects[0], email, email_trusted=True)


def demo_people(database: Database) -> dict[str, tuple[str, str]]:
    """Id → (email, what they are where) of everyone with a membership, by email."""
    role = func.concat(Membership.role, " of ", Tenant.name)
    query = (
        select(User.id, User.email, func.string_agg(role, aggregate_order_by(literal(", "), Tenant.name)))
        .join(Membership, Membership.user_id == User.id)
        .join(Tenant, Tenant.id == Membership.tenant_id)
        .group_by(User.id)
        .order_by(User.email)
        .limit(MOST_DEMO_PEOPLE)
    )
    with database.across_tenants() as connection:
        return {str(user_id): (email, roles) for user_id, email, roles in connection.execute(query)}
