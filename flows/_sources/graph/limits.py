"""What reading a tenant may cost and what it did cost: the published limits, kept per tenant and lane before Graph has to say so.

Intune configuration, compliance and apps: 1,000 requests in 20 s per application and tenant; scripts twice that;
Conditional Access about one a second; directory logs five in 10 s. Every read inside a `$batch` counts.
"""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from flows._policies.types import Lane


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `reads` in any `seconds`."""

    reads: int
    seconds: float


PUBLISHED_LIMITS: Final[Mapping[Lane, Limit]] = MappingProxyType(
    {
        Lane.INTUNE: Limit(1000, 20.0),
        Lane.SCRIPTS: Limit(2000, 20.0),
        Lane.CONDITIONAL_ACCESS: Limit(1, 1.0),
        # Published in units by the tenant's size, of which the smallest gets 3,500; a read of a policy costs one or two.
        Lane.DIRECTORY: Limit(1000, 10.0),
        Lane.DIRECTORY_LOGS: Limit(5, 10.0),
    }
)


class TokenBucket:
    """Tokens of one lane, for any number of threads; one spent on a read returns a window after that read was answered.

    Counting from the answer, not from the sending, is what makes the limit hold on the server's clock as well: the
    server saw the read no later than it answered, so no window of its own can hold more than the bucket does. A
    bucket that refills evenly would let a full one be spent and its refill with it, twice the limit in one window.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._free = limit.reads
        self._returning: deque[tuple[float, int]] = deque()
        self._closed_until = 0.0
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """The most reads that can be sent at once."""
        return self._limit.reads

    def take(self, reads: int, now: float) -> float:
        """Takes tokens and returns 0, or takes none and returns the time at which asking again is worth it.

        `reads` must not exceed the capacity. When only answers still on their way could free tokens, the time is
        infinite: ask again after an answer.
        """
        with self._lock:
            while self._returning and self._returning[0][0] <= now:
                self._free += self._returning.popleft()[1]
            if now < self._closed_until:
                return self._closed_until
            if self._free >= reads:
                self._free -= reads
                return 0.0
            free = self._free
            for at, tokens in self._returning:
                free += tokens
                if free >= reads:
                    return at
            return float("inf")

    def answered(self, reads: int, now: float) -> None:
        """Starts the way back of tokens whose reads were answered, or were never heard of again."""
        with self._lock:
            self._returning.append((now + self._limit.seconds, reads))

    def close(self, until: float) -> None:
        """Sends nothing more in this lane until then: reads made while throttled lengthen the throttling."""
        with self._lock:
            self._closed_until = max(self._closed_until, until)


class Lanes:
    """The buckets of one tenant, shared by every reading of it in this process."""

    def __init__(self, limits: Mapping[Lane, Limit] = PUBLISHED_LIMITS) -> None:
        self._buckets = {lane: TokenBucket(limits.get(lane, PUBLISHED_LIMITS[lane])) for lane in Lane}

    def bucket(self, lane: Lane) -> TokenBucket:
        return self._buckets[lane]


_SHARED: dict[tuple[str, str], Lanes] = {}
_LOCK = threading.Lock()


def lanes_of(endpoint: str, directory: str) -> Lanes:
    """The lanes of a directory at an endpoint: the same ones for every caller, since Graph counts per tenant."""
    with _LOCK:
        return _SHARED.setdefault((endpoint, directory.casefold()), Lanes())


@dataclass(slots=True)
class Traffic:
    """Counters of one reading, changed by its scheduler's thread alone.

    `requests` are HTTP requests, `reads` what they asked for (a batch of 20 is one request and 20 reads). `retries`
    are reads sent again, `throttled` the answers that said 429. `waited` are the seconds in which nothing could be sent
    because of a `Retry-After`, a back-off or the published limits.
    """

    requests: int = 0
    reads: int = 0
    answers: int = 0
    retries: int = 0
    throttled: int = 0
    bytes_received: int = 0
    waited: float = 0.0

    def as_json(self) -> dict[str, int | float | str]:
        """For a run's context, with a sentence for a person."""
        retries = f"{self.retries} {'retry' if self.retries == 1 else 'retries'}"
        return {
            "requests": self.requests,
            "reads": self.reads,
            "retries": self.retries,
            "throttled": self.throttled,
            "bytes_received": self.bytes_received,
            "waited_seconds": round(self.waited, 1),
            "summary": f"waited {round(self.waited)} s on Microsoft, {retries}, {self.requests} requests",
        }
