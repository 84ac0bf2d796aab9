"""The flow of `run.prune`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from flows._tracking.store import patiently
from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.retention.kept import prune_kept
from flows.retention.operation import OPERATION, PruneParameters, age
from runstore.runs.retention import prune_runs

PATIENCE = 600.0
"""Seconds that a batch waits for a store that is away."""


@tracked_flow(OPERATION, own_steps=True)
def prune(run: TrackedRun, parameters: PruneParameters) -> None:
    """Forgets batch after batch, and notes how many of what that were."""
    now = datetime.now(UTC)
    runs_before = now - age(parameters.older_than)
    asked = {name: now - span for name, span in parameters.kept.items()}
    items = {
        "runs": f"runs finished before {runs_before:%Y-%m-%d}",
        **{name: f"{name} before {before:%Y-%m-%d}" for name, before in asked.items()},
    }
    run.progress.expect(list(items.values()))

    def attempt(batch: Callable[[], int]) -> int:
        return run.step("forget a batch", lambda: patiently(batch, give_up_after=PATIENCE))

    pruned = prune_runs(
        run.store,
        run.scope,
        runs_before,
        report=lambda count: run.progress.note(pruned=count),
        attempt=attempt,
    )
    run.progress.note(pruned=pruned)
    run.log.info("%d runs that finished before %s are forgotten.", pruned, f"{runs_before:%Y-%m-%d}")
    run.progress.succeeded(items["runs"])
    for name, before in asked.items():
        gone = prune_kept(run.store, run.scope, name, before, attempt)
        run.progress.note(**{name: gone})
        run.log.info("%d %s of before %s are forgotten.", gone, name, f"{before:%Y-%m-%d}")
        run.progress.succeeded(items[name])
