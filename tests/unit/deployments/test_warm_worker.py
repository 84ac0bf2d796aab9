"""What the warm worker does with what Prefect offers it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from uuid import uuid4

import anyio
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse

from deployments.warm.serving import Serving
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


class StopServing(BaseException):
    """Not an Exception: a look that fails is followed by the next one."""


def _pauses(looks: list[tuple[bool, bool]], *, told_first: bool) -> list[float]:
    """Seconds between looks, of which each finds a run or not, and is told of one meanwhile or not."""

    async def listen() -> list[float]:
        worker, looked_at, planned = WarmWorker(work_pool_name="any"), list[float](), iter(looks)
        serving = Serving(worker)

        async def look() -> list[FlowRun]:
            looked_at.append(anyio.current_time())
            found, told_meanwhile = next(planned, (None, False))
            if found is None:
                raise StopServing
            if told_meanwhile:
                serving.hurry()
            return [FlowRun(flow_id=uuid4())] if found else []

        worker.get_and_submit_flow_runs = look
        if told_first:
            serving.hurry()
            await anyio.sleep(0.01)
        with suppress(StopServing):
            await serving.poll(0.4)
        return [later - earlier for earlier, later in pairwise(looked_at)]

    return asyncio.run(listen())


def test_a_run_told_of_during_a_look_is_looked_for_at_once() -> None:
    assert _pauses([(True, True), (True, False)], told_first=False)[0] < 0.2


def test_a_run_told_of_and_not_found_yet_is_looked_for_again_soon() -> None:
    assert max(_pauses([(False, False)] * 3, told_first=True)) < 0.3


def test_nothing_more_is_looked_for_in_a_hurry_once_the_run_is_found() -> None:
    assert _pauses([(True, False), (False, False)], told_first=True)[0] >= 0.4
