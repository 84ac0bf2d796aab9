"""What Prefect's executor of a flow run needs, made once for all the runs of a worker."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_flow_run
from prefect.runner._cancellation_manager import CancellationManager
from prefect.runner._control_channel import ControlChannel
from prefect.runner._event_emitter import EventEmitter
from prefect.runner._flow_run_executor import FlowRunExecutor, ProcessStarter
from prefect.runner._hook_runner import HookRunner
from prefect.runner._process_manager import ProcessManager
from prefect.runner._state_proposer import StateProposer

from deployments.orchestration.warm.cancellation import LastingObserver

TRY_AGAIN_SECONDS = 2.0

_logger = logging.getLogger("deployments.orchestration.warm")


class Executors:
    """Prefect's parts, put together as its `FlowRunExecutorContext` does, for longer than one run.

    Prefect's own makes them anew for each run. What lasts must bear more: the observer outlives an outage, and a
    cancellation that fails is tried again instead of ending the worker and with it every other run.
    """

    def __init__(self) -> None:
        self.control = ControlChannel()
        self.processes = ProcessManager(on_add=self._added, on_remove=self._removed)
        self._observer = LastingObserver(on_cancelling=self._cancel_soon)
        self._hooks = HookRunner(resolve_flow=load_flow_from_flow_run)
        self._cancelling: set[UUID] = set()
        self._resources = AsyncExitStack()
        self._tasks: anyio.abc.TaskGroup

    async def __aenter__(self) -> Self:
        """Connects to Prefect, as far as it is there. Left in the opposite order: first nothing more is cancelled."""
        async with AsyncExitStack() as resources:
            self._client = await resources.enter_async_context(get_client())
            await resources.enter_async_context(self.processes)
            self._states = StateProposer(client=self._client)
            events = await resources.enter_async_context(EventEmitter(runner_name="standalone", client=self._client))
            await resources.enter_async_context(self.control)
            self._tasks = await resources.enter_async_context(anyio.create_task_group())
            self._cancellations = CancellationManager(
                process_manager=self.processes,
                hook_runner=self._hooks,
                state_proposer=self._states,
                event_emitter=events,
                client=self._client,
                control_channel=self.control,
            )
            await resources.enter_async_context(self._observer)
            self._resources = resources.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops what still runs."""
        await self._resources.__aexit__(kind, problem, trace)

    def executor(self, flow_run: FlowRun, starter: ProcessStarter) -> FlowRunExecutor:
        """Prefect's executor for one run."""
        return FlowRunExecutor(
            flow_run=flow_run,
            starter=starter,
            process_manager=self.processes,
            state_proposer=self._states,
            hook_runner=self._hooks,
            propose_submitting=False,
            get_attempt_conclusion=self.control.get_conclusion,
        )

    async def _added(self, flow_run_id: UUID) -> None:
        self._observer.add_in_flight_flow_run_id(flow_run_id)

    async def _removed(self, flow_run_id: UUID) -> None:
        self._observer.remove_in_flight_flow_run_id(flow_run_id)
        self.control.unregister(flow_run_id)

    def _cancel_soon(self, flow_run_id: UUID) -> None:
        # Asked for more than once: by an event, by the same event after a reconnection, by the state itself.
        if flow_run_id not in self._cancelling:
            self._cancelling.add(flow_run_id)
            self._tasks.start_soon(self._cancel, flow_run_id)

    async def _cancel(self, flow_run_id: UUID) -> None:
        try:
            while self.processes.get(flow_run_id) is not None and not await self._is_settled(flow_run_id):
                await anyio.sleep(TRY_AGAIN_SECONDS)
        finally:
            self._cancelling.discard(flow_run_id)

    async def _is_settled(self, flow_run_id: UUID) -> bool:
        try:
            flow_run = await self._client.read_flow_run(flow_run_id)
            # An event may be an old one, told again after a reconnection, of a run that is in its next attempt by now.
            if flow_run.state is not None and (flow_run.state.is_cancelling() or flow_run.state.is_cancelled()):
                await self._cancellations.cancel(flow_run)
        except ObjectNotFound:
            _logger.warning(
                "Flow run %s is cancelled and Prefect no longer knows it; its process is ended.", flow_run_id
            )
            await self.processes.kill(flow_run_id)
        except Exception as problem:
            _logger.warning("Flow run %s is not cancelled yet (%s); trying again.", flow_run_id, type(problem).__name__)
            return False
        return True
