"""The ends of `drift.generate`: syncs of a folder that changes, is read in part, or was read once."""

from collections.abc import Mapping
from typing import Any, Final

from flows.rehearsal import Rehearsals, Stage, one_policy, one_unreadable
from runstore.runs.status import RunStatus

_SYNC: Final = "inventory.sync"


def _one_change(stage: Stage) -> Mapping[str, Any]:
    stage.run(_SYNC, one_policy(stage))
    stage.run(_SYNC, one_policy(stage, password_length=6))
    return {}


def _part_unread(stage: Stage) -> Mapping[str, Any]:
    # Unread on both sides: what is unread on one side alone is skipped, and its sync says so.
    stage.run(_SYNC, one_unreadable(stage))
    stage.run(_SYNC, one_unreadable(stage))
    return {}


def _one_sync(stage: Stage) -> Mapping[str, Any]:
    stage.run(_SYNC, one_policy(stage))
    return {}


REHEARSALS: Final[Rehearsals] = {
    RunStatus.COMPLETED: _one_change,
    RunStatus.COMPLETED_WITH_ERRORS: _part_unread,
    RunStatus.FAILED: _one_sync,
}
