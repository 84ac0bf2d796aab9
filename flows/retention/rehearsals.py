"""The ends of `run.prune`. Runs of one age are forgotten or kept together, so it neither fails for a part nor for all."""

from typing import Final

from flows.rehearsal import Rehearsals
from runstore.runs.status import RunStatus

REHEARSALS: Final[Rehearsals] = {
    RunStatus.COMPLETED: lambda _: {"older_than": "30d"},
    RunStatus.COMPLETED_WITH_ERRORS: None,
    RunStatus.FAILED: None,
}
