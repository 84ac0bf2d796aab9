"""What Prefect's own pages tell of a run, asked of its API: name, tags, tasks, artifacts and sentences, however it was started."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from runstore.database import DatabaseRole
from runstore.runs.reader import RunReader
from runstore.runs.status import RunStatus
from runstore.tenancy import TenantScope
from tests.acceptance.faults.harness import flow_processes
from tests.support.stack import StackUnderTest, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SAMPLE = Path(__file__).parents[2] / "deployments" / "samples" / "acme"
SYNC, DRIFT, ECHO = "inventory.sync", "drift.generate", "echo.speak"
TASKS = {
    SYNC: {"open source", "read and store, batch 1", "finish sync"},
    DRIFT: {"compare and store", "report"},
    ECHO: {"speak"},
}


@pytest.fixture
def scope(stack: StackUnderTest) -> TenantScope:
    return stack.tenant()


@pytest.fixture
def prefect(stack: StackUnderTest) -> Iterator[httpx.Client]:
    with stack.prefect() as client:
        yield client
        made = {"deployments": {"name": {"like_": "due-"}}}
        for one in client.post("deployments/filter", json=made).json():
            client.delete(f"deployments/{one['id']}")


def deployment(prefect: httpx.Client, operation: str) -> dict[str, Any]:
    return prefect.get(f"deployments/name/{operation}/tenantatlas").json()


def custom(prefect: httpx.Client, operation: str, values: Mapping[str, Any]) -> UUID:
    """A custom run of Prefect's page: neither name nor tags, and the parameters as they were typed."""
    body = {"parameters": dict(values), "state": {"type": "SCHEDULED"}}
    answer = prefect.post(f"deployments/{deployment(prefect, operation)['id']}/create_flow_run", json=body)
    return UUID(answer.raise_for_status().json()["id"])


def scheduled(prefect: httpx.Client, operation: str, values: Mapping[str, Any]) -> UUID:
    """The one run that a schedule planned for a time just past, of a deployment made for it."""
    like = deployment(prefect, operation)
    kept = ("flow_id", "entrypoint", "work_pool_name", "tags", "job_variables")
    anchor = datetime.now(UTC) - timedelta(seconds=30)
    schedule = {"interval": 7200, "anchor_date": anchor.isoformat()}
    body = {name: like[name] for name in kept} | {"name": f"due-{uuid4()}", "parameters": dict(values)}
    body |= {"schedules": [{"active": True, "schedule": schedule}], "enforce_parameter_schema": False}
    made = prefect.post("deployments/", json=body).raise_for_status().json()["id"]
    span = {"start_time": (anchor - timedelta(seconds=1)).isoformat(), "end_time": datetime.now(UTC).isoformat()}
    prefect.post(f"deployments/{made}/schedule", json={**span, "min_time": 1}).raise_for_status()
    wanted = {"flow_runs": {"deployment_id": {"any_": [made]}, "expected_start_time": {"before_": span["end_time"]}}}
    found = eventually(lambda: prefect.post("flow_runs/filter", json=wanted).json())
    assert found[0]["auto_scheduled"]
    return UUID(found[0]["id"])


def ended(prefect: httpx.Client, flow_run: UUID, seconds: float = 120) -> dict[str, Any]:
    def once() -> dict[str, Any] | None:
        found = prefect.get(f"flow_runs/{flow_run}").json()
        return found if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    return eventually(once, seconds=seconds, pause=0.2)  # type: ignore[return-value]


def tasks(prefect: httpx.Client, flow_run: UUID, wanted: int) -> dict[str, str]:
    """The states of its tasks by name. They reach the server as events, a moment later."""
    body = {"task_runs": {"flow_run_id": {"any_": [str(flow_run)]}}}

    def once() -> dict[str, str] | None:
        found = {one["name"]: one["state_type"] for one in prefect.post("task_runs/filter", json=body).json()}
        return found if len(found) >= wanted and "RUNNING" not in found.values() else None

    return eventually(once, seconds=30, pause=0.2)  # type: ignore[return-value]


def artifacts(prefect: httpx.Client, flow_run: UUID) -> dict[str, dict[str, Any]]:
    body = {"artifacts": {"flow_run_id": {"any_": [str(flow_run)]}}}
    return {one["key"]: one for one in prefect.post("artifacts/filter", json=body).json()}


def log(prefect: httpx.Client, flow_run: UUID, until: str) -> str:
    """The flow run's log, once that text is in it."""
    body = {"logs": {"flow_run_id": {"any_": [str(flow_run)]}}, "sort": "TIMESTAMP_ASC", "limit": 200}

    def once() -> str:
        lines = "\n".join(line["message"] for line in prefect.post("logs/filter", json=body).json())
        return lines if until in lines else ""

    return eventually(once, seconds=30, pause=0.2)


def row(stack: StackUnderTest, scope: TenantScope, flow_run: UUID) -> Any:
    return RunReader(stack.database(DatabaseRole.HUB), scope).find_by_flow_run(flow_run)


@pytest.mark.long
def test_twenty_runs_by_click_schedule_and_custom_run_tell_the_same(
    stack: StackUnderTest, scope: TenantScope, prefect: httpx.Client
) -> None:
    def sync(name: str) -> dict[str, Any]:
        return {"source": f"folder:{SAMPLE / '2026-10-05'}", "scope": name}

    def flow_run_of(operation: str, values: Mapping[str, Any]) -> UUID:
        run = stack.start(scope, operation, values).run
        return eventually(lambda: stack.run(scope, run.id).run.flow_run_id)  # type: ignore[return-value]

    for _ in range(2):
        stack.until(scope, stack.start(scope, SYNC, sync("drifting")).run.id)
    told: dict[UUID, tuple[str, str | None]] = {}
    for number in range(5):
        told[flow_run_of(SYNC, sync(f"clicked-{number}"))] = SYNC, f"clicked-{number}"
        mine = {"tenant": scope.slug, **sync(f"typed-{number}")}
        told[custom(prefect, SYNC, mine)] = SYNC, f"typed-{number}"
        due = {"tenant": scope.slug, **sync(f"due-{number}")}
        told[scheduled(prefect, SYNC, due)] = SYNC, f"due-{number}"
    told[flow_run_of(ECHO, {"key": "1", "succeed": "1", "fail": "1"})] = ECHO, None
    told[custom(prefect, ECHO, {"tenant": scope.slug, "key": "2", "succeed": "0", "fail": "2"})] = ECHO, None
    told[scheduled(prefect, ECHO, {"tenant": scope.slug, "key": "3"})] = ECHO, None
    told[custom(prefect, ECHO, {"tenant": scope.slug, "key": "4", "behaviour": "raise"})] = ECHO, None
    told[flow_run_of(DRIFT, {"scope": "drifting"})] = DRIFT, "drifting"
    assert len(told) == 20
    for flow_run, (operation, key) in told.items():
        found = ended(prefect, flow_run)
        assert found["name"] == " · ".join(filter(None, (operation, scope.slug, key)))
        tags = {operation, f"tenant:{scope.slug}", "tenantatlas"} | ({f"scope:{key}"} if key else set())
        assert tags <= set(found["tags"]), found["tags"]
        assert set(tasks(prefect, flow_run, len(TASKS[operation]))) == TASKS[operation]
        left = artifacts(prefect, flow_run)
        stem = re.sub("[^a-z0-9]+", "-", " ".join(filter(None, (operation, scope.slug, key))))
        outcome, link = left[f"{stem}-outcome"], left[f"{stem}-hub"]
        assert outcome["type"] == "table" and json.loads(outcome["data"])[0]["Outcome"] == "succeeded"
        run = row(stack, scope, flow_run)
        assert link["type"] == "markdown" and f"/r/{scope.slug}/{run.id})" in link["data"]


def test_a_partial_run_tells_each_failure_and_counts_them_by_reason(
    stack: StackUnderTest, scope: TenantScope, prefect: httpx.Client
) -> None:
    run = stack.until(
        scope, stack.start(scope, ECHO, {"key": "k", "succeed": "3", "fail": "60", "item_seconds": "0.05"}).run.id
    ).run
    assert run.flow_run_id is not None
    said = log(prefect, run.flow_run_id, "more items failed")
    assert said.count("failed, echo_failed: Item item-") == 50 and "10 more items failed" in said
    left = artifacts(prefect, run.flow_run_id)
    rows = json.loads(left[f"echo-speak-{scope.slug}-outcome"]["data"])
    assert [(one["Outcome"], one["Items"], one["Reason"]) for one in rows] == [
        ("succeeded", 3, ""),
        ("skipped", 0, ""),
        ("failed", 60, "echo_failed"),
    ]
    assert left[f"echo-speak-{scope.slug}-progress"]["data"] == 100


@pytest.mark.parametrize(("fail", "ending"), [("2", "0 succeeded, 2 failed, 0 skipped"), (None, "internal_error")])
def test_a_failed_run_ends_without_a_traceback_and_an_unexpected_exception_shows_where(
    stack: StackUnderTest, scope: TenantScope, prefect: httpx.Client, fail: str | None, ending: str
) -> None:
    values = {"succeed": "0", "fail": fail} if fail else {"behaviour": "raise"}
    run = stack.until(scope, stack.start(scope, ECHO, {"key": "k", **values}).run.id).run
    assert run.flow_run_id is not None
    state = ended(prefect, run.flow_run_id)["state"]
    # What the engine has to say comes last.
    eventually(lambda: not flow_processes(stack))
    said = log(prefect, run.flow_run_id, "in state ItemsFailed(" if fail else "in state Failed(")
    assert (
        state["type"] == "FAILED"
        and "FailedRun" not in said
        and "Traceback" not in said
        and "told to raise" not in said + state["message"]
    )
    if fail:
        assert state["message"] == ending and "Error" not in said
        return
    assert re.search(r"builtins\.ValueError\n(  at .*\n)*  at flows\.echo\.flow:\d+ in speak", said), said
    correlation = re.search(r"correlation id (\w+)", state["message"])
    assert correlation and f"[{correlation[1]}]" in said
    rows = json.loads(artifacts(prefect, run.flow_run_id)[f"echo-speak-{scope.slug}-outcome"]["data"])
    assert [one["Reason"] for one in rows if one["Outcome"] == "failed"] == [ending]
    assert set(tasks(prefect, run.flow_run_id, 1).values()) == {"FAILED"}


def test_drift_leaves_a_table_of_its_findings_by_severity(
    stack: StackUnderTest, scope: TenantScope, prefect: httpx.Client
) -> None:
    for day in ("2026-10-05", "2026-11-02"):
        stack.until(scope, stack.start(scope, SYNC, {"source": f"folder:{SAMPLE / day}"}).run.id)
    run = stack.until(scope, stack.start(scope, DRIFT, {}).run.id).run
    assert run.flow_run_id is not None and run.status is RunStatus.COMPLETED
    rows = json.loads(artifacts(prefect, run.flow_run_id)[f"drift-generate-{scope.slug}-default-findings"]["data"])
    assert len(rows) == run.counts.succeeded > 0
    ranks = [("critical", "high", "medium", "low", "info").index(one["Severity"]) for one in rows]
    assert ranks == sorted(ranks)
    said = log(prefect, run.flow_run_id, "findings: ")
    assert "Comparing sync" in said


WRONG: list[tuple[str, dict[str, Any], str, str | None]] = [
    (SYNC, {"tenant": "no-such-tenant", "source": "graph"}, "no tenant", None),
    (SYNC, {"tenant": "", "source": "graph"}, "no tenant", None),
    (SYNC, {"source": "graph"}, "no tenant", None),
    (SYNC, {"tenant": "?"}, "does not take the parameters", "parameters_refused"),
    (SYNC, {"tenant": "?", "source": "graph", "scope": "<b>x</b>"}, "parameters", "parameters_refused"),
    (DRIFT, {"tenant": "?", "scope": "never-synced"}, "sync", "not_enough_syncs"),
    ("backup_set.add_policies", {"tenant": "?", "set_id": str(uuid4()), "all_policies": True}, "set", None),
]


@pytest.mark.parametrize(("operation", "values", "sentence", "reason"), WRONG)
def test_what_nobody_knows_ends_as_failed_with_a_sentence_of_ours(
    stack: StackUnderTest,
    scope: TenantScope,
    prefect: httpx.Client,
    operation: str,
    values: dict[str, Any],
    sentence: str,
    reason: str | None,
) -> None:
    known = values.get("tenant") == "?"
    if operation.startswith("backup"):
        stack.until(scope, stack.start(scope, SYNC, {"source": f"folder:{SAMPLE / '2026-10-05'}"}).run.id)
    flow_run = custom(prefect, operation, {**values, "tenant": scope.slug} if known else values)
    found = ended(prefect, flow_run)
    assert found["state_type"] == "FAILED" and sentence in found["state"]["message"].lower(), found["state"]
    assert "Error" not in found["state"]["message"] and operation in found["name"]
    if known:
        ended_run = stack.until(scope, row(stack, scope, flow_run).id)
        assert ended_run.run.status is RunStatus.FAILED
        failures = ended_run.failures
        assert [one.reason_code for one in failures] == [reason or failures[0].reason_code]


@pytest.mark.parametrize("operation", [SYNC, DRIFT, "backup_set.add_policies", "run.prune"])
def test_the_form_of_a_custom_run_describes_every_parameter(prefect: httpx.Client, operation: str) -> None:
    fields = deployment(prefect, operation)["parameter_openapi_schema"]["properties"]
    assert "tenant" in deployment(prefect, operation)["parameter_openapi_schema"]["required"]
    assert fields and all(field.get("description", "").endswith(".") for field in fields.values()), fields
