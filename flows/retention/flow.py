"""The flow of `run.prune`."""

from __future__ import annotations

from datetime import UTC, datetime

from flows._tracking.store import patiently
from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.retention.operation import OPERATION, PruneParameters
from runstore.runs.retention import prune_runs

PATIENCE = 600.0
"""Seconds that a batch waits for a store that is away."""


@tracked_flow(OPERATION, own_steps=True)
def prune(run: TrackedRun, parameters: PruneParameters) -> None:
    """Forgets batch after batch, and notes how many runs that were."""
    before = datetime.now(UTC) - parameters.age
    item = f"runs finished before {before:%Y-%m-%d}"
    run.progress.expect([item])
    pruned = prune_runs(
        run.store,
        run.scope,
        before,
        report=lambda count: run.progress.note(pruned=count),
        attempt=lambda batch: run.step("forget a batch", lambda: patiently(batch, give_up_after=PATIENCE)),
    )
    run.progress.note(pruned=pruned)
    run.log.info("%d runs that finished before %s are forgotten.", pruned, f"{before:%Y-%m-%d}")
    run.progress.succeeded(item)
