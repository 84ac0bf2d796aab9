"""What the warm worker does with what Prefect offers it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import anyio
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse

from deployments.warm.worker import WarmWorker


def test_a_retry_waits_for_the_end_of_its_earlier_attempts_process() -> None:
    retried = FlowRun(flow_id=uuid4())
    offered = WorkerFlowRunResponse(work_pool_id=uuid4(), work_queue_id=uuid4(), flow_run=retried)

    async def offer() -> list[FlowRun]:
        worker = WarmWorker(work_pool_name="any")
        worker._limiter = anyio.CapacityLimiter(4)  # pyright: ignore[reportPrivateUsage]
        worker._limiter.acquire_on_behalf_of_nowait(retried.id)  # pyright: ignore[reportPrivateUsage]
        return await worker._submit_scheduled_flow_runs([offered])  # pyright: ignore[reportPrivateUsage]

    assert asyncio.run(offer()) == []
