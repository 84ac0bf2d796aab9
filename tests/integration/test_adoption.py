"""The row of a flow run that Prefect started: made once, and not at all when its work was done since it was planned."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from runstore.runs.flow_runs import Adopted, adopt, rows_of
from runstore.runs.operation import OperationType
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunObservation, Source
from runstore.runs.starter import StartRequest
from runstore.runs.status import ObservedState
from runstore.tenancy import Trigger
from tests.conftest import Store

REQUEST = StartRequest(OperationType("inventory", "sync"), {"scope": "a"})
HOUR = timedelta(hours=1)


def begin(
    store: Store, planned_for: datetime | None = None, flow_run: UUID | None = None, request: StartRequest = REQUEST
) -> Adopted:
    return adopt(
        store.worker,
        store.tenant(),
        request,
        flow_run_id=flow_run or uuid4(),
        attempt=1,
        trigger=Trigger.SCHEDULE,
        at=datetime.now(UTC),
        planned_for=planned_for,
    )


def end(store: Store, adopted: Adopted, state: ObservedState = ObservedState.FINISHED) -> None:
    moment = datetime.now(UTC)
    Recorder(store.worker, store.tenant()).observe(RunObservation(adopted.run.id, 1, state, Source.HOOK, moment))


def test_of_the_times_that_passed_while_everything_was_down_one_is_made_up(store: Store) -> None:
    now = datetime.now(UTC)
    first = begin(store, now - 3 * HOUR)
    assert not first.duplicate
    assert begin(store, now - 2 * HOUR).duplicate, "while it runs"
    end(store, first)
    late = begin(store, now - HOUR)
    assert (late.duplicate, late.run.id) == (True, first.run.id), "and after it has ended"


def test_the_next_time_is_a_run_of_its_own(store: Store) -> None:
    end(store, begin(store, datetime.now(UTC) - HOUR))
    assert not begin(store, datetime.now(UTC) + timedelta(seconds=1)).duplicate


@pytest.mark.parametrize("state", [ObservedState.FAILED, ObservedState.ABORTED])
def test_a_run_that_failed_made_nothing_up(store: Store, state: ObservedState) -> None:
    end(store, begin(store, datetime.now(UTC) - 2 * HOUR), state)
    assert not begin(store, datetime.now(UTC) - HOUR).duplicate


def test_a_run_without_what_is_to_follow_did_not_all_of_the_work(store: Store) -> None:
    follows = replace(REQUEST, context={"then": "drift"}, joins=("then",))
    end(store, begin(store))
    whole = begin(store, datetime.now(UTC) - HOUR, request=follows)
    assert not whole.duplicate
    end(store, whole)
    again = begin(store, datetime.now(UTC) - HOUR, request=follows)
    assert (again.duplicate, again.joined, again.run.id) == (True, True, whole.run.id)


def test_what_no_schedule_planned_is_done_again(store: Store) -> None:
    end(store, begin(store))
    assert not begin(store).duplicate


def test_the_newest_that_did_the_work_stands_for_it_and_an_active_one_before_that(store: Store) -> None:
    oldest = begin(store)
    end(store, oldest, ObservedState.FAILED)
    end(store, begin(store))
    newest = begin(store)
    end(store, newest)
    assert begin(store, datetime.now(UTC) - HOUR).run.id == newest.run.id
    again = RunObservation(oldest.run.id, 2, ObservedState.RUNNING, Source.HOOK, datetime.now(UTC))
    assert Recorder(store.worker, store.tenant()).observe(again).applied
    assert begin(store, datetime.now(UTC) - HOUR).run.id == oldest.run.id


def test_rows_are_found_by_their_flow_run_or_their_own_id(store: Store) -> None:
    flow_run = uuid4()
    one = begin(store, None, flow_run).run
    end(store, Adopted(one, False, True))
    two = begin(store).run
    by_flow_run, by_id = rows_of(store.relay, [flow_run, uuid4()], [two.id, uuid4()])
    assert set(by_id) == {one.id, two.id} and set(by_flow_run) == {flow_run, two.flow_run_id}
    assert (by_flow_run[flow_run].id, by_id[two.id].id, by_id[two.id].tenant) == (one.id, two.id, "acme")


@pytest.mark.parametrize("planned_for", [None, datetime.now(UTC) - HOUR])
def test_the_same_flow_run_finds_its_own_row(store: Store, planned_for: Any) -> None:
    flow_run = uuid4()
    first = begin(store, planned_for, flow_run)
    again = begin(store, planned_for, flow_run)
    assert (again.duplicate, again.run.id) == (False, first.run.id)
