"""The outbox shares the work out between tenants: by turns, within a limit, each run to one relay."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runstore.database import driver_address
from runstore.runs.operation import OperationType
from runstore.runs.outbox import LEASE_SECONDS, Outbox, RunListener, Undispatched
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState
from runstore.tenancy import TenantScope
from tests.conftest import Store

ECHO = OperationType("echo", "speak")


def begin(store: Store, scope: TenantScope, count: int) -> list[UUID]:
    return [start(store.app, scope, StartRequest(ECHO, {"key": str(uuid4())})).run.id for _ in range(count)]


def tenants_of(claimed: Any) -> list[str]:
    return [run.tenant for run in claimed]


def observe(store: Store, scope: TenantScope, run_id: UUID, state: ObservedState) -> None:
    Recorder(store.worker, scope).observe(RunObservation(run_id, 1, state, Source.HOOK, datetime.now(UTC)))


def test_tenants_take_turns_whoever_came_first(store: Store) -> None:
    begin(store, store.tenant("many"), 50)
    begin(store, store.tenant("few"), 2)
    assert tenants_of(Outbox(store.relay, tenant_limit=8).claim(6)) == ["many", "few", "many", "few", "many", "many"]


def test_a_tenant_with_runs_under_way_stands_back_for_one_with_none(store: Store) -> None:
    begin(store, store.tenant("many"), 50)
    outbox = Outbox(store.relay, tenant_limit=8)
    for run in outbox.claim(3):
        outbox.handed_over(run.id, uuid4())
    begin(store, store.tenant("late"), 2)
    assert tenants_of(outbox.claim(4)) == ["late", "late", "many", "many"]


def test_what_is_over_a_tenants_limit_waits_queued_until_a_run_ends(store: Store) -> None:
    scope = store.tenant("acme")
    begin(store, scope, 5)
    outbox = Outbox(store.relay, tenant_limit=2)
    first = outbox.claim(10)
    assert len(first) == 2
    assert list(outbox.claim(10)) == []
    for run in first:
        outbox.handed_over(run.id, uuid4())
    assert list(outbox.claim(10)) == []
    with closing(RunListener(store.url)) as listener:
        assert listener.wait(1), "the first wait connects"
        observe(store, scope, first[0].id, ObservedState.RUNNING)
        observe(store, scope, first[0].id, ObservedState.FINISHED)
        assert listener.wait(5), "the end of a run wakes the dispatcher for the next one"
    assert len(outbox.claim(10)) == 1


def test_an_end_with_nobody_waiting_wakes_nobody(store: Store) -> None:
    scope = store.tenant("acme")
    run, handed_over = begin(store, scope, 2)
    for one in (run, handed_over):
        Outbox(store.relay, tenant_limit=2).handed_over(one, uuid4())
    with closing(RunListener(store.url)) as listener:
        assert listener.wait(1)
        observe(store, scope, run, ObservedState.FINISHED)
        began = time.monotonic()
        assert not listener.wait(0.5)
        assert time.monotonic() - began < 3


def test_a_listener_whose_connection_was_cut_hears_again(store: Store) -> None:
    scope = store.tenant("acme")
    with closing(RunListener(store.url)) as listener, psycopg.connect(store.url, autocommit=True) as other:
        assert listener.wait(1)
        cut = other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN %'"
        )
        assert len(cut.fetchall()) == 1
        began = time.monotonic()
        assert not listener.wait(0.1), "the wait that finds the connection gone ends without news"
        assert time.monotonic() - began < 0.9, "and in time"
        assert listener.wait(5), "something may have been missed meanwhile"
        begin(store, scope, 1)
        assert listener.wait(5)


def test_a_connection_of_the_drivers_own_signs_in_with_its_password() -> None:
    assert driver_address("postgresql+psycopg://ada:s3cret@db/store") == "postgresql://ada:s3cret@db/store"


def test_runs_that_prefect_did_not_take_keep_their_place(store: Store) -> None:
    begin(store, store.tenant("acme"), 5)
    outbox = Outbox(store.relay, tenant_limit=2)
    outbox.postpone([run.id for run in outbox.claim(10)], 60)
    assert list(outbox.claim(10)) == []


def due_in(store: Store, run_id: UUID) -> float:
    """Seconds until the run may be claimed."""
    with psycopg.connect(store.url) as connection:
        asked = "SELECT extract(epoch FROM attend_after - now()) FROM operation_runs WHERE id = %s"
        row = connection.execute(asked, (run_id,)).fetchone()
    assert row is not None
    return float(row[0])


def test_a_claim_is_its_callers_for_the_lease_and_counts_as_a_try(store: Store) -> None:
    scope = store.tenant("acme")
    begin(store, scope, 1)
    outbox = Outbox(store.relay, tenant_limit=2)
    (first,) = outbox.claim(1)
    assert (first.tries, first.tenant, first.type) == (1, scope.slug, ECHO)
    assert LEASE_SECONDS == 30
    assert LEASE_SECONDS - 10 < due_in(store, first.id) <= LEASE_SECONDS
    outbox.postpone([first.id], 0)
    (again,) = outbox.claim(1)
    assert (again.id, again.tries) == (first.id, 2)


def test_only_a_run_that_still_waits_is_postponed(store: Store) -> None:
    scope = store.tenant("acme")
    waits, taken, other, begun = begin(store, scope, 4)
    outbox = Outbox(store.relay, tenant_limit=9)
    outbox.claim(9)
    outbox.handed_over(taken, uuid4())
    observe(store, scope, begun, ObservedState.RUNNING)
    outbox.postpone([waits, taken, begun], 500)
    assert 490 < due_in(store, waits) <= 500
    assert due_in(store, taken) <= 0
    assert due_in(store, begun) <= 0
    assert due_in(store, other) <= LEASE_SECONDS


def test_a_hand_over_is_noted_once_for_its_run_alone(store: Store) -> None:
    scope = store.tenant("acme")
    mine, other = begin(store, scope, 2)
    first, second = uuid4(), uuid4()
    outbox = Outbox(store.relay, tenant_limit=9)
    outbox.handed_over(mine, first)
    outbox.handed_over(mine, second)
    with psycopg.connect(store.url, autocommit=True) as connection:
        noted = dict(connection.execute("SELECT id, flow_run_id FROM operation_runs").fetchall())
        beats = dict(connection.execute("SELECT id, heartbeat_at IS NOT NULL FROM operation_runs").fetchall())
    assert noted == {mine: first, other: None}
    assert beats == {mine: True, other: False}


def test_a_run_that_begins_while_it_is_claimed_is_nobodys_to_hand_over(store: Store) -> None:
    """The flow itself may start before its hand-over is noted: Prefect was quick, or a schedule was."""
    scope = store.tenant("acme")
    begun, ended = begin(store, scope, 2)
    observe(store, scope, begun, ObservedState.RUNNING)
    observe(store, scope, ended, ObservedState.ABORTED)
    assert list(Outbox(store.relay, tenant_limit=9).claim(9)) == []


def test_a_run_whose_contact_is_lost_leaves_its_place(store: Store) -> None:
    scope = store.tenant("acme")
    begin(store, scope, 2)
    outbox = Outbox(store.relay, tenant_limit=1)
    (first,) = outbox.claim(1)
    outbox.handed_over(first.id, uuid4())
    observe(store, scope, first.id, ObservedState.RUNNING)
    assert list(outbox.claim(1)) == []
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute("UPDATE operation_runs SET contact_lost_at = now() WHERE id = %s", (first.id,))
    assert len(outbox.claim(1)) == 1


@pytest.mark.parametrize("limit", [3, 1000])
def test_relays_at_once_claim_each_run_once_and_keep_the_limit(store: Store, limit: int) -> None:
    scopes = [store.tenant(f"tenant-{number}") for number in range(5)]
    for scope in scopes:
        begin(store, scope, 20)
    claimed: list[Undispatched] = []

    def relay() -> None:
        outbox = Outbox(store.relay, tenant_limit=limit)
        while batch := outbox.claim(7):
            claimed.extend(batch)

    relays = [threading.Thread(target=relay) for _ in range(4)]
    for one in relays:
        one.start()
    for one in relays:
        one.join()
    assert len({run.id for run in claimed}) == len(claimed)
    # A relay that finds everything locked by the others ends early here; in earnest it looks again.
    assert max(Counter(tenants_of(claimed)).values()) <= limit
    claimed.extend(Outbox(store.relay, tenant_limit=limit).claim(1000))
    assert Counter(tenants_of(claimed)) == {scope.slug: min(20, limit) for scope in scopes}


def test_what_another_relay_is_claiming_is_passed_over(store: Store) -> None:
    first, second = begin(store, store.tenant("acme"), 2)
    with psycopg.connect(store.url) as busy:
        busy.execute("SET lock_timeout = '5s'")
        busy.execute("SELECT FROM operation_runs WHERE id = %s FOR UPDATE", (first,))
        assert [run.id for run in Outbox(store.relay, tenant_limit=9).claim(9)] == [second]


def test_lag_counts_from_the_moment_it_was_a_runs_turn(store: Store) -> None:
    scope = store.tenant("acme")
    outbox = Outbox(store.relay, tenant_limit=1)
    assert outbox.lag_seconds() == 0
    (ended, *_) = begin(store, scope, 3)
    observe(store, scope, ended, ObservedState.ABORTED)
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute(
            "UPDATE operation_runs SET created_at = %(then)s, finished_at = CASE WHEN id = %(ended)s THEN %(then)s END",
            {"then": datetime.now(UTC) - timedelta(hours=1), "ended": ended},
        )
    assert 3590 < outbox.lag_seconds() < 3700
    (first,) = outbox.claim(10)
    assert outbox.lag_seconds() > 3590, "nobody has it yet"
    outbox.postpone([first.id], 30)
    assert outbox.lag_seconds() > 3590, "Prefect did not take it"
    outbox.handed_over(first.id, uuid4())
    assert outbox.lag_seconds() == 0, "the other one's turn has not come"
    observe(store, scope, first.id, ObservedState.RUNNING)
    observe(store, scope, first.id, ObservedState.FINISHED)
    assert outbox.lag_seconds() < 60, "it came a moment ago"
    (older,) = begin(store, store.tenant("globex"), 1)
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute("UPDATE operation_runs SET created_at = now() - interval '1 hour' WHERE id = %s", (older,))
    assert outbox.lag_seconds() > 3590, "of all whose turn it is, the one that waits longest"
