"""What follows a sync: a comparison, if everything could be read and there is something to compare with."""

from __future__ import annotations

from typing import Any

from flows._policies.snapshots import Sync, newest_usable
from flows._tracking.store import patiently
from flows._tracking.tracked_flow import TrackedRun
from flows.inventory.operation import InventoryParameters
from flows.registry import operations
from runstore.runs.follow_up import waiting_request

PATIENCE = 300.0


def next_step(run: TrackedRun, parameters: InventoryParameters, sync: Sync) -> dict[str, Any]:
    """What the run's context is told about the operation that was asked to follow; nothing when none was.

    The request waits in the run's row; the recorder starts it in the transaction that ends this run.
    """
    if parameters.then is None:
        return {}
    if not sync.complete:
        # What is unread beside parts is a policy.
        lost = any(sync.unread.get(name) for name in ("types", "policies", "items"))
        what = "not every policy could be read" if lost else "a part of some policies could not be read"
        return {"then_why": f"The sync is not complete: {what}."}
    if not patiently(lambda: _has_earlier(run, sync), give_up_after=PATIENCE):
        return {"then_why": "This is the first usable sync of the scope: there is nothing to compare it with yet."}
    request = operations()[parameters.then].request({"scope": sync.scope, "current": str(sync.id)})
    return {"then_request": waiting_request(run.scope.tenant_id, request)}


def _has_earlier(run: TrackedRun, sync: Sync) -> bool:
    with run.store.transaction(run.scope) as connection:
        return any(found.id != sync.id for found in newest_usable(connection, run.scope, sync.scope))
