"""What Prefect's server answers becomes one sentence, with the exit code of what is the matter."""

from __future__ import annotations

import json

import httpx
import pytest

from deployments.orchestration.prefect_calls import prefect_problem


def answered(status: int) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://prefect.example/api/work_pools/")
    response = httpx.Response(status, request=request, json={"detail": "the value is s3cret"})
    return httpx.HTTPStatusError("refused: the value is s3cret", request=request, response=response)


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (httpx.ConnectError("nobody listens"), 5, "tenantatlas up"),
        (httpx.ReadTimeout("no answer"), 5, "not reachable"),
        (answered(500), 5, "cannot answer now (500)"),
        (answered(503), 5, "cannot answer now (503)"),
        (answered(429), 5, "cannot answer now (429)"),
        (answered(401), 3, "PREFECT_API_AUTH_STRING"),
        (answered(403), 3, "forbids this (403)"),
        (answered(404), 2, "PREFECT_API_URL is not Prefect's API (404)"),
        (json.JSONDecodeError("no", "<html>", 0), 2, "ends with /api"),
        (answered(409), 1, "refuses this (409 Conflict)"),
        (answered(422), 1, "refuses this (422"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_each_answer_is_told_as_what_it_is(problem: Exception, code: int, said: str) -> None:
    told = prefect_problem(problem)
    assert told.exit_code == code
    assert said in str(told)
    assert "\n" not in str(told)
    assert "s3cret" not in str(told)
