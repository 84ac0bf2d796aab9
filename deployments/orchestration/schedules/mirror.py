"""Keeps the run store's copy of what is scheduled at Prefect's server, so that the hub can say what did not run."""

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import WorkPoolStatus

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

_SOME, _MANY, _MOST = 60, 500, 10_000
_WEEK: Final = timedelta(days=8)
_FARTHEST: Final = timedelta(days=800)
_EARLIER: Final = timedelta(hours=1)
"""What is within its grace is not due yet, and a wait is an hour longer where clocks change: the time before those counts."""

_log = logging.getLogger("tenantatlas.schedules")


class Mirror:
    """Looks at Prefect's server every EVERY_SECONDS. Times are reckoned once and kept until they are used up."""

    def __init__(self, database: Database) -> None:
        self._store = ScheduleMirror(database)
        self._times: dict[str, Sequence[datetime]] = {}

    def run(self, stopped: threading.Event) -> None:
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
            named = WorkPoolFilterName(any_=sorted({str(one.fields["work_pool_name"]) for one in ours}))
            pools = {one.name: one for one in await client.read_work_pools(work_pool_filter=WorkPoolFilter(name=named))}
        now, times, found = datetime.now(UTC), dict[str, Sequence[datetime]](), list[Mirrored]()
        for schedule in (schedule for one in ours for schedule in one.schedules if schedule.tenant):
            key = json.dumps([str(schedule.id), schedule.fields["schedule"]], sort_keys=True)
            known = self._times.get(key)
            if known is None or (known and known[-1] <= now):
                known = await reckoned(schedule.fields["schedule"], now)
            times[key] = known
            pool = pools.get(str(schedule.deployment.fields["work_pool_name"]))
            stopped = StoppedBy.WORKER if pool and pool.status is WorkPoolStatus.NOT_READY else None
            stopped = StoppedBy.POOL if pool is None or pool.is_paused else stopped
            with suppress(BadInputError):
                found.append(mirrored(schedule, known, stopped, now))
        self._times = times
        return found


async def reckoned(schedule: Mapping[str, Any], now: datetime) -> list[datetime]:
    """Its times around `now`, by Prefect's arithmetic: back to the last one at least, and for a week or 60 of them on."""
    coming = await next_times(schedule, _SOME, now)
    # A week of them, so that a night or a weekend without any is seen as the wait that it is.
    if "interval" not in schedule and coming and coming[-1] - now <= _WEEK:
        coming = await _between(schedule, now, now + _WEEK, _MANY)
    longest = max((later - earlier for earlier, later in pairwise(coming)), default=timedelta())
    # Now may lie in the longest wait, a weekend or a season, of which the times to come hold no other.
    back = longest + _EARLIER
    gone = await _between(schedule, now - back, now, _SOME)
    while coming and not gone and (back := back * 2) <= _FARTHEST:
        gone = await _between(schedule, now - back, now, _SOME)
    return [*gone, *coming]


async def _between(schedule: Mapping[str, Any], start: datetime, end: datetime, at_once: int) -> list[datetime]:
    found: list[datetime] = []
    while start <= end and len(found) < _MOST and (part := await next_times(schedule, at_once, start)):
        found += [one for one in part if one <= end]
        start = part[-1] + timedelta(seconds=1)
    return found


def mirrored(schedule: Schedule, times: Sequence[datetime], pool: StoppedBy | None, now: datetime) -> Mirrored:
    """The schedule as the store keeps it. BadInputError for a deployment whose flow is named as no operation can be."""
    deployment, given = schedule.deployment, own_parameters(schedule.parameters)
    operation = OperationType.parse(deployment.operation)
    # What was due before it was as it is now may have been due by other rules.
    written = (schedule.fields.get(name) for name in ("created", "updated"))
    since = max((datetime.fromisoformat(one) for one in written if one), default=datetime.min.replace(tzinfo=UTC))
    due = [one for one in times if since <= one <= now - GRACE]
    to_come = [one for one in times if one > now]
    longest = max((later - earlier for earlier, later in pairwise(times)), default=None)
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
        every_seconds=None if longest is None else int(longest.total_seconds()),
        due_at=due[-1].isoformat() if due else None,
        next_at=to_come[0].isoformat() if to_come and stopped in (None, StoppedBy.WORKER) else None,
    )


def _clean(words: str) -> str:
    return scrub_text(words, limit=200).replace("\n", " ")
