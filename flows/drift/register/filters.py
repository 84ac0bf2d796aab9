"""Which findings are wanted, and the same as conditions of a query."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, text

from flows.drift.comparison.severity import Severity
from flows.drift.register.lifecycle import FindingStatus
from flows.drift.tables import DriftFinding, DriftRunFinding
from runstore.errors import BadInputError

EXPIRING_DAYS: Final = 30
STATES: Final = ("open", "acknowledged", "accepted", "expiring", "resolved", "all")
"""What may be asked for; without one it is what is there and accepted by nobody."""
UNSETTLED: Final = "unsettled"
"""Open or acknowledged."""
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
_IS_MORE: Final = DriftFinding.changes_run_id == DriftFinding.last_run_id
AS_IT_STANDS: Final = (
    # A run that was attempted again may not have found it the second time: what the register knows itself stands in.
    case((_IS_MORE, DriftFinding.kind), else_=func.coalesce(DriftRunFinding.kind, DriftFinding.kind)).label("kind"),
    case((_IS_MORE, DriftFinding.severity), else_=func.coalesce(DriftRunFinding.severity, DriftFinding.severity)).label(
        "severity"
    ),
    case((_IS_MORE, DriftFinding.changes), else_=DriftRunFinding.changes).label("changes"),
)
"""SQL: kind, severity and changes of a finding joined with what its last run found; its own where it began earlier."""


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
    def checked(cls, values: Mapping[str, str | None]) -> Self:
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
        found: list[ColumnElement[bool]] = [severity == self.severity] if self.severity else []
        return [*found, policy_type == self.policy_type] if self.policy_type else found


def _of_state(state: str) -> list[ColumnElement[bool]]:
    if state == "all":
        return []
    if state == FindingStatus.RESOLVED.value:
        return [DriftFinding.status == state]
    accepted = DriftFinding.status == FindingStatus.ACCEPTED.value
    until = DriftFinding.accepted_until
    # The date has passed; the next comparison will write it down.
    expired = and_(accepted, until <= func.now())
    of_state: dict[str, ColumnElement[bool]] = {
        UNSETTLED: or_(not_(accepted), expired),
        "open": or_(DriftFinding.status == state, expired),
        "accepted": and_(accepted, or_(until.is_(None), until > func.now())),
        "expiring": and_(accepted, until.between(func.now(), func.now() + text(f"interval '{EXPIRING_DAYS} days'"))),
    }
    # The first is said so that the index of what is not resolved serves.
    return [DriftFinding.status != FindingStatus.RESOLVED.value, of_state.get(state, DriftFinding.status == state)]
