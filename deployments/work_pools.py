"""The work pool that deployments go to: made if it is not there, of the type asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.base import BaseWorker
from pydantic import ValidationError

from deployments.warm.worker import WORKER_TYPE
from runstore.errors import BadInputError

# Prefect compares without regard to case.
RESERVED = "prefect"


@dataclass(frozen=True, slots=True)
class Pool:
    """A work pool as it is now, and whether it was created, changed or left as it was."""

    name: str
    type: str
    outcome: str


async def ensure_pool(client: PrefectClient, name: str, named_type: str | None) -> Pool:
    """The pool, made if need be: of our own type unless told another.

    BadInputError when it cannot be made or is of another type than the one named. A pool that was made without a job
    template gets its type's; what people set in a template stays.
    """
    existing = await _find(client, name)
    if existing is None:
        kind = _worker_class(named_type or WORKER_TYPE)
        template = kind.get_default_base_job_template()
        if await _create(client, name, kind.type, template):
            return Pool(name, kind.type, "created")
        # A worker or another machine's deploy made it in the meantime.
        existing = await client.read_work_pool(name)
    if named_type not in (None, existing.type):
        raise BadInputError(
            f"The work pool {name!r} is of type {existing.type!r} already, and a pool keeps its type: "
            "name another one with --pool."
        )
    return await _completed(client, existing)


async def _completed(client: PrefectClient, pool: WorkPool) -> Pool:
    kind = BaseWorker.get_worker_class_from_type(pool.type)
    template = pool.base_job_template or ({} if kind is None else kind.get_default_base_job_template())
    if template == pool.base_job_template:
        return Pool(pool.name, pool.type, "unchanged")
    await client.update_work_pool(pool.name, WorkPoolUpdate(base_job_template=template))
    return Pool(pool.name, pool.type, "changed")


async def _find(client: PrefectClient, name: str) -> WorkPool | None:
    try:
        return await client.read_work_pool(name)
    except ObjectNotFound:
        return None


async def _create(client: PrefectClient, name: str, kind: str, template: dict[str, Any]) -> bool:
    if name.lower().startswith(RESERVED):
        raise BadInputError(
            f"{name[:80]!r} cannot be a work pool's name: Prefect keeps those that begin with {RESERVED!r} for itself. "
            "Name another one with --pool."
        )
    try:
        wanted = WorkPoolCreate(name=name, type=kind, base_job_template=template)
    except ValidationError:
        raise BadInputError(f"{name[:80]!r} cannot be a work pool's name: it has none of / % & < >.") from None
    try:
        await client.create_work_pool(wanted)
    except ObjectAlreadyExists:
        return False
    return True


def _worker_class(pool_type: str) -> type[BaseWorker[Any, Any, Any]]:
    kind = BaseWorker.get_worker_class_from_type(pool_type)
    if kind is None:
        raise BadInputError(
            f"{pool_type[:80]!r} is no work pool type this installation can serve: it has "
            f"{', '.join(sorted(BaseWorker.get_all_available_worker_types()))}. Install the Prefect package that brings it."
        )
    return kind
