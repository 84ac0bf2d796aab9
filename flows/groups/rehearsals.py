"""The ends of `group.sync`. Policies of a folder that refer to no group leave nothing to read, so no group can fail."""

from collections.abc import Mapping
from typing import Any, Final

from flows.rehearsal import Rehearsals, Stage, one_policy
from runstore.runs.status import RunStatus


def _synced(stage: Stage) -> Mapping[str, Any]:
    stage.run("inventory.sync", one_policy(stage))
    return {}


REHEARSALS: Final[Rehearsals] = {
    RunStatus.COMPLETED: _synced,
    RunStatus.COMPLETED_WITH_ERRORS: None,
    RunStatus.FAILED: lambda _: {},
}
