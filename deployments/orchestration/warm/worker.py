"""A Prefect worker type that forks each flow run from a warm parent instead of starting a new interpreter for it."""

from __future__ import annotations

import logging
import tempfile
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import anyio.abc
from prefect.exceptions import InfrastructureNotFound
from prefect.workers.base import BaseWorkerResult

from deployments.orchestration.warm.configuration import WarmJobConfiguration, WarmVariables
from deployments.orchestration.warm.executors import Executors
from deployments.orchestration.warm.fork_client import WarmParentError
from deployments.orchestration.warm.forked_process import ForkedProcess
from deployments.orchestration.warm.parents import Parents
from deployments.orchestration.warm.starter import ForkedStarter, request_for
from deployments.orchestration.warm.steady_worker import SteadyWorker

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.runner._flow_run_executor import FlowRunExecutionResult
    from prefect.runner._process_manager import ProcessHandle

WORKER_TYPE = "tenantatlas-warm"

_logger = logging.getLogger("deployments.orchestration.warm")


class WarmWorkerResult(BaseWorkerResult):
    """How a flow run's process ended: its process id and its exit code, negative for a signal."""


class WarmWorker(SteadyWorker):
    """Runs flow runs as forked children of a process that has Prefect and every flow imported already.

    Prefect's own executor drives each run, so cancellation, crash reports, hooks and exit codes are those of its process
    worker.

    `serving.Serving` polls briskly, can be woken, outlives a Prefect server that is away, and drains before it leaves;
    Prefect's own `prefect worker start --type tenantatlas-warm` works too, with Prefect's polling.
    """

    type = WORKER_TYPE
    job_configuration = WarmJobConfiguration
    job_configuration_variables = WarmVariables
    _description = "Fork flow runs from a warm, preloaded parent process. Starts in well under a second."
    _display_name = "TenantAtlas warm process"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.executors = Executors()
        self.parents = Parents()
        self.closed = False
        """Whether no run is begun any more; one that was taken is offered again, to other workers."""

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmWorkerResult:
        """The result of the flow run's process once it ended.

        WarmParentError when none can be started now, RuntimeError when none was needed or can ever be started.
        """
        reported = anyio.TASK_STATUS_IGNORED if task_status is None else task_status
        self.in_flight.add(flow_run.id)
        try:
            with tempfile.TemporaryDirectory(prefix="flow-run-", ignore_cleanup_errors=True) as own_directory:
                directory = str(configuration.working_dir or own_directory)
                forked = await self._fork(flow_run, configuration, directory)
                try:
                    return await self._see_through(flow_run, forked, reported)
                finally:
                    with anyio.CancelScope(shield=True):
                        await forked.stop()
        finally:
            self.executors.control.unregister(flow_run.id)
            self.in_flight.discard(flow_run.id)

    async def _fork(self, flow_run: FlowRun, configuration: WarmJobConfiguration, directory: str) -> ForkedProcess:
        try:
            if self.closed:
                raise WarmParentError("The worker is about to leave.")
            return await self.parents.fork(
                request_for(flow_run.id, configuration, directory=directory, control=self.executors.control)
            )
        except WarmParentError:
            self.unstarted.add(flow_run.id)
            raise

    async def _see_through(
        self, flow_run: FlowRun, forked: ForkedProcess, reported: anyio.abc.TaskStatus[int]
    ) -> WarmWorkerResult:
        executor = self.executors.executor(flow_run, ForkedStarter(forked))
        execution: FlowRunExecutionResult | None = None

        async def execute(*, task_status: anyio.abc.TaskStatus[ProcessHandle]) -> None:
            nonlocal execution
            execution = await executor.submit(task_status=task_status)

        async with anyio.create_task_group() as group:
            handle: ProcessHandle = await group.start(execute)
            reported.started(handle.pid or 0)
        if execution is None or execution.status_code is None:
            raise RuntimeError("The flow run's process could not be started.")
        return WarmWorkerResult(status_code=execution.status_code, identifier=str(handle.pid))

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: WarmJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Stops a run cancelled before its flow began: SIGTERM to its process and what it started, SIGKILL after the grace.

        InfrastructureNotFound for a process that is none of this worker's: on another machine the number is a stranger's.
        """
        processes = self.executors.processes
        for run in processes.flow_run_ids():
            if (handle := processes.get(run)) is not None and str(handle.pid) == infrastructure_pid:
                await processes.kill(run, grace_seconds)
                return
        raise InfrastructureNotFound(f"No flow run of this worker runs in process {infrastructure_pid}.")

    async def setup(self) -> None:
        """Starts the warm parent and what Prefect's executor needs, then everything a Prefect worker sets up."""
        await self.executors.__aenter__()
        try:
            await self.parents.__aenter__()
            await super().setup()
        except BaseException:
            # As if all were well, or the task groups left would make a group of the error.
            await self._leave(None)
            raise

    async def teardown(self, *exc_info: Any) -> None:
        """Waits for the runs in flight, as Prefect's workers do, then lets the warm parent go."""
        try:
            await super().teardown(*exc_info)
        finally:
            await self._leave(exc_info[1] if len(exc_info) > 1 else None)

    async def _leave(self, problem: BaseException | None) -> None:
        told = (type(problem) if problem else None, problem, None)
        await self.parents.__aexit__(*told)
        await self.executors.__aexit__(*told)

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Nothing: from Pending to Running it takes less time than Prefect's server takes to note Submitting in between."""

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """Beside the start, not before it: the labels are for people who look at the run later."""

        async def label() -> None:
            try:
                await super(WarmWorker, self)._give_worker_labels_to_flow_run(flow_run_id)
            except Exception as problem:
                _logger.warning("Flow run %s has no worker's labels (%s).", flow_run_id, type(problem).__name__)

        assert self._runs_task_group is not None
        self._runs_task_group.start_soon(label)
