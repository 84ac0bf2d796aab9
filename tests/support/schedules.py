"""Schedules on the stack's Prefect server, changed in this process and looked at through Prefect's own API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.orchestration.schedules import changes
from deployments.orchestration.schedules.times import parse_timing
from tests.support.stack import StackUnderTest


class Shown(SimpleNamespace):
    """A schedule as the commands' JSON has it, and `change` and `before` of one that was added."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(**document)


def find(tenants: list[str]) -> list[Shown]:
    """As `schedule list` does."""
    return [Shown(one) for one in changes.find(tenants)]


@dataclass
class Schedules:
    """One operation's schedules. What a test has added is removed after it."""

    prefect: httpx.Client
    operation: str
    parameters: dict[str, Any]
    tenants: set[str] = field(default_factory=set[str])

    def deployment(self, name: str = "tenantatlas") -> dict[str, Any]:
        """A deployment of the operation as the server has it: its own, or a tenant's."""
        return self.prefect.get(f"deployments/name/{self.operation}/{name}").raise_for_status().json()

    def names(self) -> list[str]:
        """The names of the operation's deployments."""
        wanted = {"flows": {"name": {"any_": [self.operation]}}}
        return sorted(one["name"] for one in self.prefect.post("deployments/filter", json=wanted).json())

    def add(
        self,
        *tenants: str,
        name: str | None = None,
        paused: bool = False,
        given: dict[str, Any] | None = None,
        **when: str,
    ) -> list[Shown]:
        """As `schedule add` does: at 3:00 unless told otherwise."""
        self.tenants |= set(tenants)
        told = {"cron": None if "every" in when else "0 3 * * *", "every": None, "timezone": "UTC", "jitter": None}
        # Which of the four may be missing is what `parse_timing` looks after.
        timing = parse_timing(**{**told, **when})  # type: ignore[arg-type]
        parameters = {**self.parameters, **(given or {})}
        added = changes.add(list(tenants), self.operation, parameters, timing, name=name, paused=paused)
        return [Shown(one) for one in added]

    def change(self, verb: str, *tenants: str, id: UUID | None = None) -> list[Shown]:
        """Pauses, resumes or removes all of the tenants', or the one of that id."""
        return [Shown(one) for one in changes.change(verb, tenants, id=id, operation=None if id else self.operation)]

    def by_prefect(self, one: Shown, **told: Any) -> None:
        """Changes a schedule as Prefect's UI and command do: the parameters of the schedule are not repeated."""
        name = one.deployment.partition("/")[2]
        place = f"deployments/{self.deployment(name)['id']}/schedules/{one.id}"
        self.prefect.patch(place, json=told).raise_for_status()

    def planned(self, schedule: UUID | str) -> dict[datetime, dict[str, Any]]:
        """The runs planned for a schedule that nobody has begun, by their times."""
        wanted = {"created_by": {"id_": [str(schedule)]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        found = self.prefect.post("flow_runs/filter", json={"flow_runs": wanted}).json()
        return {datetime.fromisoformat(run["expected_start_time"]): run for run in found}

    def late(self, schedule: UUID | str) -> dict[datetime, dict[str, Any]]:
        """Those of them whose time has passed."""
        return {moment: run for moment, run in self.planned(schedule).items() if moment < datetime.now(UTC)}

    def were_missed(self, name: str, hours: int = 3) -> None:
        """Every active schedule of a deployment has late runs of the last hours, as after everything was down."""
        start, end = datetime.now(UTC) - timedelta(hours=hours), datetime.now(UTC) - timedelta(minutes=1)
        span = (end - start).total_seconds()
        wanted = {"start_time": start.isoformat(), "end_time": end.isoformat(), "min_time": span, "max_runs": 1000}
        self.prefect.post(f"deployments/{self.deployment(name)['id']}/schedule", json=wanted).raise_for_status()

    def as_before(self, *schedules: dict[str, Any]) -> list[str]:
        """Schedules as earlier releases kept them: of every tenant, at the operation's own deployment. Gives their ids."""
        place = f"deployments/{self.deployment()['id']}/schedules"
        made = self.prefect.post(place, json=list(schedules)).raise_for_status()
        return [one["id"] for one in made.json()]


@contextmanager
def schedules_of(stack: StackUnderTest, operation: str, **parameters: Any) -> Iterator[Schedules]:
    """The operation's schedules, from this process."""
    address = stack.running.record.prefect_api_url
    with temporary_settings({PREFECT_API_URL: address}), stack.prefect() as prefect:
        found = Schedules(prefect, operation, parameters)
        try:
            yield found
        finally:
            wanted = {"flows": {"name": {"any_": [operation]}}}
            for one in prefect.post("deployments/filter", json=wanted).json():
                if one["name"] != "tenantatlas":
                    prefect.delete(f"deployments/{one['id']}")
            for one in found.deployment()["schedules"]:
                prefect.delete(f"deployments/{one['deployment_id']}/schedules/{one['id']}")
