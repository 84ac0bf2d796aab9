"""Silent runs: which ones are looked after, by one caller at a time, and when contact counts as lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runstore.runs.flow_runs import SilentRuns
from runstore.runs.reader import RunReader
from runstore.runs.run import Run, Source
from runstore.runs.status import RunStatus
from tests.conftest import Store
from tests.support.runs import RunSpec, add_runs

QUIET = {"quiet_seconds": 60.0, "lease_seconds": 100.0}


class Silence:
    """Runs of one tenant, each silent for as long as a test says."""

    def __init__(self, store: Store) -> None:
        self.store, self.scope = store, store.tenant()
        self.silent = SilentRuns(store.relay)

    def run(self, status: RunStatus = RunStatus.RUNNING, *, silent_seconds: float = 120, **more: Any) -> UUID:
        more.setdefault("flow_run_id", uuid4())
        (made,) = add_runs(self.store.worker, self.scope, [RunSpec(status=status, **more)])
        column = "created_at" if status is RunStatus.PENDING else "heartbeat_at"
        self.set(made, f"{column} = now() - make_interval(secs => {silent_seconds}), attend_after = now()")
        return made

    def set(self, run_id: UUID, assignments: str) -> None:
        with psycopg.connect(self.store.url, autocommit=True) as connection:
            connection.execute(f"UPDATE operation_runs SET {assignments} WHERE id = %s", (run_id,))  # type: ignore[arg-type]

    def rest(self, run_id: UUID) -> float:
        """Seconds until the run may be looked after again."""
        with psycopg.connect(self.store.url) as connection:
            asked = "SELECT extract(epoch FROM attend_after - now()) FROM operation_runs WHERE id = %s"
            row = connection.execute(asked, (run_id,)).fetchone()
        assert row is not None
        return float(row[0])

    def claim(self, size: int = 10) -> Sequence[Run]:
        return self.silent.claim(size, **QUIET)

    def claimed(self) -> set[UUID]:
        return {run.id for run in self.claim()}

    def read(self, run_id: UUID) -> Run:
        return RunReader(self.store.hub, self.scope).get(run_id).run


@pytest.fixture
def silence(store: Store) -> Silence:
    return Silence(store)


def test_the_silent_runs_that_prefect_has_are_claimed_and_no_others(silence: Silence) -> None:
    wanted = {silence.run(), silence.run(RunStatus.PENDING)}
    for other in (
        {"silent_seconds": 30},
        {"status": RunStatus.PENDING, "silent_seconds": 30},
        {"flow_run_id": None},
        {"status": RunStatus.PENDING, "flow_run_id": None},
        {"status": RunStatus.COMPLETED},
        {"status": RunStatus.ABORTED},
    ):
        silence.run(**other)
    claimed = silence.claim()
    assert {run.id for run in claimed} == wanted
    assert {run.tenant for run in claimed} == {"acme"}


def test_a_claimed_run_is_one_callers_for_the_lease_and_a_waiting_one_for_longer(silence: Silence) -> None:
    running, waiting, heard_of = silence.run(), silence.run(RunStatus.PENDING), silence.run(silent_seconds=1)
    assert silence.claimed() == {running, waiting}
    assert silence.claimed() == set()
    assert 90 < silence.rest(running) <= 100
    assert 390 < silence.rest(waiting) <= 400
    assert silence.rest(heard_of) <= 0
    silence.set(running, "attend_after = now() - interval '1 second'")
    assert silence.claimed() == {running}


def test_as_many_as_asked_for_and_the_longest_due_first(silence: Silence) -> None:
    with psycopg.connect(silence.store.url, autocommit=True) as connection:
        # An index would give them in this order without being asked to.
        connection.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_indexscan = off', current_database()); END $$"
        )
    due = {age: silence.run() for age in (1, 3, 2)}
    for age, run in due.items():
        silence.set(run, f"attend_after = now() - make_interval(secs => {age})")
    assert [[run.id for run in silence.claim(1)] for _ in range(4)] == [[due[3]], [due[2]], [due[1]], []]


def test_what_another_relay_is_claiming_is_passed_over(silence: Silence) -> None:
    one, other = silence.run(), silence.run()
    with psycopg.connect(silence.store.url) as busy:
        busy.execute("SELECT FROM operation_runs WHERE id = %s FOR UPDATE", (one,))
        assert silence.claimed() == {other}


def test_contact_is_lost_once_and_only_if_the_run_is_as_it_was_read(silence: Silence) -> None:
    run = silence.read(silence.run())
    other = silence.run()
    assert not silence.silent.mark_contact_lost(run, after_seconds=200), "not silent for that long"
    assert not silence.silent.mark_contact_lost(replace(run, attempt=2), after_seconds=60)
    assert not silence.silent.mark_contact_lost(replace(run, heartbeat_at=run.created_at), after_seconds=60)
    assert not silence.silent.mark_contact_lost(silence.read(silence.run(RunStatus.FAILED)), after_seconds=60)
    assert silence.silent.mark_contact_lost(run, after_seconds=60)
    lost = silence.read(run.id)
    assert lost.contact_lost_at is not None
    assert (lost.status, lost.last_source) == (RunStatus.RUNNING, Source.RECONCILER)
    assert not silence.silent.mark_contact_lost(run, after_seconds=60), "it was lost before"
    assert silence.read(run.id).contact_lost_at == lost.contact_lost_at
    assert silence.read(other).contact_lost_at is None


def test_a_run_that_prefect_holds_on_purpose_is_heard_of(silence: Silence) -> None:
    run = silence.read(silence.run(contact_lost=True))
    other = silence.read(silence.run())
    waiting = silence.read(silence.run(RunStatus.PENDING))
    assert not silence.silent.still_held(replace(run, attempt=2))
    assert not silence.silent.still_held(replace(run, heartbeat_at=run.created_at))
    assert not silence.silent.still_held(waiting)
    assert silence.silent.still_held(run)
    assert silence.silent.silent_for(run) < 60
    held = silence.read(run.id)
    assert held.contact_lost_at is None and held.last_source is Source.RECONCILER
    assert silence.read(other.id) == other


def test_how_long_a_run_has_been_silent(silence: Silence) -> None:
    running, waiting = silence.read(silence.run()), silence.read(silence.run(RunStatus.PENDING, silent_seconds=500))
    assert 119 < silence.silent.silent_for(running) < 160
    assert 499 < silence.silent.silent_for(waiting) < 540
