"""The directory behind the server: its policies, its limits, who may sign in, and what was asked of it."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.support.graph_server.faults import Faults
from tests.support.graph_server.policies import Body

CANARY = "contoso-fabrikam-canary"
"""Stands in every error text, as tenants' names do in Graph's; it must turn up nowhere else."""

DOMAIN = "graph-server.example"
"""The domain that stands for the directory at the sign-in, as a directory's domains do at Entra's."""

LIMITS = {
    "intune": (1000, 20.0),
    "scripts": (2000, 20.0),
    "conditional_access": (1, 1.0),
    "directory": (1000, 10.0),
    "directory_logs": (5, 10.0),
}


@dataclass
class Counted:
    """What the server was asked."""

    requests: int = 0
    reads: int = 0
    list_reads: int = 0
    definitions: int = 0
    detail_reads: int = 0
    single_reads: int = 0
    bytes_sent: int = 0
    throttled: int = 0
    tokens: int = 0
    most_at_once: int = 0
    by_policy: dict[str, int] = field(default_factory=dict[str, int])
    by_lane: dict[str, int] = field(default_factory=dict[str, int])


@dataclass
class Directory:
    """One Entra directory with its Intune policies."""

    directory_id: str
    client_id: str
    client_secret: str
    policies: dict[str, dict[str, Body]]
    deleted: list[str] = field(default_factory=list[str])
    renamed: dict[str, str] = field(default_factory=dict[str, str])
    groups: dict[str, Body] = field(default_factory=dict[str, Body])
    logs: dict[str, list[Body]] = field(default_factory=dict[str, list[Body]])
    faults: Faults = field(default_factory=Faults)
    latency: float = 0.0
    page_size: int = 25
    limits: bool = False
    refuse_expansion: int = 0
    quirks: list[str] = field(default_factory=list[str])
    token_seconds: int = 3600
    sign_in: int = 0
    counted: Counted = field(default_factory=Counted)
    tokens: set[str] = field(default_factory=set[str])
    at_once: int = 0
    _seen: dict[str, deque[float]] = field(default_factory=dict[str, deque[float]])

    def issue(self) -> dict[str, Any]:
        """A token as the authority answers it: shaped like a JWT, naming the directory, never verified."""
        claims = {"tid": self.directory_id, "exp": int(time.time()) + self.token_seconds, "jti": secrets.token_hex(8)}
        token = ".".join(
            base64.urlsafe_b64encode(part).rstrip(b"=").decode()
            for part in (b'{"alg":"none"}', json.dumps(claims).encode(), secrets.token_bytes(12))
        )
        self.tokens.add(token)
        self.counted.tokens += 1
        return {"token_type": "Bearer", "access_token": token, "expires_in": self.token_seconds}

    def over_limit(self, lane: str) -> float | None:
        """Counts a read in its lane; the seconds to wait when the lane's window is full. Refused reads count too."""
        self.counted.by_lane[lane] = self.counted.by_lane.get(lane, 0) + 1
        if not self.limits:
            return None
        most, window = LIMITS[lane]
        seen = self._seen.setdefault(lane, deque())
        now = time.monotonic()
        while seen and seen[0] <= now - window:
            seen.popleft()
        seen.append(now)
        if len(seen) <= most:
            return None
        self.counted.throttled += 1
        return max(1.0, window - (now - seen[0]))

    def forget_reads(self) -> None:
        """Empties the windows of the limits."""
        self._seen.clear()
