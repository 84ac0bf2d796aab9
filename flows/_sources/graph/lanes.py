"""One bucket per tenant and lane, shared by every reading of that tenant in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from flows._policies.types import Lane
from flows._sources.graph.limits import PUBLISHED_LIMITS, Limit, TokenBucket


class Lanes:
    """The buckets of one tenant."""

    def __init__(self, limits: Mapping[Lane, Limit] = PUBLISHED_LIMITS) -> None:
        self._buckets = {lane: TokenBucket(limits.get(lane, PUBLISHED_LIMITS[lane])) for lane in Lane}

    def bucket(self, lane: Lane) -> TokenBucket:
        """The bucket of a lane."""
        return self._buckets[lane]


_SHARED: dict[tuple[str, str], Lanes] = {}
_LOCK = threading.Lock()


def lanes_of(endpoint: str, directory: str) -> Lanes:
    """The lanes of a directory at an endpoint: the same ones for every caller, since Graph counts per tenant."""
    with _LOCK:
        return _SHARED.setdefault((endpoint, directory.casefold()), Lanes())
