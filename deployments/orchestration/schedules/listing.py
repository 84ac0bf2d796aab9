"""Schedules as they are listed: of which tenant, of what, when, and the next times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient

from deployments.orchestration.our_deployments import Schedule, own_parameters, read_deployments
from deployments.orchestration.prefect_calls import with_prefect
from deployments.orchestration.prefect_times import next_times
from flows.registry import operations

NEXT_RUNS = 3


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One schedule as listed: what it starts for which tenant, when, and the next times, in UTC.

    `deployment` is `OPERATION/NAME`, as Prefect's command wants it. `held` is whether that is paused as a whole: an active
    schedule of it fires nothing either.
    """

    id: UUID
    tenant: str
    operation: str
    deployment: str
    name: str | None
    parameters: Mapping[str, Any]
    timing: str
    timezone: str
    active: bool
    held: bool
    next_runs: Sequence[datetime]

    def as_json(self) -> dict[str, Any]:
        """The JSON shape of `schedule list`."""
        values = {name: getattr(self, name) for name in self.__slots__}
        moments = [moment.isoformat().replace("+00:00", "Z") for moment in self.next_runs]
        return {**values, "id": str(self.id), "next_runs": moments}


def find(tenants: Sequence[str]) -> list[Scheduled]:
    """Every schedule of these tenants, by tenant and deployment."""

    async def done(client: PrefectClient) -> list[Scheduled]:
        found = [await shown(one) for one in await read_schedules(client, tenants)]
        return sorted(found, key=lambda one: (one.tenant, one.deployment, one.timing))

    return with_prefect(done)


async def read_schedules(client: PrefectClient, tenants: Sequence[str]) -> list[Schedule]:
    """The schedules of these tenants, also of a producer that is gone: what that has goes on firing and has to be seen."""
    wanted = frozenset(tenants)
    found = await read_deployments(client, operations())
    return [schedule for one in found for schedule in one.schedules if schedule.tenant in wanted]


async def shown(schedule: Schedule) -> Scheduled:
    """The schedule as listed."""
    kept, deployment = schedule.fields["schedule"], schedule.deployment
    timing, timezone = said(kept)
    fires = schedule.is_active and not deployment.is_paused
    return Scheduled(
        id=schedule.id,
        tenant=schedule.tenant or "",
        operation=deployment.operation,
        deployment=f"{deployment.operation}/{deployment.name}",
        name=deployment.schedule_name,
        parameters=own_parameters(schedule.parameters),
        timing=timing,
        timezone=timezone,
        active=schedule.is_active,
        held=deployment.is_paused,
        next_runs=await next_times(kept, NEXT_RUNS) if fires else (),
    )


def said(schedule: Mapping[str, Any]) -> tuple[str, str]:
    """The timing and its time zone in words: `0 6 * * *` and `Europe/Berlin`, `every 6h` and `UTC`."""
    zone = str(schedule.get("timezone") or "UTC")
    if "interval" not in schedule:
        return str(schedule.get("cron") or schedule.get("rrule") or "unknown"), zone
    seconds = int(schedule["interval"])
    # 24 hours are not said as a day: a day, as written, is the calendar's and is kept as a cron line.
    units = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    unit, size = next(one for one in units if seconds % one[1] == 0 and (one[0], seconds) != ("d", 86_400))
    return f"every {seconds // size}{unit}", zone
