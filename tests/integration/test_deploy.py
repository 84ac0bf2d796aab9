"""What `tenantatlas deploy` registers, and that Prefect keeps to it: limits, retries, and nothing changed without a word."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from runstore.database import DatabaseRole
from runstore.filters import RunFilter
from runstore.reader import RunReader
from runstore.status import RunStatus
from tests.support.stack import StackUnderTest, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def deploy(stack: StackUnderTest, *arguments: str, code: int = 0, **settings: str) -> Any:
    command = [sys.executable, "-m", "deployments.cli", "deploy", *arguments, "--json"]
    told = {**stack.running.environment, **settings}
    done = subprocess.run(command, capture_output=True, text=True, env=told, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def changes(document: Any) -> dict[str, list[str]]:
    return {one["operation"]: one["changed"] for one in document["deployments"] if one["outcome"] != "unchanged"}


def test_an_operations_limit_is_prefects_and_what_is_over_it_waits_queued(stack: StackUnderTest) -> None:
    assert changes(deploy(stack)) == {}, "registering again changes nothing"
    limited = deploy(stack, TENANTATLAS_OPERATION_LIMIT="1")
    assert set(changes(limited)) == {one["operation"] for one in limited["deployments"]}
    assert set(map(tuple, changes(limited).values())) == {("concurrency_limit",)}
    try:
        with stack.prefect() as prefect:
            deployment = prefect.get("deployments/name/echo.speak/tenantatlas").json()
            assert deployment["global_concurrency_limit"]["limit"] == 1
        scope = stack.tenant()
        values = {"succeed": "4", "item_seconds": "0.3"}
        for _ in range(3):
            stack.start(scope, "echo.speak", {"key": str(uuid4()), **values})
        reader = RunReader(stack.database(DatabaseRole.HUB), scope)
        started = [run.id for run in reader.list(RunFilter()).runs]
        seen: set[tuple[str, ...]] = set()

        def all_done() -> bool:
            statuses = sorted(run.status.value for run in reader.list(RunFilter()).runs)
            seen.add(tuple(statuses))
            return set(statuses) == {"completed"}

        eventually(all_done, seconds=120)
        ends = sorted((run.started_at, run.finished_at) for run in reader.list(RunFilter()).runs)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(ends)), "one at a time"
        assert any(statuses.count("pending") == 2 for statuses in seen), seen
        assert len(started) == 3
    finally:
        assert changes(deploy(stack)) == {one: ["concurrency_limit"] for one in changes(limited)}


def test_a_retry_by_prefect_is_a_further_attempt_of_the_same_run(stack: StackUnderTest) -> None:
    scope = stack.tenant()
    run = stack.start(scope, "echo.insist", {"key": "a"}).run
    detail = stack.until(scope, run.id, RunStatus.COMPLETED)
    assert (detail.run.attempt, detail.run.counts.succeeded, detail.failures) == (2, 1, ())
    assert len(RunReader(stack.database(DatabaseRole.HUB), scope).list(RunFilter()).runs) == 1
    lost = stack.start(scope, "echo.insist", {"key": "b", "tries": "9"}).run
    detail = stack.until(scope, lost.id, RunStatus.FAILED)
    assert detail.run.attempt == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--pool", "elsewhere", "--pool-type", "no-such-type"), "no work pool type this installation can serve"),
        (("--pool-type", "process"), "is of type 'tenantatlas-warm' already"),
        (("--pool", "a/b"), "cannot be a work pool's name"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_in_one_sentence(
    stack: StackUnderTest, arguments: tuple[str, ...], why: str
) -> None:
    said = deploy(stack, *arguments, code=2)
    assert why in said
    assert said.count("\n") == 1


def test_what_people_set_for_a_deployment_stays(stack: StackUnderTest) -> None:
    with stack.prefect() as client:
        place = f"deployments/{client.get('deployments/name/echo.speak/tenantatlas').json()['id']}"
        client.patch(place, json={"job_variables": {"memory_limit_mb": 512}}).raise_for_status()
        assert changes(deploy(stack)) == {}
        assert client.get(place).json()["job_variables"] == {"memory_limit_mb": 512}
        client.patch(place, json={"job_variables": {}}).raise_for_status()
