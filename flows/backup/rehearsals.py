"""The ends of `backup_set.add_policies`: policies that are there, of which one is not, or none."""

from collections.abc import Mapping
from typing import Any, Final

from flows.backup.sets import create_set
from flows.rehearsal import POLICY_ID, Rehearsal, Rehearsals, Stage, one_policy
from runstore.runs.status import RunStatus


def _capturing(*policy_ids: str) -> Rehearsal:
    def rehearsal(stage: Stage) -> Mapping[str, Any]:
        stage.run("inventory.sync", one_policy(stage))
        made = create_set(stage.store, stage.scope, "Rehearsal")
        return {"set_id": str(made.id), "policy_ids": policy_ids}

    return rehearsal


REHEARSALS: Final[Rehearsals] = {
    RunStatus.COMPLETED: _capturing(POLICY_ID),
    RunStatus.COMPLETED_WITH_ERRORS: _capturing(POLICY_ID, "not-there"),
    RunStatus.FAILED: _capturing("not-there"),
}
