"""One conversation with Prefect's server, and what each of its refusals means to whoever runs a command."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client

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
    except PREFECT_PROBLEMS as problem:
        raise meaning(problem) from problem


def meaning(problem: Exception) -> TenantAtlasError:
    """The error to tell of one of PREFECT_PROBLEMS; what a status says of schedules, where it says more than of other things."""
    status = problem.response.status_code if isinstance(problem, httpx.HTTPStatusError) else None
    if status == 404:
        return NotFoundError(
            "This was removed from Prefect meanwhile; `tenantatlas schedule list` shows the schedules there are."
        )
    if status == 409:
        return PrefectRefusesError("Someone else changed the same schedules at this moment; try again.")
    if status == 422:
        return BadInputError(
            "Prefect's server does not take this schedule; its tz database may not have that time zone: name another one."
        )
    return prefect_problem(problem)
