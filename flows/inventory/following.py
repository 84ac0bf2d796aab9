"""What follows a sync: a comparison, if the sync may serve in one and there is something to compare with.

Which sync may serve is `Sync.is_usable`, here as wherever a comparison chooses: what was not read is withheld there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from flows._policies.snapshots import Sync, newest_usable
from flows._tracking.store import patiently
from flows._tracking.tracked_flow import TrackedRun
from flows.inventory.operation import PINNED
from flows.registry import operations
from runstore.runs.follow_up import waiting_request
from runstore.schema import OperationRun

PATIENCE = 300.0


def next_step(run: TrackedRun, sync: Sync) -> dict[str, Any]:
    """What the run's context is told about the operation that was asked to follow; nothing when none was.

    The request waits in the run's row; the recorder starts it in the transaction that ends this run.
    """
    # Of the row and not of the flow's parameters: an identical start may have joined the run meanwhile.
    asked = patiently(lambda: _asked(run), give_up_after=PATIENCE)
    if asked.get("then") is None:
        return {}
    if not sync.is_usable:
        return {"then_why": "The sync read nothing, so there is nothing to compare."}
    pinned = asked.get("then_against") == PINNED
    if not pinned and not patiently(lambda: _has_earlier(run, sync), give_up_after=PATIENCE):
        return {"then_why": "This is the first usable sync of the scope: there is nothing to compare it with yet."}
    given = {"scope": sync.scope, "current": str(sync.id)}
    if asked.get("then_against") is not None:
        given["against"] = asked["then_against"]
    request = operations()[asked["then"]].request(given)
    return {"then_request": waiting_request(run.scope.tenant_id, request)}


def _asked(run: TrackedRun) -> Mapping[str, Any]:
    with run.store.transaction(run.scope) as connection:
        query = select(OperationRun.context).where(OperationRun.id == run.run_id)
        return connection.execute(query).scalar_one()


def _has_earlier(run: TrackedRun, sync: Sync) -> bool:
    with run.store.transaction(run.scope) as connection:
        return any(found.id != sync.id for found in newest_usable(connection, run.scope, sync.scope))
