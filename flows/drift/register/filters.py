"""Which findings are wanted, and the same as conditions of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, text

from flows.drift.comparison.severity import Severity
from flows.drift.register.life import FindingStatus
from flows.drift.tables import DriftFinding
from runstore.errors import BadInputError

EXPIRING_DAYS: Final = 30
STATES: Final = ("open", "acknowledged", "accepted", "expiring", "resolved", "all")
"""What may be asked for; without one it is what is open or acknowledged, that is: there, and accepted by nobody."""
TEXT_LIMIT: Final = 200

STATE: Final = case(
    # The date has passed; the next comparison will write it down.
    (and_(DriftFinding.status == "accepted", DriftFinding.accepted_until <= func.now()), "open"),
    else_=DriftFinding.status,
)
"""SQL: where a finding stands at this moment."""
HIDES: Final = DriftFinding.hidden_run_id == DriftFinding.last_run_id
"""SQL: ignore rules hide something of what the finding's last run found. Not true where nobody looked yet, see `hiding`."""
SHOWN: Final = DriftFinding.rank < 9
"""SQL: something of the finding is left to be seen."""


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """What is asked for. An empty text asks for anything; `owner` and `text` are looked for within, case ignored."""

    state: str = ""
    severity: str = ""
    policy_type: str = ""
    policy_id: str = ""
    owner: str = ""
    text: str = ""
    scope_key: str | None = None

    @classmethod
    def checked(cls, values: Mapping[str, str | None]) -> FindingFilter:
        """BadInputError for a state or severity that there is not."""
        given = {name: value.replace("\x00", "")[:TEXT_LIMIT] for name, value in values.items() if value}
        if given.get("state", "all") not in STATES:
            raise BadInputError(f"A state is one of {', '.join(STATES)}.")
        if given.get("severity", "low") not in list(Severity):
            raise BadInputError(f"A severity is one of {', '.join(Severity)}.")
        return cls(**given)

    def about(self, *, default: str) -> list[ColumnElement[bool]]:
        """Conditions but those of severity and type; `default` is the state that is meant when none is given."""
        found = list(_of_state(self.state or default))
        if self.scope_key is not None:
            found.append(DriftFinding.scope == self.scope_key)
        if self.policy_id:
            found.append(DriftFinding.policy_id == self.policy_id)
        if self.owner:
            found.append(DriftFinding.owner.icontains(self.owner, autoescape=True))
        if self.text:
            found.append(DriftFinding.searched.contains(self.text.lower(), autoescape=True))
        return found

    def of_kind(self, severity: Any, policy_type: Any) -> list[ColumnElement[bool]]:
        """The conditions of severity and type."""
        found: list[ColumnElement[bool]] = [severity == self.severity] if self.severity else []
        return [*found, policy_type == self.policy_type] if self.policy_type else found


UNSETTLED: Final = "unsettled"


def _of_state(state: str) -> list[ColumnElement[bool]]:
    if state == "all":
        return []
    if state == FindingStatus.RESOLVED.value:
        return [DriftFinding.status == state]
    # Said so that the index of what is not resolved serves.
    unresolved = DriftFinding.status != FindingStatus.RESOLVED.value
    accepted = DriftFinding.status == FindingStatus.ACCEPTED.value
    # The date has passed; the next comparison will write it down.
    expired = and_(accepted, DriftFinding.accepted_until <= func.now())
    if state == UNSETTLED:
        return [unresolved, or_(not_(accepted), expired)]
    if state == FindingStatus.OPEN.value:
        return [unresolved, or_(DriftFinding.status == state, expired)]
    if state == "expiring":
        soon = func.now() + text(f"interval '{EXPIRING_DAYS} days'")
        return [unresolved, accepted, DriftFinding.accepted_until.between(func.now(), soon)]
    if state == FindingStatus.ACCEPTED.value:
        return [
            unresolved,
            accepted,
            or_(DriftFinding.accepted_until.is_(None), DriftFinding.accepted_until > func.now()),
        ]
    return [unresolved, DriftFinding.status == state]
