"""A Prefect worker type that forks each flow run from a warm parent instead of starting a new interpreter for it."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import httpx
from prefect.flows import load_flow_from_flow_run
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle, create_isolated_termination_scope
from prefect.settings import get_current_settings
from prefect.utilities.processutils import sanitize_subprocess_env
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import Field

from deployments.prefect_worker import without_ending
from deployments.warm.code_version import CHECK_SECONDS, CodeVersion
from deployments.warm.fork_client import ForkedProcess, WarmParent, WarmParentError

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse

WORKER_TYPE = "tenantatlas-warm"
DEFAULT_POLL_SECONDS = 0.3
LONGEST_BACKOFF_SECONDS = 5.0
HURRIED_POLL_SECONDS = 0.05
HURRY_SECONDS = 1.5
STOP_GRACE_SECONDS = 10.0

_logger = logging.getLogger("deployments.warm")


class WarmJobConfiguration(BaseJobConfiguration):
    """How one flow run's process is set up."""

    working_dir: Path | None = Field(default=None)
    memory_limit_mb: int = Field(default=0, ge=0)

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        return _prefect_variables()

    @property
    def module_path(self) -> str | None:
        """Where the flow is imported from, when its deployment names an installed module: nothing has to be asked then.

        None for a file, or when steps have to fetch the code first; the child asks Prefect what to do in that case.
        """
        deployment = self._related_objects.get("deployment")
        if deployment is None or deployment.pull_steps or not deployment.entrypoint or ":" in deployment.entrypoint:
            return None
        return str(deployment.entrypoint)


class WarmVariables(BaseVariables):
    """What a work pool or a deployment may set for its flow runs."""

    working_dir: Path | None = Field(
        default=None, description="The directory flow runs start in; a temporary one of their own without it."
    )
    memory_limit_mb: int = Field(
        default=2048,
        ge=0,
        description="How many MiB of data a flow run may hold before its allocations fail; 0 for no limit.",
    )


class WarmWorkerResult(BaseWorkerResult):
    """How a flow run's process ended: its process id and its exit code, negative for a signal."""


class WarmStarter:
    """Starts one flow run as a child of the warm parent; the piece Prefect's own executor asks for a process."""

    def __init__(self, worker: WarmWorker, configuration: WarmJobConfiguration, directory: str) -> None:
        self._worker = worker
        self._configuration = configuration
        self._directory = directory

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Returns when the process has ended. If this is cancelled, the process and its children are stopped first."""
        control = self._worker.executors.control_channel
        port, token = control.register(flow_run.id)
        wanted: dict[str, str | None] = {
            **os.environ,
            **self._configuration.env,
            "PREFECT__FLOW_RUN_ID": str(flow_run.id),
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
            "PREFECT__CONTROL_PORT": str(port),
            "PREFECT__CONTROL_TOKEN": token,
        }
        if (module_path := self._configuration.module_path) is not None:
            wanted["PREFECT__FLOW_ENTRYPOINT"] = module_path
        try:
            forked = await self._worker.fork(
                str(flow_run.id),
                environment=sanitize_subprocess_env(wanted),
                directory=self._directory,
                memory_mb=self._configuration.memory_limit_mb,
            )
        except BaseException:
            control.unregister(flow_run.id)
            raise
        scope = create_isolated_termination_scope(forked.pid)
        task_status.started(ProcessHandle(forked, termination_scope=scope))  # pyright: ignore[reportArgumentType]
        try:
            await forked.ended.wait()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _stop(forked)
            raise


class WarmWorker(BaseWorker[WarmJobConfiguration, WarmVariables, WarmWorkerResult]):
    """Runs flow runs as forked children of a process that has Prefect and every flow imported already.

    Prefect's own executor drives each run, so cancellation, crash reports, hooks and exit codes are those of its
    process worker. When the code or the settings change on disk, a new parent takes over for the runs to come.

    `serve` polls briskly, can be woken, outlives a Prefect server that is away, and drains before it leaves; Prefect's
    own `prefect worker start --type tenantatlas-warm` works too, with Prefect's polling.
    """

    type = WORKER_TYPE
    job_configuration = WarmJobConfiguration
    job_configuration_variables = WarmVariables
    _description = "Fork flow runs from a warm, preloaded parent process. Starts in well under a second."
    _display_name = "TenantAtlas warm process"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.executors = FlowRunExecutorContext()
        self._code = CodeVersion(extra=_env_files())
        self._parent: WarmParent | None = None
        self._parent_lock = anyio.Lock()
        self._wake = anyio.Event()
        self._in_flight = 0
        self._hurried_at = -HURRY_SECONDS

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmWorkerResult:
        """The result of the flow run's process once it ended. RuntimeError when no process could be started."""
        reported = anyio.TASK_STATUS_IGNORED if task_status is None else task_status
        self._in_flight += 1
        try:
            with tempfile.TemporaryDirectory(prefix="flow-run-", ignore_cleanup_errors=True) as own_directory:
                directory = str(configuration.working_dir or own_directory)
                executor = self.executors.create_executor(
                    flow_run,
                    WarmStarter(self, configuration, directory),
                    resolve_flow=load_flow_from_flow_run,
                    propose_submitting=False,
                )
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
        finally:
            self._in_flight -= 1

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: WarmJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Stops a run cancelled before its flow began: SIGTERM to its process group, SIGKILL after the grace."""
        scope = create_isolated_termination_scope(pid := int(infrastructure_pid))
        if not scope.is_alive(pid):
            return
        scope.graceful_kill(pid)
        with anyio.move_on_after(grace_seconds):
            while scope.is_alive(pid):
                await anyio.sleep(0.1)
            return
        scope.hard_kill(pid)

    async def fork(self, run: str, *, environment: dict[str, str], directory: str, memory_mb: int) -> ForkedProcess:
        """A new process for the flow run, from a parent whose code is the code on disk.

        A parent found dead is replaced once; `WarmParentError` if the new one dies as well.
        """
        parent = await self._current_parent()
        try:
            return await parent.fork(run, environment=environment, directory=directory, memory_mb=memory_mb)
        except WarmParentError:
            parent = await self._current_parent()
            return await parent.fork(run, environment=environment, directory=directory, memory_mb=memory_mb)

    async def _current_parent(self) -> WarmParent:
        async with self._parent_lock:
            changed = self._code.changed()
            if self._parent is not None and (changed or not self._parent.alive):
                _logger.info("Starting a new warm parent: %s.", "the code changed" if changed else "the old one ended")
                self._parent.retire()
                self._parent = None
            if self._parent is None:
                # Spelled as its children's variables are, so that they need not read Prefect's settings anew.
                self._parent = await WarmParent.start({**os.environ, **_prefect_variables()})
            return self._parent

    async def setup(self) -> None:
        """Starts the warm parent and what Prefect's executor needs, then everything a Prefect worker sets up."""
        await self.executors.__aenter__()
        try:
            await self._current_parent()
            await super().setup()
        except BaseException as problem:
            await self._leave(problem)
            raise

    async def teardown(self, *exc_info: Any) -> None:
        """Waits for the runs in flight, as Prefect's workers do, then lets the warm parent go."""
        try:
            await super().teardown(*exc_info)
        finally:
            await self._leave(exc_info[1] if len(exc_info) > 1 else None)

    async def _leave(self, problem: BaseException | None) -> None:
        with anyio.CancelScope(shield=True):
            if self._parent is not None:
                self._parent.retire()
                with anyio.move_on_after(STOP_GRACE_SECONDS):
                    await self._parent.wait()
                self._parent = None
        # Outside the shield: a task group must be left in the scope it was entered in.
        await self.executors.__aexit__(type(problem) if problem else None, problem, None)

    def hurry(self) -> None:
        """Tells `serve` that there is work: it looks now, and often until it finds some, for a little while at most.

        Call it from the worker's own event loop, when Prefect was given a run. What clocks disagree about is made up for by
        looking again.
        """
        self._hurried_at = anyio.current_time()
        self._wake.set()

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """Beside the start, not before it: the labels are for people who look at the run later."""

        async def label() -> None:
            try:
                await super(WarmWorker, self)._give_worker_labels_to_flow_run(flow_run_id)
            except httpx.HTTPError as problem:
                _logger.warning("Flow run %s has no worker's labels (%s).", flow_run_id, type(problem).__name__)

        assert self._runs_task_group is not None
        self._runs_task_group.start_soon(label)

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Leaves a retry for the next look while its earlier attempt's process still ends: it would need that one's place."""
        return await super()._submit_scheduled_flow_runs(without_ending(self, flow_run_response))

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Nothing: from Pending to Running it takes less time than Prefect's server takes to note Submitting in between."""

    async def serve(
        self,
        stop: anyio.Event,
        *,
        ready: anyio.Event | None = None,
        poll_seconds: float = DEFAULT_POLL_SECONDS,
        drain_seconds: float = 60,
    ) -> None:
        """Works until `stop` is set, then takes no more runs and gives those in flight `drain_seconds` to finish.

        A run still going after that is killed, and reported as crashed. A Prefect server that is away is asked again
        and again, at most five seconds apart, for as long as it takes.
        """
        async with self:
            async with anyio.create_task_group() as group:
                group.start_soon(self._poll, poll_seconds)
                group.start_soon(self._heartbeat)
                group.start_soon(self._keep_parent_current)
                if ready is not None:
                    ready.set()
                await stop.wait()
                group.cancel_scope.cancel()
            with anyio.move_on_after(drain_seconds):
                while self._submitting_flow_run_ids or self._in_flight:
                    await anyio.sleep(0.05)
            for run in self.executors.process_manager.flow_run_ids():
                _logger.warning("Flow run %s did not finish within %.0f seconds and is killed.", run, drain_seconds)
                await self.executors.process_manager.kill(run, force=True)

    async def _poll(self, seconds: float) -> None:
        pause = seconds
        while True:
            self._wake, begun = anyio.Event(), anyio.current_time()
            try:
                found = await self.get_and_submit_flow_runs()
                pause = seconds
                if found and self._hurried_at < begun:
                    # What was told of is found. Each further look costs Prefect's server time that the run needs to begin.
                    self._hurried_at = -HURRY_SECONDS
            except httpx.HTTPError as problem:
                if pause <= seconds:
                    _logger.warning("The Prefect server does not answer (%s); asking again.", type(problem).__name__)
                pause = min(max(pause, seconds) * 2, LONGEST_BACKOFF_SECONDS)
            if anyio.current_time() < self._hurried_at + HURRY_SECONDS:
                pause = HURRIED_POLL_SECONDS
            with anyio.move_on_after(pause):
                await self._wake.wait()

    async def _keep_parent_current(self) -> None:
        """Replaces an outdated or dead parent as soon as that is noticed, not when the next run needs it."""
        while True:
            await anyio.sleep(CHECK_SECONDS)
            try:
                await self._current_parent()
            except WarmParentError as problem:
                _logger.error("%s", problem)
                await anyio.sleep(LONGEST_BACKOFF_SECONDS)

    async def _heartbeat(self) -> None:
        while True:
            await anyio.sleep(self.heartbeat_interval_seconds if self._has_successfully_synced else 1)
            try:
                await self._sync_and_initialize()
            except httpx.HTTPError:
                continue


async def _stop(forked: ForkedProcess) -> None:
    """Stops a process group: SIGTERM, and SIGKILL when it is still there after the grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if forked.returncode is not None:
            return
        try:
            os.killpg(forked.pid, number)
        except ProcessLookupError:
            return
        with anyio.move_on_after(STOP_GRACE_SECONDS):
            await forked.ended.wait()


@cache
def _prefect_variables() -> dict[str, str]:
    """Prefect's settings in this process as variables; written out once, since that takes longer than a fork."""
    return get_current_settings().to_environment_variables(exclude_unset=True)


def _env_files() -> list[Path]:
    home = os.environ.get("TENANTATLAS_HOME")
    return [Path(home) / ".env"] if home else []
