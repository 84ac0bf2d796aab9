"""The recorder against the pure transition table: every stored status, observed state and attempt order."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from runstore.errors import StoreError
from runstore.runs.flow_runs import SilentRuns
from runstore.runs.operation import OperationType
from runstore.runs.outbox import RunListener
from runstore.runs.reader import RunReader
from runstore.runs.recorder import STATEMENTS, Recorder, statement
from runstore.runs.run import (
    Counts,
    Failure,
    Progress,
    Recorded,
    RelatedLink,
    Run,
    RunDetail,
    RunObservation,
    Source,
)
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import (
    ACTIVE,
    AttemptOrder,
    ObservedState,
    RunStatus,
    Verdict,
    bucket_of,
    verdict,
)
from runstore.tenancy import Role, TenantScope
from tests.support.runs import status_after

SYNC = OperationType("inventory", "sync")
BOOM = Failure("a", "internal_error", "It broke.")


class Runs:
    """Brings runs of one tenant into any status."""

    def __init__(self, store: Any, scope: TenantScope) -> None:
        self.store, self.scope = store, scope
        self.recorder = Recorder(store.worker, scope)
        self.reader = RunReader(store.hub, scope)

    def pending(self, **identity: str) -> Any:
        request = StartRequest(SYNC, identity or {"scope": str(uuid4())}, item_ids=["a", "b"])
        return start(self.store.app, self.scope, request).run

    def report(self, run: Any, state: ObservedState, attempt: int = 1, **more: Any) -> Recorded:
        moment = datetime.now(UTC)
        return self.recorder.observe(RunObservation(run.id, attempt, state, Source.HOOK, moment, **more))

    def count(self, run: Any, attempt: int, succeeded: int, failed: int) -> Recorded:
        counts = Counts(total=2, succeeded=succeeded, failed=failed)
        return self.recorder.progress(Progress(run.id, attempt, counts, failures=[BOOM] * failed))

    def at(self, status: RunStatus, attempt: int = 2, **identity: str) -> Any:
        run = self.pending(**identity)
        if status is RunStatus.PENDING:
            return run
        self.report(run, ObservedState.RUNNING, attempt)
        if status is RunStatus.COMPLETED_WITH_ERRORS:
            self.count(run, attempt, 1, 1)
        states = {
            RunStatus.COMPLETED: ObservedState.FINISHED,
            RunStatus.COMPLETED_WITH_ERRORS: ObservedState.FINISHED,
            RunStatus.FAILED: ObservedState.FAILED,
            RunStatus.ABORTED: ObservedState.ABORTED,
        }
        if status in states:
            self.report(run, states[status], attempt)
        return self.reader.find(run.id)


@pytest.fixture
def runs(store: Any) -> Runs:
    return Runs(store, store.tenant())


ATTEMPTS = {AttemptOrder.LOWER: -1, AttemptOrder.SAME: 0, AttemptOrder.HIGHER: 1}


def check(runs: Runs, before: Run, observed: ObservedState, order: AttemptOrder) -> None:
    """One cell of the table: what the statement does to a row is what the table says."""
    stored = before.status
    after = runs.report(before, observed, before.attempt + ATTEMPTS[order])
    expected = verdict(stored, observed, order)
    assert after.verdict == expected
    assert after.run is not None
    if expected is not Verdict.APPLIED:
        assert runs.reader.find(before.id) == before
        return
    counts = before.counts if order is AttemptOrder.SAME else Counts()
    status = status_after(observed, counts.succeeded, counts.failed)
    assert after.run.status == status
    assert after.run.attempt == before.attempt + ATTEMPTS[order]
    assert (after.run.finished_at is None) == (status in ACTIVE)
    assert (after.run.started_at != before.started_at) == (observed is ObservedState.RUNNING)
    last = runs.reader.get(before.id).history[-1]
    assert (last.status, last.attempt) == (status, after.run.attempt)


@pytest.mark.parametrize("stored", list(RunStatus))
def test_every_pair_has_the_decided_outcome(runs: Runs, stored: RunStatus) -> None:
    for observed, order in itertools.product(ObservedState, AttemptOrder):
        check(runs, runs.at(stored), observed, order)


@pytest.mark.parametrize("stored", list(RunStatus))
def test_the_check_fails_when_any_edge_is_altered(
    runs: Runs, stored: RunStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cell of the statement in turn is given another verdict; the check of that very cell must notice."""
    for observed, order in itertools.product(ObservedState, AttemptOrder):
        cell = (stored, observed, order)
        for wrong in {Verdict.APPLIED, Verdict.REPEATED, Verdict.TERMINAL} - {verdict(*cell)}:
            before = runs.at(stored)
            altered = statement(observed, lambda *at, cell=cell, wrong=wrong: wrong if at == cell else verdict(*at))
            with monkeypatch.context() as patch, pytest.raises((AssertionError, StoreError)):
                patch.setitem(STATEMENTS, observed, altered)
                check(runs, before, observed, order)


@pytest.mark.parametrize(("succeeded", "failed"), [(0, 0), (2, 0), (1, 1), (0, 2)])
def test_the_end_follows_from_the_counts(runs: Runs, succeeded: int, failed: int) -> None:
    for seen in (ObservedState.FINISHED, ObservedState.FAILED, ObservedState.ABORTED):
        run = runs.at(RunStatus.RUNNING)
        runs.count(run, 2, succeeded, failed)
        ended = runs.report(run, seen, 2).run
        assert ended is not None
        assert ended.status == status_after(seen, succeeded, failed)
        assert ended.bucket == bucket_of(ended.status, succeeded, failed)


def test_the_generated_bucket_equals_the_function(store: Any) -> None:
    expression = (
        "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d"
        " JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum)"
        " WHERE d.adrelid = 'operation_runs'::regclass AND a.attname = 'bucket'"
    )
    with store.admin.across_tenants() as connection:
        rule = connection.execute(text(expression)).scalar_one()
        for status, succeeded, failed in itertools.product(RunStatus, range(3), range(3)):
            query = (
                f"SELECT {rule} FROM (VALUES (CAST(:st AS text), {succeeded}, {failed})) v (status, succeeded, failed)"
            )
            found = connection.execute(text(query), {"st": status.value}).scalar_one()
            assert found == bucket_of(status, succeeded, failed)


def test_progress_never_goes_back_and_counts_nothing_twice(runs: Runs) -> None:
    run = runs.at(RunStatus.RUNNING)
    assert runs.count(run, 2, 1, 1).applied
    assert runs.count(run, 2, 1, 1).applied
    assert runs.count(run, 2, 1, 0).verdict is Verdict.STALE
    assert runs.count(run, 1, 2, 0).verdict is Verdict.STALE
    found = runs.reader.get(run.id)
    assert (found.run.counts.succeeded, found.run.counts.failed, len(found.failures)) == (1, 1, 1)


def test_work_that_begins_anew_in_its_attempt_replaces_its_figures(runs: Runs) -> None:
    run = runs.at(RunStatus.RUNNING)
    runs.count(run, 2, 1, 1)
    restarted = Progress(run.id, 2, Counts(total=2, succeeded=1), failures=[], restarted=True)
    assert runs.recorder.progress(restarted).applied
    found = runs.reader.get(run.id)
    assert (found.run.counts.succeeded, found.run.counts.failed, found.failures) == (1, 0, ())
    assert runs.recorder.progress(replace(restarted, attempt=1)).verdict is Verdict.STALE


def test_a_guess_about_a_row_that_moved_is_stale(runs: Runs) -> None:
    read = runs.at(RunStatus.RUNNING)
    assert SilentRuns(runs.store.relay).mark_contact_lost(read, after_seconds=0)
    lost = runs.reader.find(read.id)
    assert lost is not None
    assert (lost.contact_lost_at is not None, lost.last_source) == (True, Source.RECONCILER)
    assert runs.recorder.heartbeat(read.id, 2)
    alive = runs.reader.find(read.id)
    assert alive is not None
    assert (alive.contact_lost_at, alive.last_source) == (None, Source.PROGRESS)
    guess = runs.report(read, ObservedState.FAILED, 2, guess_from=read)
    assert guess.verdict is Verdict.STALE
    fresh = runs.reader.find(read.id)
    assert runs.report(read, ObservedState.FAILED, 2, guess_from=fresh, failure=BOOM).applied


def test_reopening_is_refused_while_an_identical_run_is_active(runs: Runs) -> None:
    ended = runs.at(RunStatus.FAILED, scope="s")
    other = runs.pending(scope="s")
    assert other.id != ended.id
    assert runs.report(ended, ObservedState.RUNNING, 3).verdict is Verdict.IDENTICAL_ACTIVE
    assert runs.report(ended, ObservedState.FINISHED, 3).applied


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (lambda runs, run: runs.report(run, ObservedState.FINISHED, 2), Verdict.TERMINAL),
        (lambda runs, run: runs.count(run, 2, 1, 0), Verdict.STALE),
    ],
    ids=["an end", "progress"],
)
def test_a_report_is_judged_by_what_a_writer_before_it_leaves(runs: Runs, report: Any, said: Verdict) -> None:
    """It waits for the one that is ending the run, and looks at the row after that."""
    run = runs.at(RunStatus.RUNNING)
    with ThreadPoolExecutor(1) as beside, psycopg.connect(runs.store.url) as writer:
        writer.execute("UPDATE operation_runs SET status = 'failed', finished_at = now() WHERE id = %s", (run.id,))
        told = beside.submit(report, runs, run)
        with psycopg.connect(runs.store.url, autocommit=True) as looking:
            asked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            while looking.execute(asked).fetchone() is None:
                assert not told.done()
        writer.commit()
        assert told.result().verdict is said
    assert runs.reader.get(run.id).run.status is RunStatus.FAILED


def test_a_finished_run_notifies_each_recipient_once(store: Any, runs: Runs) -> None:
    for role in Role:
        store.member(role)
    run = runs.at(RunStatus.RUNNING)
    for _ in range(3):
        runs.report(run, ObservedState.FINISHED, 2)
    with store.admin.transaction(runs.scope) as connection:
        from sqlalchemy import text

        rows = connection.execute(
            text("SELECT u.email, n.kind FROM notifications n JOIN users u ON u.id = n.user_id ORDER BY 1, 2")
        ).all()
    assert [tuple(row) for row in rows] == [
        ("manager@acme.example", "finished"),
        ("manager@acme.example", "queued"),
        ("owner@acme.example", "finished"),
        ("owner@acme.example", "queued"),
    ]


def test_another_tenants_run_is_unknown(store: Any, runs: Runs) -> None:
    run = runs.at(RunStatus.RUNNING)
    foreign = Runs(store, store.tenant("globex"))
    assert foreign.report(run, ObservedState.FAILED, 2).verdict is Verdict.UNKNOWN_RUN
    assert foreign.count(run, 2, 1, 0).verdict is Verdict.UNKNOWN_RUN


NOON = datetime(2100, 3, 1, 12, tzinfo=UTC)
"""Later than any row's creation, so that what is stored is the moment that was reported."""


def after(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def told(runs: Runs, run: Any, state: ObservedState, attempt: int, minute: int, **more: Any) -> RunDetail:
    """The run after an observation made at that minute, which has to be applied."""
    seen = RunObservation(run.id, attempt, state, more.pop("source", Source.HOOK), after(minute), **more)
    assert runs.recorder.observe(seen).applied
    return runs.reader.get(run.id)


def test_a_transition_writes_when_and_by_whom_it_was_seen(runs: Runs) -> None:
    run, flow_run, other = runs.pending(), uuid4(), uuid4()
    began = told(runs, run, ObservedState.RUNNING, 1, 1, flow_run_id=flow_run)
    assert (began.run.started_at, began.run.finished_at, began.run.flow_run_id) == (after(1), None, flow_run)
    assert began.run.heartbeat_at is not None and began.run.heartbeat_at < NOON, "by the database's own clock"
    ended = told(runs, run, ObservedState.FINISHED, 1, 5, source=Source.RECONCILER, flow_run_id=other)
    assert (ended.run.started_at, ended.run.finished_at, ended.run.flow_run_id) == (after(1), after(5), flow_run)
    assert ended.run.last_source is Source.RECONCILER
    written = [(one.attempt, one.status, one.source, one.at) for one in ended.history[1:]]
    assert written == [
        (1, RunStatus.RUNNING, Source.HOOK, after(1)),
        (1, RunStatus.COMPLETED, Source.RECONCILER, after(5)),
    ]


def test_an_end_is_never_before_its_beginning(runs: Runs) -> None:
    """Clocks of several machines disagree."""
    run = runs.pending()
    told(runs, run, ObservedState.RUNNING, 1, 10)
    assert told(runs, run, ObservedState.FINISHED, 1, 5).run.finished_at == after(10)
    early = runs.pending()
    seen = RunObservation(early.id, 1, ObservedState.ABORTED, Source.HOOK, early.created_at - timedelta(hours=1))
    assert runs.recorder.observe(seen).applied
    assert runs.reader.get(early.id).run.finished_at == early.created_at


def test_a_later_attempt_begins_from_nothing_and_an_earlier_one_keeps_what_it_did(runs: Runs) -> None:
    run = runs.pending()
    told(runs, run, ObservedState.RUNNING, 1, 1)
    kept = {"policies": 7, "then_request": {"resource": "x"}, "then_run": "1", "then_why": "2"}
    counts = Counts(total=9, succeeded=2, failed=1, skipped=3)
    runs.recorder.progress(Progress(run.id, 1, counts, failures=[BOOM], context=kept))
    failed = told(runs, run, ObservedState.FAILED, 1, 2, failure=Failure("run", "flow_failed", "It ended."))
    assert failed.run.counts == counts
    assert [one.reason_code for one in failed.failures] == ["internal_error", "flow_failed"]
    assert {key: failed.context[key] for key in kept} == kept
    again = told(runs, run, ObservedState.RUNNING, 2, 7)
    assert again.run.counts == Counts(total=2), "as many as the run was started for"
    assert (again.failures, again.run.attempt) == ((), 2)
    assert (again.run.started_at, again.run.finished_at) == (after(7), None)
    assert again.context["policies"] == 7 and not set(kept) - {"policies"} & set(again.context)
    assert [one.attempt for one in again.history] == [1, 1, 1, 2]
    missed = told(runs, run, ObservedState.FINISHED, 3, 9)
    assert (missed.run.status, missed.run.counts) == (RunStatus.COMPLETED, Counts(total=2))


def test_a_sign_of_life_takes_lost_contact_away(runs: Runs) -> None:
    for life in (
        lambda run: runs.report(run, ObservedState.FINISHED, 2),
        lambda run: runs.count(run, 2, 1, 0),
        lambda run: runs.recorder.heartbeat(run.id, 2),
    ):
        run = runs.at(RunStatus.RUNNING)
        assert SilentRuns(runs.store.relay).mark_contact_lost(run, after_seconds=0)
        life(run)
        alive = runs.reader.get(run.id).run
        assert alive.contact_lost_at is None and alive.last_source is not Source.RECONCILER
        assert alive.heartbeat_at is not None and alive.heartbeat_at > run.heartbeat_at


@pytest.mark.parametrize("status", list(RunStatus))
def test_only_the_attempt_that_runs_has_a_heart_or_figures(runs: Runs, status: RunStatus) -> None:
    run = runs.at(status)
    other = runs.at(RunStatus.RUNNING)
    for attempt in (1, 2, 3):
        running = status is RunStatus.RUNNING and attempt == run.attempt
        assert runs.recorder.heartbeat(run.id, attempt) is running
        assert runs.count(run, attempt, 1, 0).verdict is (Verdict.APPLIED if running else Verdict.STALE)
    assert runs.reader.find(other.id) == other
    assert not runs.recorder.heartbeat(uuid4(), 1)


def test_progress_writes_what_it_carries_and_leaves_the_rest(runs: Runs) -> None:
    run = runs.at(RunStatus.RUNNING)
    link = RelatedLink("Set", "/backup", {"id": "1"})
    whole = Progress(run.id, 2, Counts(5, 1, 1, 1), failures=[BOOM], item_ids=["x"], related=[link], context={"one": 1})
    assert runs.recorder.progress(whole).applied
    assert runs.recorder.progress(Progress(run.id, 2, Counts(2, 2, 1, 1), context={"two": 2})).applied
    found = runs.reader.get(run.id)
    assert found.run.counts == Counts(total=4, succeeded=2, failed=1, skipped=1), "no fewer than are done"
    assert [one.item_id for one in found.failures] == ["a"]
    assert (list(found.item_ids), list(found.related)) == (["x"], [link])
    assert (found.context["one"], found.context["two"]) == (1, 2)
    emptied = Progress(run.id, 2, Counts(5, 3, 1, 1), failures=[], item_ids=[], related=[], context={})
    assert runs.recorder.progress(emptied).applied
    found = runs.reader.get(run.id)
    assert (found.failures, list(found.item_ids), list(found.related)) == ((), [], [])
    assert found.context["one"] == 1
    assert found.run.last_source is Source.PROGRESS


def test_what_a_flow_reports_is_scrubbed(runs: Runs) -> None:
    run = runs.at(RunStatus.RUNNING)
    secret = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    progress = Progress(
        run.id, 2, Counts(1, 0, 1), failures=[Failure("a", "internal_error", secret)],
        item_ids=[secret], related=[RelatedLink(secret, "/x", {"q": secret})], context={"seen": secret},
    )  # fmt: skip
    runs.recorder.progress(progress)
    runs.report(run, ObservedState.FAILED, 2, failure=Failure("run", "flow_failed", secret))
    found = repr(runs.reader.get(run.id))
    assert "eyJ" not in found and "flow_failed" in found


@pytest.mark.parametrize("part", ["status", "attempt", "heartbeat_at"])
def test_a_guess_counts_only_while_all_that_it_was_made_from_holds(runs: Runs, part: str) -> None:
    read = runs.at(RunStatus.RUNNING)
    elsewhere = {"status": RunStatus.PENDING, "attempt": 1, "heartbeat_at": read.created_at}
    stale = replace(read, **{part: elsewhere[part]})
    assert runs.report(read, ObservedState.FAILED, 2, guess_from=stale).verdict is Verdict.STALE
    assert runs.reader.find(read.id) == read
    assert runs.report(read, ObservedState.RUNNING, 2, guess_from=stale).verdict is Verdict.REPEATED
    assert runs.report(read, ObservedState.FAILED, 2, guess_from=read).applied


def test_an_end_wakes_the_dispatchers_where_a_run_of_the_tenant_waits(store: Any, runs: Runs) -> None:
    Runs(store, store.tenant("globex")).pending()
    ending = [runs.at(RunStatus.RUNNING) for _ in range(2)]
    with closing(RunListener(store.url)) as listener:
        assert listener.wait(5), "the connection was just made"
        assert runs.report(ending[0], ObservedState.FINISHED, 2).applied
        assert not listener.wait(0.3), "only a run of another tenant waits"
        runs.pending()
        assert listener.wait(5) and not listener.wait(0.3), "a start tells of itself"
        assert runs.report(ending[1], ObservedState.FINISHED, 2).applied
        assert listener.wait(5)


def test_a_run_is_reopened_beside_one_that_is_not_identical_or_not_active(runs: Runs) -> None:
    ended, other, foreign = runs.at(RunStatus.FAILED, scope="s"), runs.at(RunStatus.FAILED, scope="s"), uuid4()
    runs.pending(scope="t")
    assert foreign not in (ended.id, other.id)
    assert runs.report(ended, ObservedState.RUNNING, 3).applied
    assert runs.report(other, ObservedState.RUNNING, 3).verdict is Verdict.IDENTICAL_ACTIVE
    assert runs.reader.find(other.id) == other
