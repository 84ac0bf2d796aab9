"""A Prefect worker that trouble with one run does not end, since it would end every other run with it.

Prefect's worker does everything for its runs in one task group. A call to the server that fails in the wrong place there
ends the group, and the worker.
"""

from __future__ import annotations

import abc
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import anyio.abc
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.settings import get_current_settings
from prefect.states import Scheduled
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseWorker, BaseWorkerResult

from deployments.orchestration.warm.cancellation import LastingObserver
from deployments.services.prefect_worker import without_ending

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse

TRY_AGAIN_SECONDS = 2.0
OFFER_AGAIN_SECONDS = 5.0

_logger = logging.getLogger("deployments.orchestration.warm")


class SteadyWorker(BaseWorker[Any, Any, Any], abc.ABC):
    """What a worker of ours does otherwise than Prefect's when a call fails, or a run cannot be started now.

    Whoever derives from it keeps `in_flight`, and adds a run to `unstarted` before an error that lets it run later.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.in_flight: set[UUID] = set()
        self.unstarted: set[UUID] = set()

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Leaves a retry for the next look while its earlier attempt's process still ends: it would need that one's place."""
        free = [one for one in without_ending(self, flow_run_response) if one.flow_run.id not in self.in_flight]
        return await super()._submit_scheduled_flow_runs(free)

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Leaves a run that could not be submitted for a later look: until it is Pending, Prefect offers it again."""
        try:
            await super()._submit_run(flow_run)
        except Exception as problem:
            _logger.warning("Flow run %s is not taken yet (%s).", flow_run.id, type(problem).__name__)
            # Still held as one that is being submitted, or it would be tried at every look.
            await anyio.sleep(TRY_AGAIN_SECONDS)
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)
            if self._cancelling_observer is not None:
                self._cancelling_observer.remove_in_flight_flow_run_id(flow_run.id)
            if flow_run.id not in self.in_flight:
                # Prefect's way out for a run whose deployment is gone forgets to.
                self._release_limit_slot(flow_run.id)

    async def _submit_run_and_capture_errors(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[int | Exception] | None = None
    ) -> BaseWorkerResult | Exception:
        """Prefect's captures what happens while the run goes on, and not what happens in telling of its end."""
        try:
            return await super()._submit_run_and_capture_errors(flow_run, task_status)
        except Exception as problem:
            _logger.exception("The end of flow run %s could not be told of.", flow_run.id)
            return problem

    async def _propose_crashed_state(
        self, flow_run: FlowRun, message: str, client: PrefectClient | None = None
    ) -> None:
        """A run for which no process could be had now has not crashed: it goes back to be offered again, to any worker.

        Left as Pending it would be offered to nobody until a relay gives it up.
        """
        if flow_run.id not in self.unstarted:
            await super()._propose_crashed_state(flow_run, message, client)
            return
        self.unstarted.discard(flow_run.id)
        later = datetime.now(UTC) + timedelta(seconds=OFFER_AGAIN_SECONDS)
        try:
            await propose_state(self.client, Scheduled(scheduled_time=later, message=message), flow_run_id=flow_run.id)
        except Exception as problem:
            _logger.warning("Flow run %s is not offered again yet (%s).", flow_run.id, type(problem).__name__)

    async def _setup_cancellation_observer(self) -> None:
        """As Prefect's, for runs cancelled before their flow began, with an observer that lasts."""
        settings = get_current_settings().worker
        if self._cancelling_observer is not None or self._work_pool is None or not settings.enable_cancellation:
            return
        pool = EventAnyResourceFilter(id=[f"prefect.work-pool.{self._work_pool.id}"])
        self._cancelling_observer = await self._exit_stack.enter_async_context(
            LastingObserver(
                on_cancelling=self._cancel_soon,
                polling_interval=settings.cancellation_poll_seconds,
                event_filter=EventFilter(
                    event=EventNameFilter(name=["prefect.flow-run.Cancelling"]), any_resource=pool
                ),
            )
        )

    def _cancel_soon(self, flow_run_id: UUID) -> None:
        assert self._runs_task_group is not None
        self._runs_task_group.start_soon(self._cancel_run, flow_run_id)

    async def _cancel_run(self, flow_run_id: UUID) -> None:
        """Prefect's, tried again while the run is there to be cancelled."""
        while True:
            try:
                await super()._cancel_run(flow_run_id)
                return
            except Exception as problem:
                _logger.warning("Flow run %s is not cancelled yet (%s).", flow_run_id, type(problem).__name__)
            await anyio.sleep(TRY_AGAIN_SECONDS)
            if flow_run_id not in self._submitting_flow_run_ids | self.in_flight:
                return
