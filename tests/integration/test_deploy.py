"""What `tenantatlas deploy` registers, and that Prefect keeps to it: limits, retries, and nothing changed without a word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
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
from tests.support.schedules import find, schedules_of
from tests.support.stack import StackUnderTest, eventually

long = partial(pytest.param, marks=pytest.mark.long)
pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def deploy(stack: StackUnderTest, *arguments: str, code: int = 0, **settings: str) -> Any:
    command = [sys.executable, "-m", "deployments.cli", "deploy", *arguments, "--json"]
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


@pytest.mark.long
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
        (("--pool", "elsewhere", "--pool-type", "no-such-type"), "not a work pool type this installation can serve"),
        # A command takes seconds to come that far.
        long(("--pool-type", "docker"), "is of type 'process' already"),
        long(("--pool", "a/b"), "cannot be a work pool's name"),
        long(("--pool", "Prefect-main"), "Prefect keeps those that begin with 'prefect' for itself"),
        long(("--image", "tenantatlas:1.0"), "start no image"),
        long(("--pool", "elsewhere", "--pool-type", "process", "--image", "atlas:1"), "start no image"),
        long(("--image", "{{ image }}"), "cannot be an image's name"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_in_one_sentence(
    stack: StackUnderTest, arguments: tuple[str, ...], why: str
) -> None:
    said = deploy(stack, *arguments, code=2)
    assert why in said
    assert said.count("\n") == 1


@pytest.mark.long
def test_a_pool_of_an_earlier_version_is_served_as_a_process_pool_from_now_on(stack: StackUnderTest) -> None:
    with stack.prefect() as client:
        client.post("work_pools/", json={"name": "old", "type": "tenantatlas-warm"}).raise_for_status()
    try:
        document = deploy(stack, "--pool", "old")
        assert (document["work_pool"]["type"], document["work_pool"]["outcome"]) == ("tenantatlas-warm", "changed")
        assert "has the type tenantatlas-warm of an earlier version" in document["notes"][0]
        assert deploy(stack, "--pool", "old")["work_pool"]["outcome"] == "unchanged"
        scope = stack.tenant()
        started = stack.start(scope, "echo.speak", {"key": "a"})
        command = [sys.executable, "-m", "deployments.cli", "worker", "--pool", "old"]
        worker = subprocess.Popen(command, env=stack.running.environment)
        try:
            assert stack.until(scope, started.run.id, seconds=120).run.status is RunStatus.COMPLETED
        finally:
            worker.terminate()
            assert worker.wait(timeout=60) == 0
    finally:
        deploy(stack)


@pytest.mark.long
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


def tenants_changed(document: Any) -> dict[str, list[str]]:
    return {one["name"]: one["changed"] for one in document["tenant_deployments"] if one["outcome"] != "unchanged"}


@pytest.mark.long
def test_the_deployments_of_scheduled_tenants_are_kept_as_the_operations(stack: StackUnderTest) -> None:
    tenant = stack.tenant().slug
    with schedules_of(stack, "echo.speak", key="kept") as echo:
        (added,) = echo.add(tenant)
        assert tenants_changed(deploy(stack)) == {}, "registering again changes nothing"
        place = f"deployments/{echo.deployment(tenant)['id']}"
        by_hand = {
            "entrypoint": "flows.elsewhere.flow.gone",
            "version": "0",
            "tags": ["tenantatlas", "mine"],
            "parameters": {"key": "edited", "tenant": tenant},
            "job_variables": {"memory_limit_mb": 512},
        }
        echo.prefect.patch(place, json=by_hand).raise_for_status()
        document = deploy(stack)
        assert tenants_changed(document) == {tenant: ["entrypoint", "version", "tags"]}
        assert changes(document) == {}
        after, own = echo.deployment(tenant), echo.deployment()
        assert (after["entrypoint"], after["version"]) == (own["entrypoint"], own["version"])
        assert set(after["tags"]) == {"mine", "tenantatlas", "echo.speak", f"tenant:{tenant}"}
        assert (after["parameters"]["key"], after["job_variables"]) == ("edited", {"memory_limit_mb": 512})
        assert [one["id"] for one in after["schedules"]] == [str(added.id)]
        # Parameters emptied in Prefect's UI get their tenant back: the deployment's name says it.
        echo.prefect.patch(place, json={"parameters": {"key": "kept"}}).raise_for_status()
        assert tenants_changed(deploy(stack)) == {tenant: ["parameters"]}
        assert echo.deployment(tenant)["parameters"] == {"key": "kept", "tenant": tenant}


@pytest.mark.long
def test_schedules_of_earlier_releases_move_once_and_nothing_is_lost(stack: StackUnderTest) -> None:
    mine, other = stack.tenant().slug, stack.tenant().slug
    cron = {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}
    weekends = {"cron": "0 9 * * 0,6", "timezone": "UTC"}

    def before(tenant: str, schedule: Any, slug: str, *, active: bool = True) -> dict[str, Any]:
        return {
            "schedule": schedule,
            "active": active,
            "slug": slug,
            "parameters": {"tenant": tenant, "key": "nightly"},
        }

    with stack.nothing_taken(), schedules_of(stack, "echo.speak", key="nightly") as echo:
        place = f"deployments/{echo.deployment()['id']}"
        echo.as_before(
            before(mine, cron, f"{mine}-0123456789"),
            before(mine, weekends, f"{mine}-0123456789-weekends"),
            before(other, cron, f"{other}-0123456789", active=False),
            # Paused by Prefect's own command, which emptied its parameters; and one that was removed while others were late.
            {"schedule": cron, "active": False, "slug": "lost-0123456789", "parameters": {}},
            {"schedule": weekends, "active": False, "slug": "gone-0123456789", "parameters": {"removed": True}},
        )
        was = {(one.tenant, one.timing, one.active) for one in find([mine, other])}
        assert len(was) == 3, "they are listed before they have moved as well"
        # A run that is late belongs to nobody's schedule any more, and is done all the same.
        echo.were_missed("tenantatlas", hours=30)
        late = [one["id"] for one in echo.prefect.post("flow_runs/filter", json=of_deployment(place)).json()]
        assert len(late) >= 2
        document = deploy(stack)
        assert {one["name"]: one["outcome"] for one in document["tenant_deployments"]} == {
            mine: "moved",
            f"{mine}@weekends": "moved",
            other: "moved",
        }
        assert "echo.speak: 3 schedules have moved to deployments of their tenants" in " ".join(document["notes"])
        assert "(lost-0123456789) names no tenant" in " ".join(document["notes"])
        assert {(one.tenant, one.timing, one.active) for one in find([mine, other])} == was
        assert [one["slug"] for one in echo.deployment()["schedules"]] == ["lost-0123456789"]
        assert {one.name for one in find([mine])} == {None, "weekends"}
        assert all(echo.prefect.get(f"flow_runs/{run}").status_code == 200 for run in late)
        again = deploy(stack)
        assert tenants_changed(again) == {}
        assert {one["outcome"] for one in again["tenant_deployments"]} == {"unchanged"}
        for run in late:
            echo.prefect.delete(f"flow_runs/{run}")


def of_deployment(place: str) -> dict[str, Any]:
    waiting = {"deployment_id": {"any_": [place.partition("/")[2]]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    return {"flow_runs": {**waiting, "next_scheduled_start_time": {"before_": datetime.now(UTC).isoformat()}}}


@pytest.mark.long
def test_a_move_that_died_half_way_through_is_finished_by_the_next(stack: StackUnderTest) -> None:
    tenant = stack.tenant().slug
    cron = {"cron": "0 3 * * *", "timezone": "UTC"}
    old = {
        "schedule": cron,
        "active": True,
        "slug": f"{tenant}-0123456789",
        "parameters": {"tenant": tenant, "key": "x"},
    }
    evening = {**old, "schedule": {**cron, "cron": "0 20 * * *"}, "slug": None}
    with schedules_of(stack, "echo.speak", key="x") as echo:
        echo.add(tenant)
        echo.as_before(old, evening)
        deploy(stack)
        found = [(one.deployment, one.timing) for one in find([tenant])]
        assert found == [(f"echo.speak/{tenant}", "0 20 * * *"), (f"echo.speak/{tenant}", "0 3 * * *")]
        assert echo.deployment()["schedules"] == []


@pytest.mark.long
def test_a_scheduled_tenant_that_is_not_here_is_told_of_and_removed_when_asked_to(stack: StackUnderTest) -> None:
    with schedules_of(stack, "echo.speak", key="gone") as echo:
        echo.add(kept := stack.tenant().slug, "never-was")
        (note,) = deploy(stack)["notes"]
        assert note.startswith("echo.speak/never-was: scheduled for a tenant that the run store does not have")
        (note,) = deploy(stack, "--remove-missing")["notes"]
        assert note.startswith("echo.speak/never-was: removed from Prefect")
        assert echo.names() == [kept, "tenantatlas"]


@pytest.mark.long
def test_a_server_that_cannot_plan_is_told_of_and_the_operations_are_registered(stack: StackUnderTest) -> None:
    # A line that never comes, which Prefect's UI takes, stops the planning of its deployment.
    never = {"schedule": {"cron": "0 0 30 2 *", "timezone": "UTC"}, "active": True}
    tenant = stack.tenant().slug
    with schedules_of(stack, "echo.speak", key="never") as echo:
        echo.add(tenant)
        place = f"deployments/{echo.deployment(tenant)['id']}"
        echo.prefect.post(f"{place}/schedules", json=[never]).raise_for_status()
        echo.prefect.patch(place, json={"description": "by hand"}).raise_for_status()
        document = deploy(stack)
        assert tenants_changed(document) == {tenant: ["description"]}
        assert [note for note in document["notes"] if "cannot plan" in note]


@pytest.mark.long
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


@pytest.mark.long
def test_an_operation_that_is_gone_is_told_of_and_removed_when_asked_to(stack: StackUnderTest) -> None:
    schedule = {"schedule": {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}, "active": True}
    with stack.prefect() as client:

        def registered(flow: str, name: str, tags: list[str], schedules: int = 0) -> str:
            flow_id = client.post("flows/", json={"name": flow}).json()["id"]
            body = {"name": name, "flow_id": flow_id, "tags": tags, "schedules": [schedule] * schedules}
            return f"deployments/{client.post('deployments/', json=body).json()['id']}"

        gone = registered("policy.vanished", "tenantatlas", ["tenantatlas", "policy.vanished"])
        theirs = registered("policy.vanished", "contoso", ["tenantatlas", "policy.vanished", "tenant:contoso"], 1)
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
            assert [client.get(one).status_code for one in (gone, theirs)] == [200, 200]
            answer = deploy(stack, "--remove-missing")
            assert answer["missing"] == [{"operation": "policy.vanished", "schedules": 1, "outcome": "removed"}]
            assert changes(answer) == {}
            assert [client.get(one).status_code for one in (gone, theirs)] == [404, 404]
            assert [client.get(other).status_code for other in others] == [200, 200]
            answer = deploy(stack, "--remove-missing")
            assert (answer["missing"], answer["notes"]) == ([], [])
        finally:
            for place in (gone, theirs, *others):
                client.delete(place)


@pytest.mark.long
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
        command = [sys.executable, "-m", "deployments.cli", "worker", *name]
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
