"""How long Prefect and the flows may be silent before something is done about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence after which the relay looks at a run, says that contact is lost, and calls the run failed."""

    look: float = 6.0
    contact_lost: float = 20.0
    give_up: float = 600.0

    @property
    def between_looks(self) -> float:
        """Seconds between two looks at the same run."""
        return max(self.look / 2, 0.5)

    @property
    def between_walks(self) -> float:
        """Seconds between two looks at what Prefect has and the store may not: those ask for every flow run under way."""
        return min(self.contact_lost, 30.0)
