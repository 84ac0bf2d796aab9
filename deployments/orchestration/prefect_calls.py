"""One conversation with Prefect's server about deployments and schedules, and what each of its refusals means."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.orchestration.prefect_errors import (
    PREFECT_PROBLEMS,
    PrefectRefusesError,
    prefect_problem,
    require_answer,
)
from runstore.errors import BadInputError, NotFoundError, TenantAtlasError, UnavailableError

T = TypeVar("T")


class PrefectCannotPlanError(UnavailableError):
    """The schedules are kept as asked, but Prefect's server cannot plan runs: see its log; Prefect 3.8.8 needs SQLAlchemy 2.0."""


class PrefectHasNotPlannedError(UnavailableError):
    """The schedules are kept as asked, but Prefect's server went away before it planned their runs; it does once it is back."""


def with_prefect(work: Callable[[PrefectClient], Coroutine[Any, Any, T]]) -> T:
    """What `work` gives. An error of ours instead of each of Prefect's; see `meaning`.

    Only a server that does not answer, or fails, is unreachable: an answer that says no is told for what it is.
    """

    async def run() -> T:
        async with get_client() as client:
            await require_answer(client)
            return await work(client)

    try:
        return anyio.run(run)
    except ObjectNotFound as problem:
        raise _gone() from problem
    except PREFECT_PROBLEMS as problem:
        raise meaning(problem) from problem


async def plan(client: PrefectClient, deployments: Iterable[UUID], since: datetime | None = None) -> None:
    """Has the server plan the next runs of these deployments at once: its own loop may take a minute to.

    `since` is when runs to come were still planned: one that fell due after it is there again. A planned run has a key of
    schedule and time, and is there once however often it is planned. Raises PrefectCannotPlanError or
    PrefectHasNotPlannedError; what was changed before is kept then.
    """
    wanted = {} if since is None else {"start_time": since.isoformat()}
    try:
        # A server that cannot plan at all may say 503, as for a passing trouble, and the client would try for two minutes.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}):
            for deployment in deployments:
                path = {"id": deployment}
                await client.request("POST", "/deployments/{id}/schedule", path_params=path, json=wanted)
    except httpx.TransportError as problem:
        raise PrefectHasNotPlannedError from problem
    except httpx.HTTPStatusError as problem:
        if problem.response.status_code < 500:
            raise
        raise (PrefectCannotPlanError if await _is_well(client) else PrefectHasNotPlannedError)() from problem


def meaning(problem: Exception) -> TenantAtlasError:
    """The error to tell of one of PREFECT_PROBLEMS; what a status says of schedules, where it says more than of other things."""
    status = problem.response.status_code if isinstance(problem, httpx.HTTPStatusError) else None
    if status == 404:
        return _gone()
    if status == 409:
        return PrefectRefusesError("Someone else changed the same schedules at this moment; try again.")
    if status == 422:
        return BadInputError(
            "Prefect's server does not take this schedule; its tz database may not have that time zone: name another one."
        )
    return prefect_problem(problem)


def _gone() -> NotFoundError:
    return NotFoundError(
        "This was removed from Prefect meanwhile; `tenantatlas schedule list` shows the schedules there are."
    )


async def _is_well(client: PrefectClient) -> bool:
    try:
        await client.request("GET", "/ready")
    except (httpx.TransportError, httpx.HTTPStatusError):
        return False
    return True
