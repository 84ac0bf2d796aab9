"""Operations started by the clock: kept as schedules of Prefect's deployments, one a tenant, visible in Prefect's UI."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.server.schemas.schedules import CronSchedule as CronArithmetic
from prefect.server.schemas.schedules import IntervalSchedule as IntervalArithmetic

from deployments.deploy import PrefectUnavailableError
from deployments.schedule_times import Timing
from flows._tracking.dispatcher import DEPLOYMENT
from flows.registry import operations
from runstore.errors import BadInputError, NotFoundError

NEXT_RUNS = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One schedule as listed: what it starts for which tenant, when, and the next times, in UTC."""

    id: UUID
    tenant: str
    operation: str
    parameters: Mapping[str, Any]
    timing: str
    timezone: str
    active: bool
    next_runs: Sequence[datetime]

    def as_json(self) -> dict[str, Any]:
        """The JSON shape of `schedule list`."""
        return {
            "id": str(self.id),
            "tenant": self.tenant,
            "operation": self.operation,
            "parameters": dict(self.parameters),
            "timing": self.timing,
            "timezone": self.timezone,
            "active": self.active,
            "next_runs": [moment.isoformat().replace("+00:00", "Z") for moment in self.next_runs],
        }


def add(
    tenants: Sequence[str], operation: str, parameters: Mapping[str, Any], timing: Timing, *, active: bool
) -> list[Scheduled]:
    """The schedules, one a tenant. The same operation with the same parameters for a tenant is replaced, not doubled.

    Raises BadInputError for an unknown operation or parameters it does not take, PrefectUnavailableError, and
    NotFoundError when the operation is not registered with Prefect yet.
    """
    declared = operations().get(operation)
    if declared is None:
        raise BadInputError(f"{operation[:80]!r} is no operation here; there are {', '.join(operations())}.")
    checked = dict(declared.request(parameters).parameters)

    async def work(client: PrefectClient) -> list[Scheduled]:
        deployment = await _deployment(client, operation)
        for tenant in tenants:
            slug = _slug(tenant, checked)
            await _remove_slug(client, deployment.id, slug)
            await client.create_deployment_schedules(
                deployment.id,
                [
                    DeploymentScheduleCreate(
                        schedule=_schedule(timing, tenant),
                        active=active,
                        parameters={"tenant": tenant, **checked},
                        slug=slug,
                    )
                ],
            )
        wanted = {_slug(tenant, checked) for tenant in tenants}
        schedules = await client.read_deployment_schedules(deployment.id)
        return [await _scheduled(operation, one) for one in schedules if one.slug in wanted]

    return _with_prefect(work)


def find(tenants: Sequence[str]) -> list[Scheduled]:
    """Every schedule of these tenants, by tenant and operation."""

    async def work(client: PrefectClient) -> list[Scheduled]:
        found = [
            await _scheduled(operation, schedule)
            for operation in operations()
            for schedule in await _schedules(client, operation)
            if schedule.parameters.get("tenant") in tenants
        ]
        return sorted(found, key=lambda one: (one.tenant, one.operation, one.timing))

    return _with_prefect(work)


def pause(schedule: Scheduled, *, active: bool) -> None:
    """Stops the schedule from starting anything, or lets it again. Times that pass while it is paused are not made up."""

    async def work(client: PrefectClient) -> None:
        deployment = await _deployment(client, schedule.operation)
        # The server empties the parameters of an update that does not repeat them, and with them the tenant.
        parameters = {"tenant": schedule.tenant, **schedule.parameters}
        await client.update_deployment_schedule(deployment.id, schedule.id, active=active, parameters=parameters)

    _with_prefect(work)


def remove(schedule: Scheduled) -> None:
    """Forgets the schedule and what it had planned; runs that have started go on."""

    async def work(client: PrefectClient) -> None:
        deployment = await _deployment(client, schedule.operation)
        await client.delete_deployment_schedule(deployment.id, schedule.id)

    _with_prefect(work)


def _with_prefect(work: Callable[[PrefectClient], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        async with get_client() as client:
            return await work(client)

    try:
        return anyio.run(run)
    except (httpx.TransportError, PrefectHTTPStatusError, RuntimeError) as problem:
        raise PrefectUnavailableError from problem


async def _deployment(client: PrefectClient, operation: str) -> DeploymentResponse:
    try:
        return await client.read_deployment_by_name(f"{operation}/{DEPLOYMENT}")
    except ObjectNotFound:
        raise NotFoundError(
            f"{operation} is not registered with Prefect yet; run `tenantatlas deploy` first."
        ) from None


async def _schedules(client: PrefectClient, operation: str) -> Sequence[DeploymentSchedule]:
    try:
        deployment = await _deployment(client, operation)
    except NotFoundError:
        return ()
    return await client.read_deployment_schedules(deployment.id)


async def _remove_slug(client: PrefectClient, deployment_id: UUID, slug: str) -> None:
    for schedule in await client.read_deployment_schedules(deployment_id):
        if schedule.slug == slug:
            await client.delete_deployment_schedule(deployment_id, schedule.id)


def _slug(tenant: str, parameters: Mapping[str, Any]) -> str:
    """The same for the same work of the same tenant, whenever it is to start."""
    content = repr(sorted((name, str(value)) for name, value in parameters.items()))
    return f"{tenant}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


def _schedule(timing: Timing, tenant: str) -> CronSchedule | IntervalSchedule:
    shifted = timing.for_tenant(tenant)
    if shifted.cron is not None:
        return CronSchedule(cron=shifted.cron, timezone=shifted.timezone)
    assert shifted.every is not None
    return IntervalSchedule(interval=shifted.every, anchor_date=shifted.anchor, timezone=shifted.timezone)


async def _scheduled(operation: str, found: DeploymentSchedule) -> Scheduled:
    schedule = found.schedule
    timing = schedule.cron if isinstance(schedule, CronSchedule) else ""
    if isinstance(schedule, IntervalSchedule):
        timing = f"every {_span(schedule.interval)}"
    return Scheduled(
        id=found.id,
        tenant=str(found.parameters.get("tenant", "")),
        operation=operation,
        parameters={name: value for name, value in found.parameters.items() if name != "tenant"},
        timing=timing or type(schedule).__name__,
        timezone=getattr(schedule, "timezone", None) or "UTC",
        active=found.active,
        next_runs=await next_times(schedule, NEXT_RUNS) if found.active else (),
    )


async def next_times(schedule: Any, count: int, start: datetime | None = None) -> list[datetime]:
    """The next times of a schedule in UTC, by the arithmetic Prefect's scheduler itself uses."""
    if isinstance(schedule, CronSchedule):
        arithmetic: Any = CronArithmetic(cron=schedule.cron, timezone=schedule.timezone, day_or=schedule.day_or)
    elif isinstance(schedule, IntervalSchedule):
        arithmetic = IntervalArithmetic(
            interval=schedule.interval, anchor_date=schedule.anchor_date, timezone=schedule.timezone
        )
    else:
        return []
    return [moment.astimezone(UTC) for moment in await arithmetic.get_dates(count, start=start or datetime.now(UTC))]


def _span(interval: timedelta) -> str:
    seconds = int(interval.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
