"""Starts a flow run's process, and gives it to Prefect's executor."""

from __future__ import annotations

import os
from contextlib import suppress
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun
from prefect.runner._control_channel import ControlChannel
from prefect.runner._process_manager import ProcessHandle
from prefect.utilities.processutils import sanitize_subprocess_env

from deployments.orchestration.warm.configuration import WarmJobConfiguration
from deployments.orchestration.warm.flow_process import Request
from deployments.orchestration.warm.forked_process import ForkedProcess, ProcessTree


def request_for(
    flow_run: UUID, configuration: WarmJobConfiguration, *, directory: str, control: ControlChannel
) -> Request:
    """What the warm parent is asked for, after Prefect's own way to start its engine.

    The worker's variables are those of this moment: a secret that was renewed in `.env` is the renewed one.
    """
    wanted: dict[str, str | None] = {
        **os.environ,
        **configuration.env,
        "PREFECT__FLOW_RUN_ID": str(flow_run),
        "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
    }
    # Without its channel, which needs a port, Prefect's executor cancels by signal alone.
    with suppress(RuntimeError):
        port, token = control.register(flow_run)
        wanted |= {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}
    if (module_path := configuration.module_path) is not None:
        wanted["PREFECT__FLOW_ENTRYPOINT"] = module_path
    return Request(
        run=str(flow_run),
        environment=sanitize_subprocess_env(wanted),
        directory=directory,
        memory_mb=configuration.memory_limit_mb,
    )


class ForkedStarter:
    """Hands over a process that was forked already.

    Prefect's executor calls a run crashed when its starter fails. One that could only not be forked now is to run later,
    so it is forked before there is an executor.
    """

    def __init__(self, forked: ForkedProcess) -> None:
        self._forked = forked

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Returns when the process has ended."""
        tree = ProcessTree(self._forked)
        task_status.started(ProcessHandle(self._forked, termination_scope=tree))  # pyright: ignore[reportArgumentType]
        await self._forked.ended.wait()
