"""Keeps the run store's copy of what is scheduled at Prefect's server, so that the hub can say what did not run."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import anyio
import httpx
from prefect.client.orchestration import PrefectClient

from deployments.orchestration.our_deployments import Schedule, own_parameters, read_deployments
from deployments.orchestration.prefect_calls import with_prefect
from deployments.orchestration.prefect_times import next_times
from deployments.orchestration.schedules.times import said
from flows.registry import operations
from runstore.database import Database
from runstore.errors import BadInputError, StoreError, StoreUnavailableError, TenantAtlasError, UnavailableError
from runstore.fence.redaction import scrub_text
from runstore.runs.operation import OperationType
from runstore.schedules import GRACE, LookProblem, Mirrored, ScheduleMirror, StoppedBy

EVERY_SECONDS: Final = 60.0
LIMIT_SECONDS: Final = 20.0
"""A look that reads for longer is given up: Prefect's client would try a server that fails for minutes."""

_SOME: Final = 60
_MANY: Final = 500
_MOST: Final = 10_000
_WEEK: Final = timedelta(days=8)
_LONGEST_TEXT: Final = 200

_log = logging.getLogger("tenantatlas.schedules")


@dataclass(frozen=True, slots=True)
class Times:
    """When a schedule fires: its last times before it was reckoned with and those to come, and the longest wait between two."""

    moments: Sequence[datetime]
    longest: timedelta | None


class Mirror:
    """Looks at Prefect's server every EVERY_SECONDS. Times are reckoned once and kept until they are used up."""

    def __init__(self, database: Database) -> None:
        self._store = ScheduleMirror(database)
        self._times: dict[str, Times] = {}

    def run(self, stopped: threading.Event) -> None:
        """Looks until `stopped`."""
        while not stopped.is_set():
            try:
                self.look()
            except (StoreError, StoreUnavailableError) as away:
                _log.warning("What is scheduled cannot be kept for now: %s", away)
            stopped.wait(EVERY_SECONDS)

    def look(self) -> None:
        """One look: what is scheduled is kept, or that it could not be read."""
        try:
            found = with_prefect(self._read)
        except (TenantAtlasError, TimeoutError, RuntimeError, OSError, ValueError, KeyError) as problem:
            is_away = isinstance(problem, UnavailableError | TimeoutError | OSError)
            _log.warning("What is scheduled cannot be read at Prefect's server (%s).", type(problem).__name__)
            self._store.could_not_look(LookProblem.AWAY if is_away else LookProblem.REFUSED)
        else:
            self._store.replace(found)

    async def _read(self, client: PrefectClient) -> list[Mirrored]:
        with anyio.fail_after(LIMIT_SECONDS):
            ours = [one for one in await read_deployments(client, operations()) if one.schedules]
            names = sorted({str(one.fields["work_pool_name"]) for one in ours if one.fields.get("work_pool_name")})
            pools = {name: await _stopped_pool(client, name) for name in names}
        now, times, found = datetime.now(UTC), dict[str, Times](), list[Mirrored]()
        for schedule in (schedule for one in ours for schedule in one.schedules if schedule.tenant):
            key = json.dumps([str(schedule.id), schedule.fields["schedule"]], sort_keys=True)
            kept = self._times.get(key)
            is_good = kept is not None and (not kept.moments or kept.moments[-1] > now)
            times[key] = kept if kept is not None and is_good else await reckoned(schedule, now)
            pool = pools.get(str(schedule.deployment.fields.get("work_pool_name")), StoppedBy.POOL)
            if (one := mirrored(schedule, times[key], pool, now)) is not None:
                found.append(one)
        self._times = times
        return found


async def _stopped_pool(client: PrefectClient, name: str) -> StoppedBy | None:
    try:
        pool = (await client.request("GET", "/work_pools/{name}", path_params={"name": name})).json()
    except httpx.HTTPStatusError as problem:
        if problem.response.status_code == 404:
            return StoppedBy.POOL
        raise
    if pool.get("is_paused"):
        return StoppedBy.POOL
    return StoppedBy.WORKER if pool.get("status") == "NOT_READY" else None


async def reckoned(schedule: Schedule, now: datetime) -> Times:
    """Its times around `now`, by Prefect's arithmetic: back to the last that passed, and for a week or 60 of them on."""
    kept = schedule.fields["schedule"]
    coming = await next_times(kept, _SOME, now)
    # A week of them, so that a night or a weekend without any is seen as the wait that it is.
    while "interval" not in kept and _SOME <= len(coming) < _MOST and coming[-1] - now <= _WEEK:
        coming += await next_times(kept, _MANY, coming[-1] + timedelta(seconds=1))
    waits = [later - earlier for earlier, later in pairwise(coming)]
    if not waits:
        return Times(coming, None)
    past: list[datetime] = []
    start = now - max(waits)
    # No more than once for each part of what is to come, of which the longest wait is one.
    for _ in range(len(coming)):
        part = await next_times(kept, _SOME, start)
        past += [one for one in part if one <= now]
        if not part or part[-1] > now:
            break
        start = part[-1]
    return Times([*past, *coming], max(waits))


def mirrored(schedule: Schedule, times: Times, pool: StoppedBy | None, now: datetime) -> Mirrored | None:
    """The schedule as the store keeps it; None for a deployment whose flow is named as no operation can be."""
    deployment, given = schedule.deployment, own_parameters(schedule.parameters)
    try:
        operation = OperationType.parse(deployment.operation)
    except BadInputError:
        return None
    # What was due before it was as it is now may have been due by other rules.
    written = (schedule.fields.get(name) for name in ("created", "updated"))
    since = max((datetime.fromisoformat(one) for one in written if one), default=datetime.min.replace(tzinfo=UTC))
    due = [one for one in times.moments if since <= one <= now - GRACE]
    to_come = [one for one in times.moments if one > now]
    timing, timezone = said(schedule.fields["schedule"])
    stopped = StoppedBy.DEPLOYMENT if deployment.is_paused else pool
    stopped = stopped if schedule.is_active else StoppedBy.SCHEDULE
    # The scope that its runs will have in their context.
    scope = given.get("scope")
    if (declared := operations().get(deployment.operation)) is not None:
        with suppress(BadInputError):
            scope = declared.request(given).context.get("scope")
    return Mirrored(
        tenant=schedule.tenant or "",
        id=str(schedule.id),
        resource=operation.resource,
        action=operation.action,
        scope=_clean(scope) if isinstance(scope, str) else None,
        name=_clean(deployment.schedule_name) if deployment.schedule_name else None,
        timing=_clean(timing),
        timezone=_clean(timezone),
        stopped_by=stopped,
        every_seconds=None if times.longest is None else int(times.longest.total_seconds()),
        due_at=due[-1].isoformat() if due else None,
        next_at=to_come[0].isoformat() if to_come and stopped in (None, StoppedBy.WORKER) else None,
    )


def _clean(words: str) -> str:
    return scrub_text(words, limit=_LONGEST_TEXT).replace("\n", " ")
