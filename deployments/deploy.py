"""Registers every producer's flow with Prefect; doing it again changes only what differs, and says so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.workers.base import BaseWorker
from pydantic import ValidationError

from deployments.call import Answer
from deployments.console import Table
from deployments.settings import Settings
from deployments.version import installed_version
from deployments.warm.worker import WORKER_TYPE
from flows._tracking.dispatcher import DEPLOYMENT, TAG
from flows.producer import Operation
from flows.registry import BrokenProducerError, operations
from runstore.errors import BadInputError, UnavailableError

SERVER_DEADLINE_SECONDS = 300
COMPARED = (
    "entrypoint",
    "work_pool_name",
    "tags",
    "description",
    "version",
    "parameter_openapi_schema",
    "concurrency_limit",
)


class PrefectUnavailableError(UnavailableError):
    """Prefect's server is not reachable; start it with `tenantatlas up` or check PREFECT_API_URL."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What became of one operation's deployment: created, changed or unchanged, and which fields differed."""

    operation: str
    entrypoint: str
    outcome: str
    changed: tuple[str, ...] = ()


def deploy_all(settings: Settings, *, wait: bool, pool: str | None, pool_type: str | None) -> Answer:
    """Registers every operation in the work pool, which is made if it does not exist: of our own type unless told another.

    With `wait`, a server that does not answer yet is waited for. Raises PrefectUnavailableError when it does not answer,
    BadInputError for a pool that cannot be made or is of another type than the one named, BrokenProducerError for a
    flow that cannot be loaded; no deployment is changed in the latter cases.
    """
    name = pool or settings.work_pool
    limit = settings.operation_limit
    found = [(operation, _definition(operation, name, limit)) for operation in operations().values()]
    deployed, pool_outcome = anyio.run(_deploy, found, name, pool_type, wait)
    document = {
        "work_pool": {"name": name, "outcome": pool_outcome},
        "deployments": [
            {"operation": one.operation, "entrypoint": one.entrypoint, "outcome": one.outcome, "changed": one.changed}
            for one in deployed
        ],
    }
    rows = [(one.operation, one.entrypoint, one.outcome, ", ".join(one.changed)) for one in deployed]
    table = Table(("Operation", "Entry point", "Outcome", "What changed"), rows, "There are no producers.")
    return Answer(document, (f"Work pool {name}: {pool_outcome}.", table))


async def _deploy(
    found: list[tuple[Operation, dict[str, Any]]], pool: str, pool_type: str | None, wait: bool
) -> tuple[list[Deployed], str]:
    try:
        async with get_client() as client:
            if wait:
                await await_server(client, SERVER_DEADLINE_SECONDS)
            pool_outcome = await _ensure_pool(client, pool, pool_type)
            return [await _register(client, operation, wanted) for operation, wanted in found], pool_outcome
    except (httpx.TransportError, PrefectHTTPStatusError, RuntimeError) as problem:
        raise PrefectUnavailableError from problem


async def await_server(client: PrefectClient, seconds: float | None) -> None:
    """Returns once Prefect's API answers. PrefectUnavailableError when it has not after `seconds`; None waits for ever."""
    give_up_at = None if seconds is None else time.monotonic() + seconds
    while await client.api_healthcheck() is not None:
        if give_up_at is not None and time.monotonic() > give_up_at:
            raise PrefectUnavailableError
        await anyio.sleep(0.2)


async def _ensure_pool(client: PrefectClient, name: str, named_type: str | None) -> str:
    pool_type = named_type or WORKER_TYPE
    worker = BaseWorker.get_worker_class_from_type(pool_type)
    if worker is None:
        raise BadInputError(
            f"{pool_type[:80]!r} is no work pool type this installation can serve: it has "
            f"{', '.join(sorted(BaseWorker.get_all_available_worker_types()))}. Install the Prefect package that brings it."
        )
    try:
        existing = await client.read_work_pool(name)
    except ObjectNotFound:
        try:
            wanted = WorkPoolCreate(name=name, type=pool_type, base_job_template=worker.get_default_base_job_template())
        except ValidationError:
            raise BadInputError(f"{name[:80]!r} cannot be a work pool's name: it has none of / % & < >.") from None
        try:
            await client.create_work_pool(wanted)
            return "created"
        except ObjectAlreadyExists:
            # A worker or another machine's deploy made it in the meantime.
            existing = await client.read_work_pool(name)
    if named_type not in (None, existing.type):
        raise BadInputError(
            f"The work pool {name!r} is of type {existing.type!r} already, and a pool keeps its type: "
            "name another one with --pool."
        )
    return await _fill_template(client, existing)


async def _fill_template(client: PrefectClient, pool: WorkPool) -> str:
    """Gives a pool that was made without a job template its type's; one that has a template keeps it."""
    worker = BaseWorker.get_worker_class_from_type(pool.type)
    if pool.base_job_template or worker is None:
        return "unchanged"
    await client.update_work_pool(pool.name, WorkPoolUpdate(base_job_template=worker.get_default_base_job_template()))
    return "changed"


def _definition(operation: Operation, pool: str, limit: int | None) -> dict[str, Any]:
    """What the operation's deployment has to be, with its flow loaded to prove that workers can load it."""
    entrypoint = operation.flow.replace(":", ".")
    try:
        flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    except Exception as problem:
        raise BrokenProducerError(
            f"The flow of {operation.type} cannot be loaded from {operation.flow} ({type(problem).__name__}: {problem})."
        ) from problem
    return {
        "entrypoint": entrypoint,
        "work_pool_name": pool,
        "tags": [TAG, str(operation.type)],
        "description": operation.description,
        "version": installed_version(),
        "parameter_openapi_schema": parameter_schema(flow).model_dump_for_openapi(),
        # Prefect queues what is over the limit; nothing is refused.
        "concurrency_limit": limit,
    }


async def _register(client: PrefectClient, operation: Operation, wanted: Mapping[str, Any]) -> Deployed:
    name = str(operation.type)
    try:
        existing = await client.read_deployment_by_name(f"{name}/{DEPLOYMENT}")
    except ObjectNotFound:
        # Our own models validate parameters; Prefect's refusal would repeat the value it refuses.
        flow_id = await client.create_flow_from_name(name)
        await client.create_deployment(flow_id, DEPLOYMENT, enforce_parameter_schema=False, **wanted)
        return Deployed(name, wanted["entrypoint"], "created")
    changed = tuple(field for field in COMPARED if _known(existing, field) != _known(wanted, field))
    if not changed:
        return Deployed(name, wanted["entrypoint"], "unchanged")
    # An update leaves the schedules alone; creating it again would delete them.
    await client.update_deployment(existing.id, DeploymentUpdate(enforce_parameter_schema=False, **wanted))
    return Deployed(name, wanted["entrypoint"], "changed", changed)


def _known(of: DeploymentResponse | Mapping[str, Any], field: str) -> Any:
    if field == "concurrency_limit" and isinstance(of, DeploymentResponse):
        return None if of.global_concurrency_limit is None else of.global_concurrency_limit.limit
    value = of[field] if isinstance(of, Mapping) else getattr(of, field)
    return sorted(value) if field == "tags" else value
