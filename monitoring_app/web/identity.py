"""Sessions: one signed token in one cookie says who is signed in and until when."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

SESSION_HEADER = "x-tenantatlas-session"
"""Carries the session from the gate to the page's script. Whatever comes in under this name is dropped."""

MAX_TOKEN = 1024
_REVOKED_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person until `expires_at` (seconds since the epoch). `id` is what a sign-out revokes."""

    id: str
    user_id: UUID
    expires_at: int


class Sessions:
    """Makes session tokens and reads them back. Knows which were signed out in this process.

    A token of a signed-out session is refused until it would have expired anyway, so pressing Back, or a tab left open,
    does not bring it to life again.
    """

    def __init__(self, secret: str, hours: float) -> None:
        key = hashlib.sha256(f"session:{secret}".encode()).hexdigest()
        self._serializer = URLSafeSerializer(key, salt="tenantatlas.session")
        self._flow_serializer = URLSafeSerializer(key, salt="tenantatlas.sign-in")
        self._seconds = int(hours * 3600)
        self._revoked: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def seconds(self) -> int:
        """How long a new session lasts."""
        return self._seconds

    def open(self, user_id: UUID) -> str:
        """The token of a new session."""
        expires = int(time.time()) + self._seconds
        return str(self._serializer.dumps([secrets.token_urlsafe(18), str(user_id), expires]))

    def read(self, token: str | None) -> Session | None:
        """The session of a token; None when there is none, or it is forged, expired or signed out."""
        if not token or len(token) > MAX_TOKEN:
            return None
        try:
            session_id, user_id, expires = self._serializer.loads(token)
            session = Session(str(session_id), UUID(user_id), int(expires))
        except (BadSignature, ValueError, TypeError, AttributeError):
            return None
        if session.expires_at <= time.time():
            return None
        with self._lock:
            return None if session.id in self._revoked else session

    def close(self, session: Session) -> None:
        """From now on the session's token is refused by this process."""
        now = int(time.time())
        with self._lock:
            if len(self._revoked) >= _REVOKED_LIMIT:
                self._revoked = {key: end for key, end in self._revoked.items() if end > now}
            self._revoked[session.id] = session.expires_at

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
