"""The ends of `inventory.sync`, with a folder as the source."""

from typing import Final

from flows.rehearsal import Rehearsals, one_policy, one_unreadable
from runstore.runs.status import RunStatus

REHEARSALS: Final[Rehearsals] = {
    RunStatus.COMPLETED: one_policy,
    RunStatus.COMPLETED_WITH_ERRORS: one_unreadable,
    RunStatus.FAILED: lambda stage: {"source": f"folder:{stage.place / 'gone'}"},
}
