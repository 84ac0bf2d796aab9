"""What Prefect's own workers need beside what they do, to be served as ours is: retries that wait, and a stop that drains."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse
    from prefect.workers.base import BaseWorker

_logger = logging.getLogger("deployments.worker")


def without_ending(
    worker: BaseWorker[Any, Any, Any], found: Sequence[WorkerFlowRunResponse]
) -> list[WorkerFlowRunResponse]:
    """What was found, less the flow runs whose earlier attempt still holds a place: they are found again at the next look."""
    limiter = worker._limiter  # pyright: ignore[reportPrivateUsage]
    ending = set[Any](limiter.statistics().borrowers) if limiter else set[Any]()
    return [one for one in found if one.flow_run.id not in ending]


async def serve_until(stop: anyio.Event, worker: BaseWorker[Any, Any, Any], *, drain_seconds: float) -> None:
    """Runs one of Prefect's own workers until `stop` is set, and gives the runs it has under way `drain_seconds` to finish.

    By itself it takes a retry that comes while the earlier attempt's process still ends for a second run at the same place,
    an error that ends the worker and every run it serves: rare at a poll every ten seconds, not at ours. And by itself it
    kills its runs the moment it is stopped.
    """
    submit = worker._submit_scheduled_flow_runs  # pyright: ignore[reportPrivateUsage]
    look = worker.get_and_submit_flow_runs

    async def submit_free(flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        return await submit(without_ending(worker, flow_run_response))

    async def look_unless_stopped() -> list[FlowRun]:
        return [] if stop.is_set() else await look()

    async def drain() -> None:
        await stop.wait()
        with anyio.move_on_after(drain_seconds):
            while (limiter := worker._limiter) and limiter.borrowed_tokens:  # pyright: ignore[reportPrivateUsage]
                await anyio.sleep(0.05)
            group.cancel_scope.cancel()
            return
        _logger.warning("The runs that did not finish within %.0f seconds are killed.", drain_seconds)
        group.cancel_scope.cancel()

    worker._submit_scheduled_flow_runs = submit_free  # pyright: ignore[reportPrivateUsage]
    worker.get_and_submit_flow_runs = look_unless_stopped
    async with anyio.create_task_group() as group:
        group.start_soon(drain)
        await worker.start()
        group.cancel_scope.cancel()
