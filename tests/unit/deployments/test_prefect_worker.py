"""What one of Prefect's own workers is served with: looks that may fail, and a stop that cuts nothing off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import anyio
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.services.prefect_worker import OneTry, serve_until

RETRIES = 5


class Worker:
    """Looks without a pause, as Prefect's does at its interval, and ends when a look fails."""

    def __init__(self, ask: Callable[[], list[Any]] = list) -> None:
        self._limiter = anyio.CapacityLimiter(4)
        self._submitting_flow_run_ids = set[UUID]()
        self._ask = ask
        self.tries = list[int]()

    async def _get_scheduled_flow_runs(self) -> list[Any]:
        self.tries.append(PREFECT_CLIENT_MAX_RETRIES.value())
        return self._ask()

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[Any]) -> list[Any]:
        self.tries.append(PREFECT_CLIENT_MAX_RETRIES.value())
        return flow_run_response

    async def get_and_submit_flow_runs(self) -> list[Any]:
        found = await self._get_scheduled_flow_runs()
        return await self._submit_scheduled_flow_runs(flow_run_response=found)

    async def _sync_and_initialize(self) -> None:
        raise ConnectionError

    async def start(self) -> None:
        while True:
            await self._sync_and_initialize()
            await self.get_and_submit_flow_runs()
            await anyio.sleep(0.01)


def served(worker: Worker, stop_when: Callable[[], bool], then: Callable[[anyio.Event], Any]) -> None:
    async def serve() -> None:
        stop = anyio.Event()

        async def stopping() -> None:
            while not stop_when():
                await anyio.sleep(0.01)
            await then(stop)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(stopping)
                # A stand-in that has what is asked of a worker, and no more.
                await serve_until(stop, worker, drain_seconds=0)  # type: ignore[arg-type]
                group.cancel_scope.cancel()

    asyncio.run(serve())


async def just_stop(stop: anyio.Event) -> None:
    stop.set()


def test_looks_that_fail_are_followed_by_the_next_one() -> None:
    looks = list[int]()

    def away() -> list[Any]:
        looks.append(1)
        raise ConnectionError

    served(Worker(away), lambda: len(looks) > 3, just_stop)


def test_a_look_is_tried_once_and_what_it_finds_is_submitted_with_every_try() -> None:
    worker = Worker()
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES}):
        served(worker, lambda: len(worker.tries) > 3, just_stop)
    assert worker.tries[:4] == [0, RETRIES, 0, RETRIES]


def test_a_stop_waits_for_a_run_that_is_being_submitted() -> None:
    worker = Worker()
    worker._submitting_flow_run_ids.add(uuid4())  # pyright: ignore[reportPrivateUsage]

    async def stop_and_submit(stop: anyio.Event) -> None:
        stop.set()
        await anyio.sleep(0.3)
        worker._submitting_flow_run_ids.clear()  # pyright: ignore[reportPrivateUsage]

    served(worker, lambda: bool(worker.tries), stop_and_submit)
    assert not worker._submitting_flow_run_ids  # pyright: ignore[reportPrivateUsage]


def test_settings_that_changed_meanwhile_are_used_in_the_next_block() -> None:
    one_try = OneTry()
    for other in (1, 2):
        with temporary_settings({"client.max_retries": RETRIES, "worker.prefetch_seconds": other}), one_try():
            assert PREFECT_CLIENT_MAX_RETRIES.value() == 0
        assert PREFECT_CLIENT_MAX_RETRIES.value() != 0
