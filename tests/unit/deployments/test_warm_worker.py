"""What the warm worker does with what Prefect offers it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import anyio
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.runner._control_channel import ControlChannel
from pydantic import ValidationError

from deployments.orchestration.warm import preload
from deployments.orchestration.warm.configuration import WarmJobConfiguration
from deployments.orchestration.warm.fork_client import WarmParentError
from deployments.orchestration.warm.serving import Serving
from deployments.orchestration.warm.starter import request_for
from deployments.orchestration.warm.worker import WarmWorker
from deployments.services.worker_health import asks_prefect


def test_a_retry_waits_for_the_end_of_its_earlier_attempts_process() -> None:
    retried = FlowRun(flow_id=uuid4())
    offered = WorkerFlowRunResponse(work_pool_id=uuid4(), work_queue_id=uuid4(), flow_run=retried)

    async def offer() -> list[FlowRun]:
        worker = WarmWorker(work_pool_name="any")
        worker._limiter = anyio.CapacityLimiter(4)  # pyright: ignore[reportPrivateUsage]
        worker._limiter.acquire_on_behalf_of_nowait(retried.id)  # pyright: ignore[reportPrivateUsage]
        return await worker._submit_scheduled_flow_runs([offered])  # pyright: ignore[reportPrivateUsage]

    assert asyncio.run(offer()) == []


def test_what_was_taken_before_the_stop_and_has_no_process_is_left_to_other_workers() -> None:
    taken = FlowRun(flow_id=uuid4())

    async def begin() -> set[UUID]:
        worker = WarmWorker(work_pool_name="any")
        worker.closed = True
        with pytest.raises(WarmParentError):
            await worker.run(taken, WarmJobConfiguration())
        return worker.unstarted

    assert asyncio.run(begin()) == {taken.id}


def test_a_worker_that_prefect_never_answered_is_not_ready() -> None:
    worker = WarmWorker(work_pool_name="any")
    worker.is_setup = True
    assert not asks_prefect(worker)
    worker._has_successfully_synced = True  # pyright: ignore[reportPrivateUsage]
    assert asks_prefect(worker)


def test_another_command_is_refused_and_not_ignored() -> None:
    assert WarmJobConfiguration(command=None).command is None
    with pytest.raises(ValidationError, match="starts no command"):
        WarmJobConfiguration(command="nice python -m prefect.engine")


def test_without_a_port_for_it_a_run_has_no_channel_and_is_started_all_the_same() -> None:
    class NoChannel(ControlChannel):
        def register(self, flow_run_id: UUID) -> tuple[int, str]:
            raise RuntimeError("no port")

    wanted = request_for(uuid4(), WarmJobConfiguration(), directory="/", control=NoChannel())
    assert not [name for name in wanted.environment if name.startswith("PREFECT__CONTROL")]


def test_what_an_import_says_is_not_in_the_parents_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "talks_too_much.py").write_text("raise ValueError('postgresql://user:hunter2hunter2@db')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(preload, "flow_modules", lambda: ["talks_too_much"])
    preload.import_everything()
    assert "Cannot import talks_too_much" in caplog.text
    assert "ValueError" in caplog.text
    assert "hunter2" not in caplog.text


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
