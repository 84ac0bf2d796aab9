"""What goes wrong, and when: at random from a seed, or exactly as scripted."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any

TRANSIENT = (
    "throttled",
    "throttled_bare",
    "throttled_date",
    "unavailable",
    "unavailable_wait",
    "unauthorized",
    "truncated",
    "cut_off",
    "slow",
    "dropped",
    "empty_page",
)
LASTING = ("forbidden", "not_found", "gone")
"""Faults that hit the same address every time, as a missing permission or a deleted policy does."""

WHOLE = ("cut_off", "slow")
"""Faults of an HTTP answer; a part of a batch cannot have them alone."""


@dataclass
class Script:
    """Hits reads whose address matches, `times` times (for ever when negative), after letting `skip` pass."""

    match: str
    kind: str
    times: int = 1
    skip: int = 0


@dataclass
class Faults:
    """Decides over every read. With a rate, about that share of reads fails, evenly over the kinds."""

    rate: float = 0.0
    seed: int = 0
    kinds: tuple[str, ...] = (*TRANSIENT, *LASTING)
    slow_seconds: float = 0.3
    scripts: list[Script] = field(default_factory=list[Script])
    _rng: random.Random = field(default_factory=random.Random)
    injected: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def pick(self, address: str, *, whole: bool, listing: bool) -> str | None:
        """The fault that hits a read, `None` for none. `whole` says it is an HTTP request of its own."""
        for script in self.scripts:
            if script.times != 0 and re.search(script.match, address):
                if script.skip > 0:
                    script.skip -= 1
                    continue
                script.times -= 1
                return self._count(script.kind)
        if self.rate <= 0:
            return None
        lasting = [kind for kind in self.kinds if kind in LASTING]
        share = self.rate * len(lasting) / len(self.kinds)
        fixed = random.Random(f"{self.seed}:{address}").random()
        # A list without its type would end the exercise; single policies and parts have these faults.
        if lasting and not listing and fixed < share:
            return self._count(lasting[int(fixed / share * len(lasting))])
        passing = [kind for kind in self.kinds if kind in TRANSIENT]
        if not passing or self._rng.random() >= self.rate - share:
            return None
        kind = self._rng.choice(passing)
        if (kind in WHOLE and not whole) or (kind == "dropped" and whole) or (kind == "empty_page" and not listing):
            kind = "unavailable"
        return self._count(kind)

    def pick_whole_batch(self) -> str | None:
        """The fault that hits a whole batch request."""
        if self.rate <= 0 or self._rng.random() >= self.rate:
            return None
        choices = [
            kind for kind in self.kinds if kind in (*WHOLE, "throttled", "unavailable", "unauthorized", "truncated")
        ]
        return self._count(self._rng.choice(choices)) if choices else None

    def _count(self, kind: str) -> str:
        self.injected[kind] = self.injected.get(kind, 0) + 1
        return kind

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Faults:
        """Faults as a control message says them."""
        scripts = [Script(**each) for each in raw.pop("scripts", [])]
        if "kinds" in raw:
            raw["kinds"] = tuple(raw["kinds"])
        return cls(scripts=scripts, **raw)
