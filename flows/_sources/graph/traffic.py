"""What reading a tenant cost: requests, retries, bytes, and the time spent waiting for Microsoft."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """Counters of one reading, changed by its scheduler's thread alone.

    `requests` are HTTP requests, `reads` what they asked for (a batch of 20 is one request and 20 reads). `retries`
    are reads sent again, `throttled` the answers that said 429. `waited` is the time in which nothing could be sent
    because of a `Retry-After`, a back-off or the published limits.
    """

    requests: int = 0
    reads: int = 0
    answers: int = 0
    retries: int = 0
    throttled: int = 0
    bytes_received: int = 0
    waited: float = 0.0

    def add(self, other: Traffic) -> None:
        """Counts another reading's figures in."""
        self.requests += other.requests
        self.reads += other.reads
        self.answers += other.answers
        self.retries += other.retries
        self.throttled += other.throttled
        self.bytes_received += other.bytes_received
        self.waited += other.waited

    def sentence(self) -> str:
        """For a person: "waited 43 s on Microsoft, 12 retries, 310 requests"."""
        return (
            f"waited {round(self.waited)} s on Microsoft, "
            f"{self.retries} {'retry' if self.retries == 1 else 'retries'}, {self.requests} requests"
        )

    def as_json(self) -> dict[str, int | float | str]:
        """For a run's context."""
        return {
            "requests": self.requests,
            "reads": self.reads,
            "retries": self.retries,
            "throttled": self.throttled,
            "bytes_received": self.bytes_received,
            "waited_seconds": round(self.waited, 1),
            "summary": self.sentence(),
        }
