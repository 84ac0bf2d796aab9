"""Schedules as they are listed: of which tenant, of what, when, and the next times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient

from deployments.scheduling.arithmetic import next_times, said
from deployments.scheduling.identity import name_of, parameters_of, tenant_of
from deployments.scheduling.prefect_calls import with_prefect
from deployments.scheduling.timetable import Row, Timetable
from flows.registry import operations
from runstore.errors import NotFoundError

NEXT_RUNS = 3


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One schedule as listed: what it starts for which tenant, when, and the next times, in UTC."""

    id: UUID
    tenant: str
    operation: str
    name: str | None
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
            "name": self.name,
            "parameters": dict(self.parameters),
            "timing": self.timing,
            "timezone": self.timezone,
            "active": self.active,
            "next_runs": [moment.isoformat().replace("+00:00", "Z") for moment in self.next_runs],
        }


def find(tenants: Sequence[str]) -> list[Scheduled]:
    """Every schedule of these tenants, by tenant and operation."""
    wanted = frozenset(tenants)

    async def done(client: PrefectClient) -> list[Scheduled]:
        found: list[Scheduled] = []
        for operation in operations():
            shown = Shown(operation)
            rows = await _rows(client, operation)
            found += [await shown.of(row) for row in rows if tenant_of(row) in wanted]
        return sorted(found, key=lambda one: (one.tenant, one.operation, one.name or "", one.timing))

    return with_prefect(done)


class Shown:
    """Makes rows of one operation what is listed. Many tenants share a timing, and its next times are reckoned once."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._next: dict[str, list[datetime]] = {}

    async def of(self, row: Row) -> Scheduled:
        """The schedule as listed."""
        timing, timezone = said(row.schedule)
        key = repr(sorted(row.schedule.items()))
        if row.active and key not in self._next:
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
            next_runs=self._next[key] if row.active else (),
        )


async def _rows(client: PrefectClient, operation: str) -> Sequence[Row]:
    try:
        return (await Timetable.read(client, operation)).rows
    except NotFoundError:
        return ()
