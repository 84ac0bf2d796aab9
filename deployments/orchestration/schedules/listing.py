"""Schedules as they are listed: of which tenant, of what, when, and the next times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient

from deployments.orchestration.deploy_leftovers import OURS
from deployments.orchestration.schedules.arithmetic import next_times, said
from deployments.orchestration.schedules.identity import name_of, parameters_of, tenant_of
from deployments.orchestration.schedules.prefect_calls import with_prefect
from deployments.orchestration.schedules.timetable import Row, Timetable
from flows.registry import operations
from runstore.errors import NotFoundError

NEXT_RUNS = 3


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One schedule as listed: what it starts for which tenant, when, and the next times, in UTC.

    `held` is whether its operation is paused as a whole in Prefect: an active schedule of it fires nothing either.
    """

    id: UUID
    tenant: str
    operation: str
    name: str | None
    parameters: Mapping[str, Any]
    timing: str
    timezone: str
    active: bool
    held: bool
    next_runs: Sequence[datetime]

    def as_json(self) -> dict[str, Any]:
        """The JSON shape of `schedule list`."""
        return {
            "id": str(self.id),
            "tenant": self.tenant,
            "operation": self.operation,
            "name": self.name,
            "parameters": dict(self.parameters),
            "timing": self.timing,
            "timezone": self.timezone,
            "active": self.active,
            "held": self.held,
            "next_runs": [moment.isoformat().replace("+00:00", "Z") for moment in self.next_runs],
        }


def find(tenants: Sequence[str]) -> list[Scheduled]:
    """Every schedule of these tenants, by tenant and operation."""
    wanted = frozenset(tenants)

    async def done(client: PrefectClient) -> list[Scheduled]:
        found: list[Scheduled] = []
        for operation in await known_operations(client):
            with suppress(NotFoundError):
                timetable = await Timetable.read(client, operation)
                shown = Shown(timetable)
                found += [await shown.of(row) for row in timetable.rows if tenant_of(row) in wanted]
        return sorted(found, key=lambda one: (one.tenant, one.operation, one.name or "", one.timing))

    return with_prefect(done)


async def known_operations(client: PrefectClient) -> list[str]:
    """The operations that may have schedules: those declared here, and those Prefect has of a producer that is gone.

    What the latter have goes on firing, so it has to be seen and stopped.
    """
    registered = {flow.name for flow in await client.read_flows(deployment_filter=OURS)}
    return [*operations(), *sorted(registered - operations().keys())]


class Shown:
    """Makes rows of one operation what is listed. Many tenants share a timing, and its next times are reckoned once.

    While someone has paused the operation as a whole, in Prefect's UI, no schedule of it has a next time.
    """

    def __init__(self, timetable: Timetable) -> None:
        self._operation = timetable.operation
        self._held = timetable.held
        self._next: dict[str, list[datetime]] = {}

    async def of(self, row: Row) -> Scheduled:
        """The schedule as listed."""
        timing, timezone = said(row.schedule)
        key = repr(sorted(row.schedule.items()))
        fires = row.active and not self._held
        if fires and key not in self._next:
            self._next[key] = await next_times(row.schedule, NEXT_RUNS)
        return Scheduled(
            id=row.id,
            tenant=tenant_of(row),
            operation=self._operation,
            name=name_of(row),
            parameters=parameters_of(row),
            timing=timing,
            timezone=timezone,
            active=row.active,
            held=self._held,
            next_runs=self._next[key] if fires else (),
        )
