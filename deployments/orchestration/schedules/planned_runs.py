"""The runs that Prefect's server has planned for the schedules of one deployment.

All schedules of an operation hang on one deployment, and Prefect's server is not careful with its planned runs: a changed
schedule costs every schedule of the deployment its runs to come, a deleted one also those that are late. So each
change is followed by `plan`, and a schedule is deleted only while nobody's run is late.

If we die between a change and `plan`, Prefect's own loop plans what is to come within a minute; what fell due in that minute is
lost. Doing the same again is harmless: a planned run has a key of schedule and time, and is there once however often planned.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.orchestration.schedules.prefect_calls import PrefectCannotPlanError, PrefectHasNotPlannedError

# Runs are planned from a little before the change on, so that one that fell due meanwhile is there again. A schedule that is new
# may so begin with a time a few seconds past.
MARGIN = timedelta(seconds=5)
# Three runs of each schedule, as Prefect's loop plans, or those of the next five minutes: the loop adds to them within one. Its own
# stretch, an hour, fails for 300 schedules of every minute: here the server writes all in one statement, and that has more
# parameters than PostgreSQL takes. Three of each are fine for 5,000.
AHEAD = timedelta(minutes=5)
LEAST = 3
_IDS_A_QUESTION = 100
_IDS_A_REMOVAL = 50
T = TypeVar("T")


class PlannedRuns:
    """Prefect's planned runs of one deployment, as of `read_at`, the server's time before the first change."""

    def __init__(self, client: PrefectClient, deployment: UUID, read_at: datetime, *, paused: bool) -> None:
        self._client = client
        self._deployment = deployment
        self._paused = paused
        self._since = read_at - MARGIN
        self._began = time.monotonic()

    async def plan(self) -> None:
        """Has the server plan the next runs of every active schedule, from before the first change on, at once.

        PrefectCannotPlanError or PrefectHasNotPlannedError; what was changed before is kept then. A deployment that someone
        paused as a whole is left alone: the server's loop would not plan it, but this call would.
        """
        if self._paused:
            return
        passed = timedelta(seconds=time.monotonic() - self._began)
        wanted = {
            "start_time": self._since.isoformat(),
            "min_time": (MARGIN + passed + AHEAD).total_seconds(),
            "min_runs": LEAST,
        }
        path = {"id": self._deployment}
        try:
            # A server that cannot plan at all may say 503, as for a passing trouble, and the client would try for two minutes.
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}):
                await self._client.request("POST", "/deployments/{id}/schedule", path_params=path, json=wanted)
        except httpx.TransportError as problem:
            raise PrefectHasNotPlannedError from problem
        except httpx.HTTPStatusError as problem:
            if problem.response.status_code < 500:
                raise
            raise (PrefectCannotPlanError if await self._is_well() else PrefectHasNotPlannedError)() from problem

    async def forget(self, schedules: Iterable[UUID]) -> None:
        """Deletes what these schedules had planned and nobody has begun: the late ones, too. A run that has begun goes on.

        Comes after the schedules are off: then nothing is planned for them any more, except by a loop of Prefect's that
        had read them before.
        """
        for ids in chunks(schedules, _IDS_A_QUESTION):
            kept = 0
            while found := await self._waiting_of(ids, kept):
                # A run that waits for its second attempt has begun.
                unbegun = [run["id"] for run in found if run["auto_scheduled"] and run["run_count"] == 0]
                kept += len(found)
                for some in chunks(unbegun, _IDS_A_REMOVAL):
                    kept -= await self._delete(some)

    async def any_late(self) -> bool:
        """Whether a run that a schedule planned for before now waits for a worker, or for its next attempt."""
        late = {
            "deployment_id": {"any_": [str(self._deployment)]},
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "tags": {"all_": ["auto-scheduled"]},
            "next_scheduled_start_time": {"before_": self._since.isoformat()},
        }
        answer = await self._client.request("POST", "/flow_runs/count", json={"flow_runs": late})
        return bool(answer.json())

    async def _waiting_of(self, schedules: Sequence[UUID], offset: int) -> list[dict[str, Any]]:
        waiting = {
            "deployment_id": {"any_": [str(self._deployment)]},
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "created_by": {"id_": [str(schedule) for schedule in schedules]},
        }
        question = {"flow_runs": waiting, "offset": offset}
        answer = await self._client.request("POST", "/flow_runs/filter", json=question)
        return answer.json()

    async def _delete(self, flow_runs: Sequence[str]) -> int:
        # The state is asked for again: a worker may have begun with one since it was read.
        wanted = {"id": {"any_": flow_runs}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        # The client's list of paths is not complete.
        path = cast(Any, "/flow_runs/bulk_delete")
        answer = await self._client.request("POST", path, json={"flow_runs": wanted})
        return len(answer.json()["deleted"])

    async def _is_well(self) -> bool:
        try:
            await self._client.request("GET", "/ready")
        except (httpx.TransportError, httpx.HTTPStatusError):
            return False
        return True


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of that size; the last one may be shorter."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
