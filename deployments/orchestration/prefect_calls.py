"""One conversation with Prefect's server, and what goes wrong in it: each an error of ours, a sentence with an exit code."""

import json
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from runstore.errors import BadInputError, ForbiddenError, NotFoundError, TenantAtlasError, UnavailableError

T = TypeVar("T")

ANSWER_SECONDS, WAIT_SECONDS = 10.0, 300.0

# Prefect's client asks again by itself after these two: one that is seen has been waited for long.
_ASKED_TOO_OFTEN = frozenset({408, 429})


class PrefectUnavailableError(UnavailableError):
    """Prefect's server is not reachable; start it with `tenantatlas up` or check PREFECT_API_URL."""


class PrefectForbidsError(ForbiddenError):
    """Prefect's server forbids this (403); ask the person who runs it to let you write work pools and deployments."""


class PrefectRefusesError(TenantAtlasError):
    """Prefect's server refuses this; its log says why."""


class PrefectCannotPlanError(UnavailableError):
    """The schedules are kept as asked, but Prefect's server cannot plan runs: see its log; Prefect 3.8.8 needs SQLAlchemy 2.0."""


class PrefectHasNotPlannedError(UnavailableError):
    """The schedules are kept as asked, but Prefect's server went away before it planned their runs; it does once it is back."""


def with_prefect(
    work: Callable[[PrefectClient], Coroutine[Any, Any, T]], *, of_schedules: bool = True, wait: bool = False
) -> T:
    """What `work` gives of deployments, or of their schedules. An error of ours instead of each of Prefect's.

    With `wait`, a server that does not answer yet is waited for. Only one that does not answer, or fails, is unreachable: an
    answer that says no is told for what it is.
    """

    async def run() -> T:
        async with get_client() as client:
            if wait:
                with anyio.move_on_after(WAIT_SECONDS):
                    while await client.api_healthcheck() is not None:
                        await anyio.sleep(0.2)
            await _require_answer(client)
            return await work(client)

    try:
        return anyio.run(run)
    except (httpx.HTTPError, json.JSONDecodeError, ObjectNotFound) as problem:
        raise prefect_problem(problem, of_schedules=of_schedules) from problem


async def _require_answer(client: PrefectClient) -> None:
    """PrefectUnavailableError when the server says nothing within ANSWER_SECONDS, good or bad.

    One that is stopped or hangs takes connections all the same, and Prefect's client would wait for it for minutes.
    """
    with anyio.move_on_after(ANSWER_SECONDS) as waiting:
        await client.api_healthcheck()
    if waiting.cancelled_caught:
        raise PrefectUnavailableError(
            f"Prefect's server does not answer within {ANSWER_SECONDS:.0f} seconds; look at its log, then try again."
        )


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
    except httpx.HTTPError as problem:
        if isinstance(problem, httpx.HTTPStatusError):
            if problem.response.status_code < 500:
                raise
            with suppress(httpx.HTTPError):
                await client.request("GET", "/ready")
                # It is well, so it is not a passing trouble.
                raise PrefectCannotPlanError from problem
        raise PrefectHasNotPlannedError from problem


def prefect_problem(problem: Exception, *, of_schedules: bool = False) -> TenantAtlasError:
    """The error to tell of what a call to Prefect's API raised. Only a server that is away, or broken, is one that is not
    reachable. Of schedules a status says more than of other things.

    What Prefect says beside the status is not repeated: it can hold a value that it refuses.
    """
    status = problem.response.status_code if isinstance(problem, httpx.HTTPStatusError) else None
    status = 404 if isinstance(problem, ObjectNotFound) else status
    if of_schedules and status == 404:
        return NotFoundError(
            "This was removed from Prefect meanwhile; `tenantatlas schedule list` shows the schedules there are."
        )
    if of_schedules and status == 409:
        return PrefectRefusesError("Someone else changed the same schedules at this moment; try again.")
    if of_schedules and status == 422:
        return BadInputError(
            "Prefect's server does not take this schedule; its tz database may not have that time zone: name another one."
        )
    if isinstance(problem, json.JSONDecodeError) or status in (404, 405):
        return BadInputError(
            f"What answers at PREFECT_API_URL is not Prefect's API ({status or 'no JSON'}); its address ends with /api as a rule."
        )
    if status is None:
        return PrefectUnavailableError()
    if status >= 500 or status in _ASKED_TOO_OFTEN:
        return PrefectUnavailableError(
            f"Prefect's server cannot answer now ({status}); look at its log, then try again."
        )
    if status == 401:
        return PrefectForbidsError(
            "Prefect's server does not know who asks (401); set PREFECT_API_AUTH_STRING, or PREFECT_API_KEY for Prefect "
            "Cloud, to what it expects."
        )
    if status == 403:
        return PrefectForbidsError()
    return PrefectRefusesError(
        f"Prefect's server refuses this ({status} {httpx.codes.get_reason_phrase(status)}); its log says why."
    )
