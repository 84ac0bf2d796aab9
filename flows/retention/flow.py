"""The flow of `run.prune`."""

from collections.abc import Callable
from datetime import UTC, datetime

from flows._tracking.store import patiently
from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.retention.kept import prune_kept
from flows.retention.operation import OPERATION, PruneParameters, age

PATIENCE = 600.0
"""Seconds that a batch waits for a store that is away."""


@tracked_flow(OPERATION, own_steps=True)
def prune(run: TrackedRun, parameters: PruneParameters) -> None:
    now = datetime.now(UTC)
    asked = {"runs": now - age(parameters.older_than)} | {name: now - span for name, span in parameters.kept.items()}
    run.progress.expect([_item(name, before) for name, before in asked.items()])

    def attempt(batch: Callable[[], int]) -> int:
        return run.step("forget a batch", lambda: patiently(batch, give_up_after=PATIENCE))

    def forget(name: str, before: datetime) -> int:
        def note(count: int) -> None:
            run.progress.note(**{"pruned" if name == "runs" else name: count})

        note(0)
        return prune_kept(run.store, run.scope, name, before, report=note, attempt=attempt)

    for name, before in asked.items():
        run.log.info("%d are forgotten: %s.", forget(name, before), _item(name, before))
        run.progress.succeeded(_item(name, before))


def _item(name: str, before: datetime) -> str:
    return f"{'runs finished' if name == 'runs' else name} before {before:%Y-%m-%d}"
