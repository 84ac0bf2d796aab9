"""The soak's invariants can fail: each is broken by hand, on a row that is otherwise true."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from runstore.runs.operation import OperationType
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Progress, RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState
from runstore.tenancy import Role
from tests.acceptance.faults.invariants import done_twice, violations, watch
from tests.conftest import Store

TOLD = {"key": "k", "succeed": "2", "fail": "0", "skip": "0"}


@pytest.fixture
def ended(store: Store) -> UUID:
    """A run that completed in its second attempt with two items, under the watch, announced to one owner."""
    store.member(Role.OWNER)
    watch(store.url)
    scope = store.tenant()
    request = StartRequest(OperationType("echo", "speak"), {"key": "k"}, parameters=TOLD, item_ids=["a", "b"])
    run = start(store.app, scope, request).run
    recorder = Recorder(store.worker, scope)
    for state in (ObservedState.RUNNING, ObservedState.FINISHED):
        recorder.observe(RunObservation(run.id, 2, state, Source.HOOK, datetime.now(UTC)))
        recorder.progress(Progress(run.id, 2, Counts(total=2, succeeded=2)))
    return run.id


BROKEN = [
    ("UPDATE operation_runs SET processed = 1, succeeded = 1", "changed within its attempt after it had ended"),
    ("UPDATE operation_runs SET processed = 1, succeeded = 1", "counted less than before"),
    ("UPDATE operation_runs SET total = 3, processed = 3, succeeded = 3", "counts items twice"),
    ("UPDATE operation_runs SET attempt = 1", "went back to an earlier attempt"),
    ("UPDATE operation_runs SET attempt = 3", "moved without a step in its history"),
    ("UPDATE operation_runs SET history = history - 0", "changed its history instead of adding one step"),
    ("UPDATE operation_runs SET history = history || (history -> 0)", "went back from"),
    ("UPDATE operation_runs SET history = history || (history -> 2)", "took the illegal step"),
    ("UPDATE operation_runs SET history = history || (history -> 0)", "history out of order"),
    ("UPDATE operation_runs SET status = 'running', finished_at = NULL", "is still running"),
    ("DELETE FROM notifications WHERE kind = 'finished'", "was not announced to 1"),
    ("DELETE FROM operation_runs", "is lost"),
]


def test_a_true_row_breaks_none_and_each_broken_rule_is_said(store: Store, ended: UUID) -> None:
    with psycopg.connect(store.url) as connection:
        assert violations(connection, {ended}, members=1) == []
        for change, said in BROKEN:
            with connection.transaction(force_rollback=True):
                connection.execute(change)
                found = violations(connection, {ended}, members=1)
            assert any(said in problem for problem in found), (change, found)


def test_only_a_resumed_run_may_count_less_than_before(store: Store, ended: UUID) -> None:
    scope, resumed, other = store.tenant(), UUID(int=1), UUID(int=2)
    reopened = RunObservation(ended, 3, ObservedState.RUNNING, Source.HOOK, datetime.now(UTC), resumed)
    Recorder(store.worker, scope).observe(reopened)
    for done in (2, 1):
        Recorder(store.worker, scope).progress(Progress(ended, 3, Counts(total=2, succeeded=done), restarted=done == 1))
    with psycopg.connect(store.url) as connection:
        said = f"run {ended} counted less than before (1 times)"
        assert said in violations(connection, {ended}, members=1, resumed=[str(other)])
        assert said not in violations(connection, {ended}, members=1, resumed=[str(resumed)])


def test_an_item_done_twice_and_one_counted_but_not_done_are_said(store: Store, ended: UUID) -> None:
    did = [f"{ended} 2 a", f"{ended} 2 b"]
    with psycopg.connect(store.url) as connection:
        assert done_twice(connection, did, set()) == []
        assert done_twice(connection, [*did, did[0]], set()) == [f"{did[0]} was done 2 times"]
        assert done_twice(connection, did[:1], set()) == [f"run {ended} counts 2, and 1 were done"]
