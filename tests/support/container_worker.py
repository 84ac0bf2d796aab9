"""A worker type that is to us what Docker's and Kubernetes' are: its jobs start an image, somewhere else.

It starts nothing: it writes down what each job would have been given, and leaves the flow run as it is. A process knows the
type when `installed` made its entry point and the folder is on the import path.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.abc
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import Field

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

CONTAINERS = "containers-under-test"
JOBS = "CONTAINER_JOBS_UNDER_TEST"


class ContainerJob(BaseJobConfiguration):
    image: str | None = Field(default=None)


class ContainerVariables(BaseVariables):
    image: str | None = Field(default=None)


class ContainerWorker(BaseWorker[ContainerJob, ContainerVariables, BaseWorkerResult]):
    type = CONTAINERS
    job_configuration = ContainerJob
    job_configuration_variables = ContainerVariables

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ContainerJob,
        task_status: anyio.abc.TaskStatus[str] | None = None,
    ) -> BaseWorkerResult:
        told = {"image": configuration.image, "command": configuration.command, "env": configuration.env}
        written = Path(os.environ[JOBS]) / f"{flow_run.id}.part"
        written.write_text(json.dumps(told))
        written.rename(written.with_suffix(".json"))
        if task_status is not None:
            task_status.started(str(flow_run.id))
        return BaseWorkerResult(identifier=str(flow_run.id), status_code=0)


def installed(folder: Path) -> dict[str, str]:
    """The variables with which a process finds the type, as that of an installed package, and writes its jobs to `folder`."""
    package = folder / "containers_under_test-0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: containers-under-test\nVersion: 0\n")
    (package / "entry_points.txt").write_text(f"[prefect.collections]\ncontainers = {__name__}\n")
    return {JOBS: str(folder), "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
