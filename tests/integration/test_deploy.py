"""What `tenantatlas deploy` registers, and that Prefect keeps to it: limits, retries, and nothing changed without a word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from runstore.database import DatabaseRole
from runstore.runs.filters import RunFilter
from runstore.runs.reader import RunReader
from runstore.runs.status import RunStatus
from tests.support.container_worker import CONTAINERS, installed
from tests.support.stack import StackUnderTest, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def deploy(stack: StackUnderTest, *arguments: str, code: int = 0, **settings: str) -> Any:
    command = [sys.executable, "-m", "deployments.cli.main", "deploy", *arguments, "--json"]
    told = {**stack.running.environment, **settings}
    done = subprocess.run(command, capture_output=True, text=True, env=told, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def changes(document: Any) -> dict[str, list[str]]:
    return {one["operation"]: one["changed"] for one in document["deployments"] if one["outcome"] != "unchanged"}


def places(prefect: httpx.Client) -> list[str]:
    """Where Prefect's API has each of our deployments."""
    body = {"deployments": {"name": {"any_": ["tenantatlas"]}, "tags": {"all_": ["tenantatlas"]}}}
    return [f"deployments/{one['id']}" for one in prefect.post("deployments/filter", json=body).json()]


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
        assert changes(deploy(stack)) == {}, "with no limit of ours, the one there is people's"
        with stack.prefect() as prefect:
            assert prefect.get(places(prefect)[0]).json()["global_concurrency_limit"]["limit"] == 1
    finally:
        with stack.prefect() as prefect:
            for place in places(prefect):
                prefect.patch(place, json={"concurrency_limit": None}).raise_for_status()


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
        (("--pool", "Prefect-main"), "Prefect keeps those that begin with 'prefect' for itself"),
        (("--image", "tenantatlas:1.0"), "start no image"),
        (("--pool", "elsewhere", "--pool-type", "process", "--image", "atlas:1"), "start no image"),
        (("--image", "{{ image }}"), "cannot be an image's name"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_in_one_sentence(
    stack: StackUnderTest, arguments: tuple[str, ...], why: str
) -> None:
    said = deploy(stack, *arguments, code=2)
    assert why in said
    assert said.count("\n") == 1


def test_what_people_set_for_a_deployment_stays(stack: StackUnderTest) -> None:
    queue = "people-s-own"
    with stack.prefect() as client:
        name = "deployments/name/echo.speak/tenantatlas"
        before = client.get(name).json()
        place, pool = f"deployments/{before['id']}", before["work_pool_name"]
        client.post(f"work_pools/{pool}/queues", json={"name": queue}).raise_for_status()
        set_by_people = {
            "job_variables": {"memory_limit_mb": 512},
            "concurrency_limit": 3,
            "tags": [*before["tags"], "night-shift"],
            "work_pool_name": pool,
            "work_queue_name": queue,
        }
        try:
            client.patch(place, json=set_by_people).raise_for_status()
            assert changes(deploy(stack)) == {}
            client.patch(place, json={"description": "?", "tags": ["night-shift"]}).raise_for_status()
            assert changes(deploy(stack)) == {"echo.speak": ["tags", "description"]}
            after = client.get(name).json()
            assert after["job_variables"] == {"memory_limit_mb": 512}
            assert after["global_concurrency_limit"]["limit"] == 3
            assert sorted(after["tags"]) == ["echo.speak", "night-shift", "tenantatlas"]
            assert (after["work_pool_name"], after["work_queue_name"]) == (pool, queue)
            assert after["description"] == before["description"]
        finally:
            undone = {"job_variables": {}, "concurrency_limit": None, "tags": before["tags"], "work_pool_name": pool}
            client.patch(place, json=undone).raise_for_status()
            client.delete(f"work_pools/{pool}/queues/{queue}").raise_for_status()


def test_a_server_that_cannot_plan_is_told_of_and_the_operations_are_registered(stack: StackUnderTest) -> None:
    # A line that never comes, which Prefect's UI takes, stops the planning of the whole deployment.
    never = {"schedule": {"cron": "0 0 30 2 *", "timezone": "UTC"}, "active": True, "parameters": {}}
    with stack.prefect() as prefect:
        echo = f"deployments/{prefect.get('deployments/name/echo.speak/tenantatlas').json()['id']}"
        theirs = prefect.post(f"{echo}/schedules", json=[never]).json()[0]["id"]
        try:
            for place in places(prefect):
                prefect.patch(place, json={"description": "by hand"}).raise_for_status()
            document = deploy(stack)
            assert set(changes(document)) == {one["operation"] for one in document["deployments"]}
            assert [note for note in document["notes"] if note.startswith("echo.speak: ") and "cannot plan" in note]
        finally:
            prefect.delete(f"{echo}/schedules/{theirs}").raise_for_status()


def test_runs_that_wait_in_another_pool_are_told_of_until_they_are_done(stack: StackUnderTest) -> None:
    scope, pool = stack.tenant(), stack.running.settings.work_pool
    try:
        with stack.nothing_taken():
            run = stack.start(scope, "echo.speak", {"key": str(uuid4())}).run
            eventually(lambda: stack.run(scope, run.id).run.flow_run_id)
            assert deploy(stack)["waiting_elsewhere"] == [], "it waits where workers look for it"
            answer = deploy(stack, "--pool", "moved-to")
            assert answer["waiting_elsewhere"] == [{"work_pool": pool, "flow_runs": 1}]
            (note,) = answer["notes"]
            assert f"1 run waits in the work pool {pool}" in note
            assert f"`tenantatlas worker --pool {pool}`" in note
            assert stack.run(scope, run.id).run.status is RunStatus.PENDING
        # The stack's worker serves the pool still, and that is what ends it.
        stack.until(scope, run.id, RunStatus.COMPLETED)
        answer = deploy(stack, "--pool", "moved-to")
        assert (answer["waiting_elsewhere"], answer["notes"], changes(answer)) == ([], [], {})
    finally:
        moved = changes(deploy(stack))
    assert set(map(tuple, moved.values())) == {("work_pool_name",)}


def test_an_operation_that_is_gone_is_told_of_and_removed_when_asked_to(stack: StackUnderTest) -> None:
    schedule = {"schedule": {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}, "active": True}
    with stack.prefect() as client:

        def registered(flow: str, name: str, tags: list[str], schedules: int = 0) -> str:
            flow_id = client.post("flows/", json={"name": flow}).json()["id"]
            body = {"name": name, "flow_id": flow_id, "tags": tags, "schedules": [schedule] * schedules}
            return f"deployments/{client.post('deployments/', json=body).json()['id']}"

        gone = registered("policy.vanished", "tenantatlas", ["tenantatlas", "policy.vanished"], 1)
        others = [
            registered("policy.other", "tenantatlas", ["mine"]),
            registered("policy.other", "mine", ["tenantatlas"]),
        ]
        try:
            answer = deploy(stack)
            assert answer["missing"] == [{"operation": "policy.vanished", "schedules": 1, "outcome": "kept"}]
            (note,) = answer["notes"]
            assert "its 1 schedule goes on firing" in note
            assert "tenantatlas deploy --remove-missing" in note
            assert client.get(gone).status_code == 200
            answer = deploy(stack, "--remove-missing")
            assert answer["missing"] == [{"operation": "policy.vanished", "schedules": 1, "outcome": "removed"}]
            assert changes(answer) == {}
            assert client.get(gone).status_code == 404
            assert [client.get(other).status_code for other in others] == [200, 200]
            answer = deploy(stack, "--remove-missing")
            assert (answer["missing"], answer["notes"]) == ([], [])
        finally:
            for place in (gone, *others):
                client.delete(place)


def test_a_pool_of_containers_has_its_image_and_none_of_this_machines_files(
    stack: StackUnderTest, tmp_path: Path
) -> None:
    known = installed(tmp_path)
    known["PYTHONPATH"] = os.pathsep.join([known["PYTHONPATH"], stack.running.environment["PYTHONPATH"]])
    name = ("--pool", "containers")
    try:
        made = deploy(stack, *name, "--pool-type", CONTAINERS, **known)
        assert made["work_pool"] == {"name": "containers", "type": CONTAINERS, "outcome": "created", "image": None}
        assert "tenantatlas deploy --pool containers --image IMAGE" in made["notes"][0]
        assert "TENANTATLAS_WORKER_DATABASE_URL" in made["notes"][1]
        with stack.prefect() as client:
            template = client.get("work_pools/containers").json()["base_job_template"]
            told = {"TENANTATLAS_WORKER_DATABASE_URL": "{{ prefect.blocks.secret.store }}"}
            template["variables"]["properties"]["env"]["default"] = told
            client.patch("work_pools/containers", json={"base_job_template": template}).raise_for_status()
        imaged = deploy(stack, *name, "--image", "tenantatlas:1.0", **known)
        assert (imaged["work_pool"]["outcome"], imaged["work_pool"]["image"]) == ("changed", "tenantatlas:1.0")
        assert imaged["notes"] == []
        again = deploy(stack, *name, **known)
        assert (again["work_pool"]["outcome"], again["work_pool"]["image"]) == ("unchanged", "tenantatlas:1.0")
        with stack.prefect() as client:
            kept = client.get("work_pools/containers").json()["base_job_template"]["variables"]["properties"]
            assert kept["env"]["default"] == told
            # No password of ours has come to Prefect, whatever people referred to.
            assert stack.running.database_url not in client.get("work_pools/containers").text
    finally:
        deploy(stack)
    with stack.prefect() as client:
        kept["env"].pop("default")
        template["variables"]["properties"] = kept
        client.patch("work_pools/containers", json={"base_job_template": template}).raise_for_status()
        flow_id = client.post("flows/", json={"name": "probe"}).json()["id"]
        body = {"name": "probe", "flow_id": flow_id, "work_pool_name": "containers"}
        probe = client.post("deployments/", json=body).json()["id"]
        flow_run = client.post(f"deployments/{probe}/create_flow_run", json={}).json()["id"]
        command = [sys.executable, "-m", "deployments.cli.main", "worker", *name]
        worker = subprocess.Popen(command, env={**stack.running.environment, **known}, stderr=subprocess.DEVNULL)
        try:
            written = tmp_path / f"{flow_run}.json"
            eventually(written.exists, seconds=120)
        finally:
            worker.terminate()
            assert worker.wait(timeout=60) == 0
            client.delete(f"deployments/{probe}")
    job = json.loads(written.read_text())
    assert (job["image"], job["command"]) == ("tenantatlas:1.0", "prefect flow-run execute")
    assert job["env"]["PREFECT_API_URL"] == stack.running.record.prefect_api_url
    assert "PREFECT_API_SSL_CERT_FILE" not in job["env"]
    assert (stack.running.settings.home / "one-authority.pem").is_file(), "there was something to leave out"
