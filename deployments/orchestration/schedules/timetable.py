"""The schedules of one operation as Prefect's server keeps them: read once, then changed together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient

from deployments.orchestration.schedules.planned_runs import PlannedRuns, chunks
from flows._tracking.dispatcher import DEPLOYMENT
from runstore.errors import NotFoundError

# A removed schedule whose row still stands, off and without a tenant; see `Timetable.remove`.
_REMOVED: Mapping[str, Any] = {"removed": True}
# What it keeps for a time, as it has to have one. A rule, because the server parses all others in 4 ms, each time it reads any.
_NEVER: Mapping[str, Any] = {"rrule": "FREQ=YEARLY;COUNT=1", "timezone": "UTC"}
_REMOVALS_BETWEEN_PLANS = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One schedule as the server has it. Read as plain JSON: Prefect's model of it takes 4 ms each, for the list of zones."""

    id: UUID
    slug: str | None
    active: bool
    schedule: Mapping[str, Any]
    parameters: Mapping[str, Any]

    @property
    def is_removed(self) -> bool:
        """Whether only the row is left of it."""
        return self.parameters == _REMOVED


class Timetable:
    """The schedules of one deployment, as of when they were read."""

    def __init__(self, client: PrefectClient, operation: str, deployment: Mapping[str, Any], read_at: datetime) -> None:
        self.operation = operation
        self.rows = [_row(found) for found in deployment["schedules"]]
        self._by_id = {row.id: row for row in self.rows}
        self.held = bool(deployment.get("paused"))
        self.planned = PlannedRuns(client, UUID(deployment["id"]), read_at, paused=self.held)
        self._client = client
        self._path = {"id": deployment["id"]}

    @classmethod
    async def read(cls, client: PrefectClient, operation: str) -> Timetable:
        """The operation's schedules. NotFoundError when it is not registered with Prefect."""
        try:
            answer = await client.request(
                "GET",
                "/deployments/name/{flow_name}/{deployment_name}",
                path_params={"flow_name": operation, "deployment_name": DEPLOYMENT},
            )
        except httpx.HTTPStatusError as problem:
            if problem.response.status_code != 404:
                raise
            raise NotFoundError(
                f"{operation} is not registered with Prefect yet; run `tenantatlas deploy` first."
            ) from None
        return cls(client, operation, answer.json(), _server_time(answer))

    async def create(self, schedules: Sequence[Mapping[str, Any]]) -> list[Row]:
        """The new schedules, in one transaction of the server's: all of them or none. Nothing else is touched by it."""
        if not schedules:
            return []
        answer = await self._client.request(
            "POST", "/deployments/{id}/schedules", path_params=self._path, json=list(schedules)
        )
        return [_row(found) for found in answer.json()]

    async def change(self, rows: Sequence[Row]) -> list[Row]:
        """Gives the schedules with these ids what these rows say; those of them that there still were.

        One alone that is gone is an error, 404; of many, those that are left are changed. Doing it again is harmless, also after
        we died half-way through.
        """
        if len(rows) > 1 and all(row.slug for row in self.rows) and await self._change_together(rows):
            return list(rows)
        changed: list[Row] = []
        for row in rows:
            try:
                await self._client.request(
                    "PATCH",
                    "/deployments/{id}/schedules/{schedule_id}",
                    path_params={**self._path, "schedule_id": row.id},
                    json=self._told(row),
                )
            except httpx.HTTPStatusError as problem:
                if len(rows) == 1 or problem.response.status_code != 404:
                    raise
            else:
                changed.append(row)
        return changed

    async def remove(self, rows: Sequence[Row]) -> list[Row]:
        """Removes these schedules and what they had planned; those of them that there still were.

        They are put off first and lose their tenant: from then on they plan nothing and are listed nowhere. Only then the rows
        are deleted, and only while no run is late, because Prefect's server deletes the late runs of every schedule with
        one. Rows that have to stay for that, or because we died, are off, and are deleted by the next removal.
        """
        off = [replace(row, active=False, schedule=_NEVER, parameters=_REMOVED) for row in rows]
        removed = await self.change(off)
        gone = [row.id for row in removed]
        await self.planned.forget(gone)
        left = [row.id for row in self.rows if row.is_removed]
        for number, ids in enumerate(chunks([*gone, *left], _REMOVALS_BETWEEN_PLANS)):
            if await self.planned.any_late():
                break
            if number:
                await self.planned.plan()
            for schedule in ids:
                await self._delete(schedule)
        await self.settle(gone)
        return removed

    async def settle(self, ended: Iterable[UUID] = ()) -> None:
        """Has the runs planned anew that a change cost others; those that were still planned for `ended` ones are gone after it.

        Belongs after every change.
        """
        ids = list(ended)
        await self.planned.forget(ids)
        await self.planned.plan()
        # Once more: a loop of Prefect's that had read them before may have written their runs meanwhile.
        await self.planned.forget(ids)

    async def _change_together(self, rows: Sequence[Row]) -> bool:
        """The rows in one request, found by their slugs; False when the server would not, and nothing is changed then.

        One by one, each request has the server parse every schedule of the deployment: for 400 of them that is minutes. But when
        a schedule without a slug has come up, as Prefect's UI makes them, the same request means "replace all
        schedules by these". The first row given twice prevents that: replacing fails on its slug, which is unique, and is
        rolled back, while changing it twice is changing it once.
        """
        first, *others = [{**self._told(row), "slug": row.slug} for row in rows]
        first["schedule"] = dict(rows[0].schedule)
        try:
            await self._client.request(
                "PATCH", "/deployments/{id}", path_params=self._path, json={"schedules": [first, first, *others]}
            )
        except httpx.HTTPStatusError as problem:
            # 409 is the above; 422 or 409 also when one of them was removed meanwhile.
            if problem.response.status_code not in (409, 422):
                raise
            return False
        return True

    def _told(self, row: Row) -> dict[str, Any]:
        """What is to change, so that nobody's change of the rest is undone by it.

        The parameters always: the server empties those of an update that does not repeat them, and with them the tenant.
        """
        before = self._by_id[row.id]
        told: dict[str, Any] = {"parameters": dict(row.parameters)}
        if row.active != before.active:
            told["active"] = row.active
        if row.schedule != before.schedule:
            told["schedule"] = dict(row.schedule)
        return told

    async def _delete(self, schedule: UUID) -> None:
        try:
            await self._client.request(
                "DELETE",
                "/deployments/{id}/schedules/{schedule_id}",
                path_params={**self._path, "schedule_id": schedule},
            )
        except httpx.HTTPStatusError as problem:
            # Another removal may have been quicker.
            if problem.response.status_code != 404:
                raise


def _row(found: Mapping[str, Any]) -> Row:
    return Row(UUID(found["id"]), found["slug"], found["active"], found["schedule"], found["parameters"])


def _server_time(answer: httpx.Response) -> datetime:
    """When the server answered, by its own clock: it is that one which decides what is late."""
    with suppress(KeyError, ValueError):
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    return datetime.now(UTC)
