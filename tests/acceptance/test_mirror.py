"""The row and Prefect, through a real server, worker and relay: whatever is done in either, the row ends up true."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from runstore.database import DatabaseRole
from runstore.runs.outbox import Outbox
from runstore.runs.reader import RunReader
from runstore.runs.run import RunDetail
from runstore.runs.status import RunStatus
from runstore.tenancy import TenantScope, Trigger
from tests.acceptance.faults.harness import flow_processes
from tests.acceptance.faults.outages import twice_down
from tests.support.stack import StackUnderTest, deploy, eventually

pytestmark = [pytest.mark.stack]

ECHO = "echo.speak"


@pytest.fixture
def scope(stack: StackUnderTest) -> TenantScope:
    return stack.tenant()


@pytest.fixture
def echo(stack: StackUnderTest, scope: TenantScope) -> Callable[..., UUID]:
    def start(**parameters: str) -> UUID:
        return stack.start(scope, ECHO, {"key": str(uuid4()), **parameters}).run.id

    return start


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that a flow waits for."""
    return tmp_path / "gate"


def flow_run(stack: StackUnderTest, detail: RunDetail) -> dict[str, Any]:
    assert detail.run.flow_run_id is not None
    with stack.prefect() as client:
        answer = client.get(f"flow_runs/{detail.run.flow_run_id}")
        answer.raise_for_status()
        return answer.json()


def set_state(stack: StackUnderTest, flow_run_id: UUID | None, kind: str, name: str | None = None) -> None:
    with stack.prefect() as client:
        body = {"state": {"type": kind, "name": name or kind.title()}, "force": False}
        client.post(f"flow_runs/{flow_run_id}/set_state", json=body).raise_for_status()


def start_in_prefect(stack: StackUnderTest, scope: TenantScope, **parameters: str) -> UUID:
    with stack.prefect() as client:
        deployment = client.get(f"deployments/name/{ECHO}/tenantatlas").json()
        body = {"parameters": {"tenant": scope.slug, **parameters}, "state": {"type": "SCHEDULED"}}
        answer = client.post(f"deployments/{deployment['id']}/create_flow_run", json=body)
        answer.raise_for_status()
        return UUID(answer.json()["id"])


def prefect_state(stack: StackUnderTest, flow_run_id: UUID) -> tuple[str, str]:
    with stack.prefect() as client:
        state = client.get(f"flow_runs/{flow_run_id}").json()["state"]
    return state["type"], state["name"]


OUTCOMES = [
    ({"succeed": "3"}, RunStatus.COMPLETED, (3, 0, 0), None),
    ({"succeed": "0"}, RunStatus.COMPLETED, (0, 0, 0), None),
    ({"succeed": "0", "skip": "2"}, RunStatus.COMPLETED, (0, 0, 2), None),
    ({"succeed": "2", "fail": "1"}, RunStatus.COMPLETED_WITH_ERRORS, (2, 1, 0), "echo_failed"),
    ({"succeed": "0", "fail": "2", "skip": "1"}, RunStatus.FAILED, (0, 2, 1), "echo_failed"),
    ({"succeed": "2", "behaviour": "raise"}, RunStatus.FAILED, (2, 0, 0), "internal_error"),
    ({"succeed": "0", "behaviour": "die"}, RunStatus.FAILED, (0, 0, 0), "crashed"),
]


@pytest.mark.parametrize(("parameters", "status", "counts", "reason"), OUTCOMES)
def test_every_end_reaches_the_row(
    stack: StackUnderTest,
    scope: TenantScope,
    echo: Callable[..., UUID],
    parameters: dict[str, str],
    status: RunStatus,
    counts: tuple[int, int, int],
    reason: str | None,
) -> None:
    detail = stack.until(scope, echo(**parameters))
    found = detail.run.counts
    assert (detail.run.status, (found.succeeded, found.failed, found.skipped)) == (status, counts)
    assert ({failure.reason_code for failure in detail.failures} or {None}) == {reason}
    assert [entry.status for entry in detail.history] == [RunStatus.PENDING, RunStatus.RUNNING, status]


def test_what_prefect_starts_by_itself_gets_a_row_and_a_duplicate_stands_back(
    stack: StackUnderTest, scope: TenantScope, echo: Callable[..., UUID], gate: Path
) -> None:
    first = start_in_prefect(stack, scope, key="k", until_file=str(gate))
    reader = RunReader(stack.database(DatabaseRole.HUB), scope)
    eventually(lambda: reader.find_by_flow_run(first))
    again = stack.start(scope, ECHO, {"key": "k", "until_file": str(gate)})
    assert again.reused
    assert again.run.flow_run_id == first
    assert again.run.trigger is Trigger.PREFECT
    second = start_in_prefect(stack, scope, key="k", until_file=str(gate))
    eventually(lambda: prefect_state(stack, second) == ("COMPLETED", "Deduplicated"))
    gate.touch()
    detail = stack.until(scope, again.run.id)
    assert detail.run.status is RunStatus.COMPLETED
    assert detail.run.flow_run_id == first


@pytest.mark.long
def test_a_copy_of_a_flow_run_with_its_parameters_is_a_run_of_its_own(
    stack: StackUnderTest, scope: TenantScope, echo: Callable[..., UUID]
) -> None:
    original = stack.until(scope, echo(key="copied"))
    copy = start_in_prefect(stack, scope, key="copied", run_id=str(original.run.id))
    eventually(lambda: prefect_state(stack, copy) == ("COMPLETED", "Completed"))
    assert stack.run(scope, original.run.id) == original


def test_cancelling_in_prefect_aborts_and_keeps_what_was_done(
    stack: StackUnderTest, scope: TenantScope, echo: Callable[..., UUID], gate: Path
) -> None:
    run_id = echo(succeed="2", until_file=str(gate))
    eventually(lambda: stack.run(scope, run_id).run.counts.succeeded == 2)
    set_state(stack, stack.run(scope, run_id).run.flow_run_id, "CANCELLING")
    detail = stack.until(scope, run_id)
    assert detail.run.status is RunStatus.ABORTED
    assert detail.run.counts.succeeded == 2
    assert [failure.reason_code for failure in detail.failures] == ["cancelled"]


@pytest.mark.long
def test_a_suspended_run_stops_between_items_and_begins_again_when_resumed(
    stack: StackUnderTest, scope: TenantScope, tmp_path: Path
) -> None:
    """What the page of Prefect's own user interface sends."""
    tally = tmp_path / "tally"
    values = {"key": str(uuid4()), "succeed": "30", "item_seconds": "0.3", "tally": str(tally)}
    run_id = stack.start(scope, ECHO, values).run.id
    eventually(lambda: stack.run(scope, run_id).run.counts.succeeded >= 1)
    suspended = {"type": "PAUSED", "name": "Suspended", "state_details": {"pause_reschedule": True}}
    flow_run_id = stack.run(scope, run_id).run.flow_run_id
    with stack.prefect() as client:
        client.post(f"flow_runs/{flow_run_id}/set_state", json={"state": suspended}).raise_for_status()
    eventually(lambda: not flow_processes(stack), seconds=20)
    before = stack.run(scope, run_id).run
    assert (before.status, before.attempt) == (RunStatus.RUNNING, 1)
    assert 1 <= before.counts.succeeded < 30
    # Longer than contact may be away: a suspended run is not lost, and nobody gives it up.
    eventually(lambda: before.heartbeat_at and datetime.now(UTC) - before.heartbeat_at > timedelta(seconds=7))
    held = stack.run(scope, run_id).run
    assert held.contact_lost_at is None
    assert held.heartbeat_at and before.heartbeat_at and held.heartbeat_at > before.heartbeat_at, "Prefect holds it"
    with stack.prefect() as client:
        client.post(f"flow_runs/{flow_run_id}/resume").raise_for_status()
    eventually(lambda: tally.read_text().count(str(run_id)) == 2)
    eventually(lambda: stack.run(scope, run_id).run.counts.succeeded < before.counts.succeeded, pause=0.02)
    detail = stack.until(scope, run_id)
    assert (detail.run.status, detail.run.attempt, detail.run.counts.succeeded) == (RunStatus.COMPLETED, 1, 30)
    assert [entry.status for entry in detail.history] == [RunStatus.PENDING, RunStatus.RUNNING, RunStatus.COMPLETED]


def test_a_paused_run_waits_in_its_process(stack: StackUnderTest, scope: TenantScope) -> None:
    run_id = stack.start(scope, ECHO, {"key": str(uuid4()), "succeed": "30", "item_seconds": "0.3"}).run.id
    eventually(lambda: stack.run(scope, run_id).run.counts.succeeded >= 1)
    flow_run_id = stack.run(scope, run_id).run.flow_run_id
    set_state(stack, flow_run_id, "PAUSED")

    def only_its_heart_beats() -> bool:
        before = stack.run(scope, run_id).run
        eventually(lambda: stack.run(scope, run_id).run.heartbeat_at != before.heartbeat_at, seconds=10)
        return stack.run(scope, run_id).run.counts == before.counts

    eventually(only_its_heart_beats, seconds=30)
    held = stack.run(scope, run_id).run
    assert held.status is RunStatus.RUNNING
    assert held.counts.succeeded < 30
    with stack.prefect() as client:
        client.post(f"flow_runs/{flow_run_id}/resume").raise_for_status()
    detail = stack.until(scope, run_id)
    assert (detail.run.status, detail.run.attempt, detail.run.counts.succeeded) == (RunStatus.COMPLETED, 1, 30)


def test_cancelling_before_a_worker_took_it_aborts(
    stack: StackUnderTest, scope: TenantScope, echo: Callable[..., UUID]
) -> None:
    with stack.nothing_taken():
        run_id = echo()
        eventually(lambda: stack.run(scope, run_id).run.flow_run_id)
        set_state(stack, stack.run(scope, run_id).run.flow_run_id, "CANCELLED")
        detail = stack.until(scope, run_id)
    assert detail.run.status is RunStatus.ABORTED
    assert detail.run.started_at is None
    assert detail.run.last_source == "reconciler"


@pytest.mark.long
def test_a_run_that_a_worker_took_and_died_with_is_offered_again(
    stack: StackUnderTest, scope: TenantScope, echo: Callable[..., UUID]
) -> None:
    with stack.without("worker"):
        run_id = echo()
        eventually(lambda: stack.run(scope, run_id).run.flow_run_id)
        set_state(stack, stack.run(scope, run_id).run.flow_run_id, "PENDING")
    detail = stack.until(scope, run_id)
    assert (detail.run.status, detail.run.attempt) == (RunStatus.COMPLETED, 1)


def test_a_flow_run_deleted_while_it_waits_fails_with_its_reason(
    stack: StackUnderTest, scope: TenantScope, echo: Callable[..., UUID]
) -> None:
    with stack.nothing_taken():
        run_id = echo()
        eventually(lambda: stack.run(scope, run_id).run.flow_run_id)
        with stack.prefect() as client:
            client.delete(f"flow_runs/{stack.run(scope, run_id).run.flow_run_id}").raise_for_status()
        detail = stack.until(scope, run_id)
    assert (detail.run.status, detail.failures[0].reason_code) == (RunStatus.FAILED, "flow_run_deleted")


def test_a_deployment_deleted_while_runs_wait_fails_what_was_handed_over_and_holds_what_was_not(
    stack: StackUnderTest, scope: TenantScope
) -> None:
    """Prefect deletes the flow runs that wait along with their deployment."""
    with stack.nothing_taken():
        handed_over = stack.start(scope, "echo.insist", {"key": "1", "tries": "1"}).run.id
        eventually(lambda: stack.run(scope, handed_over).run.flow_run_id)
        with stack.prefect() as client:
            deployment = client.get("deployments/name/echo.insist/tenantatlas").json()
            client.delete(f"deployments/{deployment['id']}").raise_for_status()
        waiting = stack.start(scope, "echo.insist", {"key": "2", "tries": "1"}).run.id
        detail = stack.until(scope, handed_over)
        assert (detail.run.status, detail.failures[0].reason_code) == (RunStatus.FAILED, "flow_run_deleted")
        assert stack.run(scope, waiting).run.status is RunStatus.PENDING
        deploy(stack)
    assert stack.until(scope, waiting).run.status is RunStatus.COMPLETED


def test_retrying_a_finished_run_reopens_the_same_row(
    stack: StackUnderTest, scope: TenantScope, echo: Callable[..., UUID]
) -> None:
    detail = stack.until(scope, echo(behaviour="raise-once", succeed="2"))
    assert detail.run.status is RunStatus.FAILED
    set_state(stack, detail.run.flow_run_id, "SCHEDULED", "AwaitingRetry")
    again = stack.until(scope, detail.run.id, RunStatus.COMPLETED)
    assert (again.run.attempt, again.failures, again.run.counts.succeeded) == (2, (), 2)
    assert [(entry.attempt, entry.status) for entry in again.history] == [
        (1, RunStatus.PENDING),
        (1, RunStatus.RUNNING),
        (1, RunStatus.FAILED),
        (2, RunStatus.RUNNING),
        (2, RunStatus.COMPLETED),
    ]


def test_a_retry_is_refused_visibly_while_an_identical_run_is_active(
    stack: StackUnderTest, scope: TenantScope, echo: Callable[..., UUID], gate: Path
) -> None:
    ended = stack.until(scope, echo(key="k", behaviour="raise"))
    active = echo(key="k", until_file=str(gate))
    stack.until(scope, active, RunStatus.RUNNING)
    assert ended.run.flow_run_id is not None
    set_state(stack, ended.run.flow_run_id, "SCHEDULED", "AwaitingRetry")
    eventually(lambda: prefect_state(stack, ended.run.flow_run_id) == ("COMPLETED", "Deduplicated"))  # type: ignore[arg-type]
    assert stack.run(scope, ended.run.id) == ended
    gate.touch()
    assert stack.until(scope, active).run.status is RunStatus.COMPLETED


@pytest.mark.long
def test_starts_while_prefect_is_down_twice_are_done_once_it_is_back(stack: StackUnderTest, scope: TenantScope) -> None:
    assert twice_down(stack, scope, runs=10) == []


@pytest.mark.long
def test_two_dispatchers_hand_each_run_over_once(stack: StackUnderTest, scope: TenantScope) -> None:
    """Counted in Prefect: a second hand-over would be a second flow run, or a claim of a leased row."""
    with stack.without("relay"):
        runs = {stack.start(scope, ECHO, {"key": str(number)}).run.id for number in range(10)}
        outbox = Outbox(stack.database(DatabaseRole.RELAY), tenant_limit=100)
        with ThreadPoolExecutor(2) as pool:
            batches = list(pool.map(lambda _: [run.id for run in outbox.claim(5)], range(3)))
        claimed = [run_id for batch in batches for run_id in batch]
        assert len(claimed) == len(set(claimed))
        assert set(claimed) == runs
        outbox.postpone(claimed, 0)
    for run_id in runs:
        assert stack.until(scope, run_id).run.status is RunStatus.COMPLETED
