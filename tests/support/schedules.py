"""Schedules on the stack's Prefect server, changed in this process and looked at through Prefect's own API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.orchestration.schedules import changes as schedules
from deployments.orchestration.schedules.changes import Added, Choice
from deployments.orchestration.schedules.times import parse_timing
from tests.support.stack import StackUnderTest


@dataclass
class Schedules:
    """One operation's schedules. What a test has added is removed after it."""

    prefect: httpx.Client
    operation: str
    parameters: dict[str, Any]
    tenants: set[str] = field(default_factory=set[str])

    @property
    def deployment(self) -> dict[str, Any]:
        """The operation's deployment, as the server has it."""
        return self.prefect.get(f"deployments/name/{self.operation}/tenantatlas").json()

    def add(self, *tenants: str, name: str | None = None, paused: bool = False, **when: str) -> list[Added]:
        """As `schedule add` does: at 3:00 unless told otherwise."""
        self.tenants |= set(tenants)
        given = {"cron": None if "every" in when else "0 3 * * *", "every": None, "timezone": "UTC", "jitter": None}
        # Which of the four may be missing is what `parse_timing` looks after.
        timing = parse_timing(**{**given, **when})  # type: ignore[arg-type]
        return schedules.add(list(tenants), self.operation, self.parameters, timing, name=name, paused=paused)

    def switch(self, tenant: str, *, active: bool) -> None:
        """Pauses or resumes all of the tenant's."""
        schedules.switch(Choice([tenant], operation=self.operation), active=active)

    def remove(self, *tenants: str) -> None:
        """Removes all of these tenants'."""
        schedules.remove(Choice(list(tenants), operation=self.operation))

    def rows(self) -> dict[str, Any]:
        """The server's schedules of the operation, removed ones whose row still stands as well, by id."""
        return {row["id"]: row for row in self.deployment["schedules"]}

    def planned(self, schedule: UUID | str) -> dict[datetime, str]:
        """The runs planned for a schedule that nobody has begun, by their times."""
        wanted = {"created_by": {"id_": [str(schedule)]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        found = self.prefect.post("flow_runs/filter", json={"flow_runs": wanted}).json()
        return {datetime.fromisoformat(run["expected_start_time"]): run["id"] for run in found}

    def late(self, schedule: UUID | str) -> dict[datetime, str]:
        """Those of them whose time has passed."""
        return {moment: run for moment, run in self.planned(schedule).items() if moment < datetime.now(UTC)}

    def plan(self, start: datetime, end: datetime) -> None:
        """Has the server plan the times of that stretch, as its own loop did when it was to come."""
        span = (end - start).total_seconds()
        wanted = {"start_time": start.isoformat(), "end_time": end.isoformat(), "min_time": span}
        self.prefect.post(f"deployments/{self.deployment['id']}/schedule", json=wanted).raise_for_status()

    def were_missed(self, hours: int = 3) -> None:
        """Every active schedule has late runs of the last hours, as after everything was down."""
        now = datetime.now(UTC)
        self.plan(now - timedelta(hours=hours), now - timedelta(minutes=1))


@contextmanager
def schedules_of(stack: StackUnderTest, operation: str, **parameters: Any) -> Iterator[Schedules]:
    """The operation's schedules, from this process."""
    address = stack.running.record.prefect_api_url
    with temporary_settings({PREFECT_API_URL: address}), stack.prefect() as prefect:
        found = Schedules(prefect, operation, parameters)
        try:
            yield found
        finally:
            left = {row["parameters"].get("tenant") for row in found.rows().values()}
            if mine := found.tenants & left:
                found.remove(*mine)
