"""Every producer that is found reaches each end of its operation through a real stack, with no edit for a new one.

Success, a part that fails and failure are the producer's own rehearsals. For cancellation and a crash, the process of the
run that succeeds is stopped as soon as it is there, and then cancelled in Prefect or killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from flows.folders import parts
from flows.registry import operations, reasons
from flows.rehearsal import ENDS, Rehearsals, Stage
from runstore.database import DatabaseRole
from runstore.directory import Directory
from runstore.notifications import NotificationKind, NotificationReader
from runstore.runs.run import RunDetail
from runstore.runs.status import ACTIVE, RunStatus
from runstore.tenancy import Role, TenantScope
from tests.acceptance.faults.harness import flow_processes
from tests.support.stack import StackUnderTest, fixture_producers

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

OWNER = "olga@example.com"

with fixture_producers():
    # Of the tests' own producers `echo` alone: the others are there to misbehave.
    OPERATIONS = {
        str(one.type): folder
        for one in operations().values()
        if (folder := one.flow.split(".")[1]) not in ("insist", "leak")
    }
    REHEARSALS: Mapping[str, Rehearsals] = parts("rehearsals", lambda module: module.REHEARSALS).values


# Stopped before their work begins, all operations end in the same way: four of ours are for `make test-long`.
STOPPED = [
    pytest.param(name, marks=pytest.mark.long) if folder in ("backup", "groups", "inventory", "retention") else name
    for name, folder in sorted(OPERATIONS.items())
]


@pytest.fixture(params=sorted(OPERATIONS))
def operation(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def scope(stack: StackUnderTest) -> TenantScope:
    scope = stack.tenant()
    Directory(stack.database(DatabaseRole.ADMIN)).grant(scope, OWNER, Role.OWNER)
    return scope


@pytest.fixture
def begin(
    stack: StackUnderTest, scope: TenantScope, operation: str, tmp_path: Path
) -> Callable[[RunStatus], UUID | None]:
    """Starts the operation so that it will end in that way; None when it cannot."""

    def before(name: str, values: Mapping[str, Any]) -> None:
        assert stack.until(scope, stack.start(scope, name, values).run.id).run.status is not RunStatus.FAILED

    def start(end: RunStatus) -> UUID | None:
        rehearsal = REHEARSALS[OPERATIONS[operation]][end]
        if rehearsal is None:
            return None
        tmp_path.chmod(0o755)
        stage = Stage(tmp_path, scope, stack.database(DatabaseRole.APP), before)
        return stack.start(scope, operation, rehearsal(stage)).run.id

    return start


def told(stack: StackUnderTest, scope: TenantScope, run_id: UUID) -> RunDetail:
    """The run at its end, which holds for every end: its failures have known codes, and it was told of once."""
    detail = stack.until(scope, run_id)
    assert {failure.reason_code for failure in detail.failures} <= reasons().keys()
    owner = Directory(stack.database(DatabaseRole.APP)).for_operator(scope.slug, OWNER)
    sent = NotificationReader(stack.database(DatabaseRole.HUB), owner).list()
    assert sorted(one.kind for one in sent if one.run_id == run_id) == [
        NotificationKind.FINISHED,
        NotificationKind.QUEUED,
    ]
    assert detail.run.finished_at is not None
    return detail


@pytest.mark.parametrize("end", ENDS)
def test_each_end_of_its_own(
    stack: StackUnderTest, scope: TenantScope, begin: Callable[[RunStatus], UUID | None], end: RunStatus
) -> None:
    if (run_id := begin(end)) is None:
        pytest.skip("the producer says that it cannot end so")
    detail = told(stack, scope, run_id)
    assert detail.run.status is end, detail.failures
    assert bool(detail.failures) is (end is not RunStatus.COMPLETED)
    assert (detail.run.counts.failed > 0) is (end is RunStatus.COMPLETED_WITH_ERRORS) or end is RunStatus.FAILED


@pytest.mark.parametrize("operation", STOPPED)
def test_cancelled(stack: StackUnderTest, scope: TenantScope, begin: Callable[[RunStatus], UUID | None]) -> None:
    run_id, process = stopped_at_birth(stack, scope, begin)
    flow_run = stack.until(scope, run_id, RunStatus.PENDING, RunStatus.RUNNING).run.flow_run_id
    with stack.prefect() as client:
        body = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        client.post(f"flow_runs/{flow_run}/set_state", json=body).raise_for_status()
    process.resume()
    detail = told(stack, scope, run_id)
    assert (detail.run.status, [one.reason_code for one in detail.failures]) == (RunStatus.ABORTED, ["cancelled"])


@pytest.mark.parametrize("operation", STOPPED)
def test_crashed(stack: StackUnderTest, scope: TenantScope, begin: Callable[[RunStatus], UUID | None]) -> None:
    run_id, process = stopped_at_birth(stack, scope, begin)
    process.kill()
    # What dies before anybody has heard of it is started once more, by its client or by Prefect.
    while stack.run(scope, run_id).run.status in ACTIVE:
        for again in flow_processes(stack):
            with suppress(psutil.NoSuchProcess):
                again.kill()
    detail = told(stack, scope, run_id)
    assert (detail.run.status, [one.reason_code for one in detail.failures]) == (RunStatus.FAILED, ["crashed"])


def stopped_at_birth(
    stack: StackUnderTest, scope: TenantScope, begin: Callable[[RunStatus], UUID | None]
) -> tuple[UUID, psutil.Process]:
    """A run that would succeed, and its process, which stands still before its work begins."""
    run_id = begin(RunStatus.COMPLETED)
    assert run_id is not None
    before = {process.pid for process in flow_processes(stack)}
    give_up_at = time.monotonic() + 30
    while not (born := [one for one in flow_processes(stack) if one.pid not in before]):
        assert time.monotonic() < give_up_at, stack.last_words()
    born[0].suspend()
    assert stack.run(scope, run_id).run.status in (RunStatus.PENDING, RunStatus.RUNNING)
    return run_id, born[0]


def test_every_producer_has_its_rehearsals() -> None:
    missing = [folder for folder in OPERATIONS.values() if set(REHEARSALS.get(folder, {})) != set(ENDS)]
    assert missing == [], "write a rehearsals.py as docs/add-a-producer.md shows"
