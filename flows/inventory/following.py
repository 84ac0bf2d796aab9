"""What follows a sync: a comparison, if the sync may serve in one and there is something to compare with.

Which sync may serve is `Sync.is_usable`, here as wherever a comparison chooses: what was not read is withheld there.
"""

from __future__ import annotations

from typing import Any

from flows._policies.snapshots import Sync, newest_usable
from flows._tracking.store import patiently
from flows._tracking.tracked_flow import TrackedRun
from flows.inventory.operation import PINNED, InventoryParameters
from flows.registry import operations
from runstore.runs.follow_up import waiting_request

PATIENCE = 300.0


def next_step(run: TrackedRun, parameters: InventoryParameters, sync: Sync) -> dict[str, Any]:
    """What the run's context is told about the operation that was asked to follow; nothing when none was.

    The request waits in the run's row; the recorder starts it in the transaction that ends this run.
    """
    if parameters.then is None:
        return {}
    if not sync.is_usable:
        return {"then_why": "The sync read nothing, so there is nothing to compare."}
    pinned = parameters.then_against == PINNED
    if not pinned and not patiently(lambda: _has_earlier(run, sync), give_up_after=PATIENCE):
        return {"then_why": "This is the first usable sync of the scope: there is nothing to compare it with yet."}
    given = {"scope": sync.scope, "current": str(sync.id)}
    if parameters.then_against is not None:
        given["against"] = parameters.then_against
    request = operations()[parameters.then].request(given)
    return {"then_request": waiting_request(run.scope.tenant_id, request)}


def _has_earlier(run: TrackedRun, sync: Sync) -> bool:
    with run.store.transaction(run.scope) as connection:
        return any(found.id != sync.id for found in newest_usable(connection, run.scope, sync.scope))
