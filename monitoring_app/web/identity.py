"""Sessions: one signed token in one cookie says who is signed in and until when."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

SESSION_HEADER = "x-tenantatlas-session"
"""Carries the session from the gate to the page's script. Whatever comes in under this name is dropped."""

MAX_TOKEN = 1024


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person until `expires_at` (seconds since the epoch). `id` is what a sign-out ends."""

    id: str
    user_id: UUID
    expires_at: int


class Sessions:
    """Makes session tokens and reads them back. Which of them were signed out, the database knows: see `Directory`."""

    def __init__(self, secret: str, hours: float) -> None:
        key = hashlib.sha256(f"session:{secret}".encode()).hexdigest()
        self._serializer = URLSafeSerializer(key, salt="tenantatlas.session")
        self._flow_serializer = URLSafeSerializer(key, salt="tenantatlas.sign-in")
        self._seconds = int(hours * 3600)

    @property
    def seconds(self) -> int:
        """How long a new session lasts."""
        return self._seconds

    def open(self, user_id: UUID) -> str:
        """The token of a new session."""
        expires = int(time.time()) + self._seconds
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
