"""How a running flow's figures come to its row: each item once, what changed and no more, through outages, to the end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prefect.exceptions import Abort

from flows._tracking import progress as module
from flows._tracking.progress import ProgressReporter
from runstore.errors import StoreError, StoreUnavailableError
from runstore.runs.operation import OperationType
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Failure, Progress, Recorded, RelatedLink, RunDetail, RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState
from tests.conftest import Store
from tests.support.examples import examples

AWAY = StoreUnavailableError("away")


class Listening(Recorder):
    """The store's recorder, which also tells what it was given, and fails as often as a test wants it to."""

    def __init__(self, store: Store, failing: Sequence[Exception] = ()) -> None:
        self.scope = store.tenant()
        super().__init__(store.worker, self.scope)
        self.store, self.failing = store, list(failing)
        self.told: list[Progress] = []
        self.beats = 0
        request = StartRequest(OperationType("echo", "speak"), {"key": str(uuid4())})
        self.run = start(store.app, self.scope, request).run
        moment = datetime.now(UTC)
        self.observe(RunObservation(self.run.id, 1, ObservedState.RUNNING, Source.HOOK, moment))

    def progress(self, progress: Progress) -> Recorded:
        if self.failing:
            raise self.failing.pop(0)
        self.told.append(progress)
        return super().progress(progress)

    def heartbeat(self, run_id: Any, attempt: int) -> bool:
        self.beats += 1
        if self.failing:
            raise self.failing.pop(0)
        return super().heartbeat(run_id, attempt)

    def reporter(self, **more: Any) -> ProgressReporter:
        return ProgressReporter(self, self.run.id, 1, **more)

    def stored(self) -> RunDetail:
        return RunReader(self.store.hub, self.scope).get(self.run.id)


def failure(item: str) -> Failure:
    return Failure(item, "internal_error", f"{item} broke.")


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


OUTCOMES = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from(["succeeded", "skipped", "failed"])), max_size=30
)


class Nobody(Recorder):
    """For what is counted before anything is written."""

    def __init__(self) -> None: ...


@given(OUTCOMES, st.integers(0, 8))
@settings(max_examples=examples(60), deadline=None)
def test_each_item_counts_once_by_its_last_outcome(steps: list[tuple[str, str]], expected: int) -> None:
    looked = itertools.count()
    reporter = ProgressReporter(Nobody(), uuid4(), 1, checkpoint=lambda: next(looked) and None)
    assert reporter.counts == Counts()
    reporter.expect_count(expected)
    last: dict[str, str] = {}
    for item, outcome in steps:
        last[item] = outcome
        if outcome == "failed":
            reporter.failed(failure(item))
        else:
            getattr(reporter, outcome)(item)
    values = list(last.values())
    assert reporter.counts == Counts(
        total=max(expected, len(last)),
        succeeded=values.count("succeeded"),
        failed=values.count("failed"),
        skipped=values.count("skipped"),
    )
    assert next(looked) == len(steps), "the checkpoint is passed after each item"


def test_the_row_says_at_the_end_what_the_flow_said(store: Store) -> None:
    recorder = Listening(store)
    link = RelatedLink("Set", "/backup", {"id": "1"})
    with recorder.reporter() as reporter:
        reporter.expect(["a", "b", "b", "c", "d"])
        reporter.note(one=1)
        reporter.note(two="2", one=3)
        reporter.link(RelatedLink("Old", "/x", {}))
        reporter.link(link)
        reporter.failed(failure("a"))
        reporter.failed(failure("b"))
        reporter.succeeded("b")
        reporter.skipped("c")
    found = recorder.stored()
    assert found.run.counts == Counts(total=4, succeeded=1, failed=1, skipped=1)
    assert list(found.item_ids) == ["a", "b", "c", "d"]
    assert [one.item_id for one in found.failures] == ["a"]
    assert found.context == {"one": 3, "two": "2"}
    assert list(found.related) == [link]


def test_a_write_carries_what_changed_and_no_more(store: Store) -> None:
    recorder = Listening(store)
    reporter = recorder.reporter()

    def written(change: Callable[[], object]) -> set[str]:
        before = len(recorder.told)
        change()
        reporter._write()
        assert len(recorder.told) <= before + 1
        parts = ("failures", "item_ids", "related", "context")
        return (
            {"write", *(part for part in parts if getattr(recorder.told[-1], part) is not None)}
            if (len(recorder.told) > before)
            else set()
        )

    assert written(lambda: None) == set()
    assert written(lambda: reporter.expect(map(str, range(5000)))) == {"write", "item_ids"}
    assert written(lambda: reporter.expect(map(str, range(5001)))) == {"write"}
    assert written(lambda: reporter.expect(["a", "b"])) == {"write", "item_ids"}
    assert written(lambda: reporter.expect_count(3)) == {"write"}
    assert written(lambda: reporter.succeeded("a")) == {"write"}
    assert written(lambda: reporter.skipped("b")) == {"write"}
    assert written(lambda: reporter.failed(failure("c"))) == {"write", "failures"}
    assert written(lambda: reporter.succeeded("c")) == {"write", "failures"}
    assert written(lambda: reporter.note(x=1)) == {"write", "context"}
    assert written(lambda: reporter.link()) == {"write", "related"}
    assert not any(one.restarted for one in recorder.told)
    assert recorder.stored().failures == ()


def test_work_begun_once_more_says_so_in_its_first_write_alone(store: Store) -> None:
    recorder = Listening(store, failing=[AWAY])
    reporter = recorder.reporter(restarted=True)
    with pytest.raises(StoreUnavailableError):
        reporter._write()
    reporter._write()
    reporter.succeeded("a")
    reporter._write()
    assert [(one.restarted, one.failures) for one in recorder.told] == [(True, []), (False, None)]


def test_a_write_that_fails_is_made_up_for_by_the_next(store: Store) -> None:
    recorder = Listening(store, failing=[AWAY])
    reporter = recorder.reporter()
    reporter.failed(failure("a"))
    with pytest.raises(StoreUnavailableError):
        reporter._write()
    reporter.note(x=1)
    reporter._write()
    (told,) = recorder.told
    assert told.failures and told.context == {"x": 1}


def test_figures_come_while_the_flow_works_but_not_for_each_item(store: Store) -> None:
    recorder = Listening(store)
    with recorder.reporter() as reporter:
        for number in range(1000):
            reporter.succeeded(str(number))
        until(lambda: recorder.stored().run.counts.succeeded == 1000)
        assert len(recorder.told) <= 3
    assert len(recorder.told) <= 4


def test_a_flow_with_nothing_to_report_says_that_it_is_alive(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.WRITE_INTERVAL < module.HEARTBEAT_INTERVAL < 5, "the relay takes longer silences for lost contact"
    monkeypatch.setattr(module, "WRITE_INTERVAL", 0.02)
    monkeypatch.setattr(module, "HEARTBEAT_INTERVAL", 0.3)
    recorder = Listening(store)
    before = recorder.stored().run.heartbeat_at
    began = time.monotonic()
    with recorder.reporter():
        until(lambda: recorder.beats >= 3)
    assert time.monotonic() - began > 0.8, "one about every interval, not one a look"
    heard = recorder.stored().run
    assert before is not None and heard.heartbeat_at is not None and heard.heartbeat_at > before
    assert heard.last_source is Source.PROGRESS
    assert recorder.told == []


@pytest.mark.parametrize("problem", [AWAY, StoreError("broken")])
def test_a_store_that_is_away_does_not_stop_the_flow(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, problem: Exception
) -> None:
    monkeypatch.setattr(module, "WRITE_INTERVAL", 0.02)
    recorder = Listening(store, failing=[problem] * 3)
    with recorder.reporter() as reporter:
        reporter.succeeded("a")
        until(lambda: len(recorder.told) == 1)
        assert any(str(recorder.run.id) in one.getMessage() for one in caplog.records)
    assert recorder.stored().run.counts.succeeded == 1


def test_the_end_of_a_flow_waits_for_a_store_that_is_away(store: Store) -> None:
    recorder = Listening(store, failing=[AWAY] * 2)
    with recorder.reporter() as reporter:
        reporter.succeeded("a")
    assert recorder.stored().run.counts.succeeded == 1
    assert module.FINAL_WRITE_PATIENCE >= 300


@pytest.mark.parametrize(
    ("problem", "waits"), [(None, True), (ValueError("a bug"), True), (KeyboardInterrupt(), False)]
)
def test_how_long_the_end_waits(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    problem: BaseException | None,
    waits: bool,
) -> None:
    """A flow that was told to stop has seconds; the others keep their result as long as it takes."""
    patience: list[float] = []
    real = module.patiently

    def noting(call: Callable[[], Any], *, give_up_after: float) -> Any:
        patience.append(give_up_after)
        return real(call, give_up_after=0.01)

    monkeypatch.setattr(module, "patiently", noting)
    recorder = Listening(store, failing=[AWAY] * 50)
    # What ended the flow is what its reader has to hear of, not the store; only a flow that did its work fails by it.
    with pytest.raises(StoreUnavailableError if problem is None else type(problem)), recorder.reporter() as reporter:
        reporter.succeeded("a")
        if problem is not None:
            raise problem
    assert patience == [module.FINAL_WRITE_PATIENCE if waits else 2.0]
    assert ("could not be stored" in caplog.text) is (problem is not None)


def test_the_writing_ends_with_the_flow(store: Store) -> None:
    with Listening(store).reporter():
        assert any(thread.name == "progress" and thread.daemon for thread in threading.enumerate())
    assert not any(thread.name == "progress" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("state", "attempt"), [(ObservedState.FAILED, 1), (ObservedState.RUNNING, 2)], ids=["given up", "a later attempt"]
)
def test_a_run_that_is_no_longer_this_attempts_does_no_further_item(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    state: ObservedState,
    attempt: int,
) -> None:
    """Once by a heartbeat; and before any, after a time in which the store was not asked, as of a frozen process."""
    for heartbeat_seconds in (0.1, 1000.0):
        monkeypatch.setattr(module, "HEARTBEAT_INTERVAL", heartbeat_seconds)
        monkeypatch.setattr(module, "DOUBT_SECONDS", 1000.0)
        recorder = Listening(store)
        done = 0
        with pytest.raises(Abort), recorder.reporter() as reporter:
            reporter.succeeded("0")
            until(lambda recorder=recorder: bool(recorder.told))
            recorder.observe(RunObservation(recorder.run.id, attempt, state, Source.RECONCILER, datetime.now(UTC)))
            if heartbeat_seconds < 1:
                until(lambda recorder=recorder: recorder.beats > 0)
                time.sleep(0.2)  # the answer to that beat
            else:
                monkeypatch.setattr(module, "DOUBT_SECONDS", 0.0)
            for done in range(1, 10):
                reporter.succeeded(str(done))
        assert f"Run {recorder.run.id} was given up" in caplog.text
        assert done == 1, "the item under way was settled, and no other one begun"
        assert recorder.stored().run.counts.succeeded == (1 if attempt == 1 else 0)


@pytest.mark.parametrize(
    ("state", "attempt"), [(ObservedState.FAILED, 1), (ObservedState.RUNNING, 2)], ids=["given up", "a later attempt"]
)
def test_a_write_of_progress_also_hears_that_the_run_is_anothers(
    store: Store, monkeypatch: pytest.MonkeyPatch, state: ObservedState, attempt: int
) -> None:
    for name in ("HEARTBEAT_INTERVAL", "DOUBT_SECONDS"):
        monkeypatch.setattr(module, name, 1000.0)
    recorder = Listening(store)
    with pytest.raises(Abort), recorder.reporter() as reporter:
        recorder.observe(RunObservation(recorder.run.id, attempt, state, Source.RECONCILER, datetime.now(UTC)))
        reporter.succeeded("0")
        until(lambda: bool(recorder.told))
        time.sleep(0.2)  # the answer to that write
        reporter.succeeded("1")
        pytest.fail("another item was done")


def test_a_write_that_comes_late_says_nothing_against_the_run(store: Store) -> None:
    recorder = Listening(store)
    assert recorder.progress(Progress(recorder.run.id, 1, Counts(total=5, succeeded=5))).applied
    with recorder.reporter() as reporter:
        reporter.succeeded("0")
    assert recorder.stored().run.counts.succeeded == 5


def test_work_that_was_given_up_at_its_very_end_is_not_told_as_done(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DOUBT_SECONDS", 0.0)
    recorder = Listening(store)
    with pytest.raises(Abort), recorder.reporter() as reporter:
        reporter.succeeded("0")
        until(lambda: bool(recorder.told))
        recorder.observe(RunObservation(recorder.run.id, 1, ObservedState.FAILED, Source.RECONCILER, datetime.now(UTC)))


def test_a_store_that_is_away_gives_no_doubt_and_is_not_asked_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "DOUBT_SECONDS", 0.0)
    monkeypatch.setattr(module, "WRITE_INTERVAL", 1000.0)
    recorder = Listening(store, [AWAY] * 3)
    with recorder.reporter() as reporter:
        for item in range(20):
            reporter.succeeded(str(item))
        assert recorder.beats == 1
        assert f"Whether run {recorder.run.id} is still this attempt's is not known: away" in caplog.text
    assert recorder.stored().run.counts.succeeded == 20


def test_a_store_that_a_write_found_away_is_not_asked_with_each_item(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "WRITE_INTERVAL", 0.02)
    recorder = Listening(store, [AWAY] * 10_000)
    with recorder.reporter() as reporter:
        reporter.succeeded("0")
        until(lambda: "waits: away" in caplog.text)
        monkeypatch.setattr(module, "DOUBT_SECONDS", -1.0)
        for item in range(20):
            reporter.succeeded(str(item))
        asked = recorder.beats
        recorder.failing.clear()
    assert asked == 0


def test_names_of_failed_items_are_not_waited_for_from_a_store_that_is_silent(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    reporter = Listening(store).reporter(called=lambda items: asked.extend(items) or {})
    reporter.failed(Failure("a", "echo_failed", "It failed."))
    monkeypatch.setattr(module, "DOUBT_SECONDS", -1.0)
    reporter.failed(Failure("b", "echo_failed", "It failed."))
    assert asked == ["a"]


@pytest.mark.parametrize("failing", [50, 52])
def test_of_the_failed_items_the_log_tells_the_first_one_by_one_and_then_how_many(
    store: Store, caplog: pytest.LogCaptureFixture, failing: int
) -> None:
    with Listening(store).reporter(called=lambda items: {items[0]: f"Policy {items[0]}"}) as reporter:
        for item in ["0", *map(str, range(failing))]:
            reporter.failed(failure(item))
    told = [line for line in caplog.messages if "failed" in line]
    assert told[:50] == [f"Policy {item} failed, internal_error: {item} broke." for item in range(50)]
    assert told[50:] == ([] if failing == 50 else ["2 more items failed; the hub lists them all."])
