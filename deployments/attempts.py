"""A flow run that is tried again while the process of its earlier attempt still ends, as any Prefect worker may meet it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse
    from prefect.workers.base import BaseWorker


def without_ending(
    worker: BaseWorker[Any, Any, Any], found: Sequence[WorkerFlowRunResponse]
) -> list[WorkerFlowRunResponse]:
    """What was found, less the flow runs whose earlier attempt still holds a place: they are found again at the next look."""
    limiter = worker._limiter  # pyright: ignore[reportPrivateUsage]
    ending = set[Any](limiter.statistics().borrowers) if limiter else set[Any]()
    return [one for one in found if one.flow_run.id not in ending]


def let_attempts_end(worker: BaseWorker[Any, Any, Any]) -> None:
    """Makes Prefect's worker leave a retry for the next look while its earlier attempt ends.

    By itself it asks for a second place for the same run, which its limiter refuses with an error that ends the worker and
    every run it serves. At its default poll of ten seconds that is rare; asked as often as here, it is not.
    """
    submit = worker._submit_scheduled_flow_runs  # pyright: ignore[reportPrivateUsage]

    async def submit_free(flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        return await submit(without_ending(worker, flow_run_response))

    worker._submit_scheduled_flow_runs = submit_free  # pyright: ignore[reportPrivateUsage]
