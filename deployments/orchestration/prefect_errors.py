"""What goes wrong between us and Prefect's server, as errors of ours: each a sentence, a next step and an exit code."""

from __future__ import annotations

import json

import anyio
import httpx
from prefect.client.orchestration import PrefectClient

from runstore.errors import BadInputError, ForbiddenError, TenantAtlasError, UnavailableError

PREFECT_PROBLEMS = (httpx.HTTPError, json.JSONDecodeError)
"""What a call to Prefect's API raises when it does not get the answer of a Prefect server that agrees."""

ANSWER_SECONDS = 10.0

# Prefect's client asks again by itself after these two; whoever sees one has waited for long.
_ASKED_TOO_OFTEN = frozenset({408, 429})


class PrefectUnavailableError(UnavailableError):
    """Prefect's server is not reachable; start it with `tenantatlas up` or check PREFECT_API_URL."""


class PrefectForbidsError(ForbiddenError):
    """Prefect's server forbids this (403); ask whoever runs it to let you write work pools and deployments."""


class PrefectRefusesError(TenantAtlasError):
    """Prefect's server refuses this; its log says why."""


async def require_answer(client: PrefectClient) -> None:
    """PrefectUnavailableError when the server says nothing within ANSWER_SECONDS, good or bad.

    One that is stopped or hangs takes connections all the same, and Prefect's client would wait for it for minutes.
    """
    with anyio.move_on_after(ANSWER_SECONDS) as waiting:
        await client.api_healthcheck()
    if waiting.cancelled_caught:
        raise PrefectUnavailableError(
            f"Prefect's server does not answer within {ANSWER_SECONDS:.0f} seconds; look at its log, then try again."
        )


def prefect_problem(problem: Exception) -> TenantAtlasError:
    """The error to tell of one of PREFECT_PROBLEMS. Only a server that is away, or broken, is one that is not reachable.

    What Prefect says beside the status is not repeated: it can hold a value that it refuses.
    """
    if isinstance(problem, json.JSONDecodeError):
        return _not_prefect("no JSON")
    if not isinstance(problem, httpx.HTTPStatusError):
        return PrefectUnavailableError()
    status = problem.response.status_code
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
    if status in (404, 405):
        return _not_prefect(str(status))
    return PrefectRefusesError(
        f"Prefect's server refuses this ({status} {problem.response.reason_phrase}); its log says why."
    )


def _not_prefect(answer: str) -> BadInputError:
    return BadInputError(
        f"What answers at PREFECT_API_URL is not Prefect's API ({answer}); its address ends with /api as a rule."
    )
