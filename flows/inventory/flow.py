"""The flow of `inventory.sync`."""

from __future__ import annotations

from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.inventory.operation import OPERATION, InventoryParameters
from flows.inventory.syncing import read_into_sync


@tracked_flow(OPERATION, own_steps=True)
def sync_inventory(run: TrackedRun, parameters: InventoryParameters) -> None:
    """Reads the source into a new sync of the run; the sync counts for comparisons once it is finished."""
    read_into_sync(run, parameters)
