"""Sync, then drift: the comparison starts in the transaction that ends a usable sync, once, and otherwise the sync says why."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from flows._policies.snapshots import list_syncs
from flows._sources.folder import FolderSource
from flows._tracking.progress import ProgressReporter
from flows._tracking.tracked_flow import TrackedRun
from flows.drift import page as drift_page
from flows.drift.flow import compare_and_keep
from flows.drift.operation import DriftParameters
from flows.drift.overview import not_started
from flows.drift.register.reading import newest_comparisons
from flows.drift.start import pin_baseline
from flows.inventory import flow
from flows.inventory.flow import read_into_sync
from flows.inventory.operation import InventoryParameters
from flows.inventory.sources import Opened
from flows.inventory.start import sync_request
from monitoring_app.operations import detail_view
from runstore.errors import BadInputError
from runstore.notifications import NotificationReader
from runstore.runs.filters import RunFilter
from runstore.runs.flow_runs import adopt
from runstore.runs.operation import OperationType
from runstore.runs.outbox import Outbox
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunDetail, RunObservation, Source
from runstore.runs.starter import start
from runstore.runs.status import ObservedState, RunStatus
from runstore.tenancy import Role, Trigger
from tests.conftest import Store
from tests.support.drift_runs import Runs, export, policy
from tests.support.nodes import text_of

ONE = "10000000-0000-4000-8000-000000000000"
TWO = "20000000-0000-4000-8000-000000000000"
DRIFT = "drift.generate"
COMPLIANCE = {
    "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
    "id": "90000000-0000-4000-8000-000000000000",
    "displayName": "Compliant",
    "assignments": [],
}


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store, store.tenant())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return export(tmp_path / "export", [policy(ONE)])


def drifts(runs: Runs) -> list[RunDetail]:
    reader = RunReader(runs.store.hub, runs.scope)
    return [reader.get(run.id) for run in reader.list(RunFilter(type=OperationType.parse(DRIFT))).runs]


def sync(runs: Runs, run_id: UUID) -> RunDetail:
    return RunReader(runs.store.hub, runs.scope).get(run_id)


def observe(runs: Runs, run_id: UUID, state: ObservedState, *, attempt: int = 1, by: Any = None) -> None:
    recorder = Recorder(by or runs.store.worker, runs.scope)
    recorder.observe(RunObservation(run_id, attempt, state, Source.HOOK, datetime.now(UTC)))


def done_but_for_its_end(runs: Runs, folder: Path) -> UUID:
    """A sync with everything written but its terminal transition, as a process leaves it that dies right there."""
    request = sync_request(f"folder:{folder}", then=DRIFT)
    run = runs.begin(request)
    read_into_sync(run, InventoryParameters.model_validate(request.parameters))
    run.progress._write()
    return run.run_id


def test_a_complete_sync_is_followed_by_a_comparison_of_that_very_sync(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    first = sync(runs, runs.sync(folder, then=DRIFT))
    following = drifts(runs)
    assert [one.run.status for one in following] == [RunStatus.PENDING]
    assert following[0].context["after"] == str(first.run.id)
    assert following[0].context["current"] == first.context["sync_id"]
    assert (following[0].run.trigger, following[0].run.initiated_by) == (first.run.trigger, first.run.initiated_by)
    assert (first.context["then"], first.context["then_run"]) == (DRIFT, str(following[0].run.id))
    assert "then_request" not in first.context
    assert {"page": "run", "parameters": {"id": str(following[0].run.id)}}.items() <= first.related[
        -1
    ].as_json().items()


def test_what_follows_is_handed_over_and_does_its_work(runs: Runs, folder: Path, tmp_path: Path) -> None:
    runs.sync(folder)
    runs.sync(export(tmp_path / "changed", [policy(ONE, value=2)]), then=DRIFT)
    assert worked_off(runs).context["findings"] == 1
    assert drifts(runs)[0].context["findings"] == 1


def test_a_sync_and_the_same_one_with_what_follows_read_once(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    plain, chained = sync_request(f"folder:{folder}"), sync_request(f"folder:{folder}", then=DRIFT)
    run = runs.begin(plain)
    joined = start(runs.store.app, runs.scope, chained)
    assert (joined.reused, joined.run.id) == (True, run.run_id)
    assert start(runs.store.app, runs.scope, plain).reused and start(runs.store.app, runs.scope, chained).reused
    with pytest.raises(BadInputError, match="something else is to follow"):
        start(runs.store.app, runs.scope, sync_request(f"folder:{folder}", then=DRIFT, then_against="pinned"))
    with pytest.raises(BadInputError, match="none follows: add --then"):
        sync_request(f"folder:{folder}", then_against="pinned")
    read_into_sync(run, InventoryParameters.model_validate(plain.parameters))
    assert sync(runs, runs.end(run)).context["then_run"] == str(drifts(runs)[0].run.id)


def test_what_is_asked_for_when_the_sync_is_nearly_done_is_told_why_not(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    run = runs.begin(sync_request(f"folder:{folder}"))
    read_into_sync(run, InventoryParameters.model_validate(sync_request(f"folder:{folder}").parameters))
    assert start(runs.store.app, runs.scope, sync_request(f"folder:{folder}", then=DRIFT)).reused
    assert "nearly done" in sync(runs, runs.end(run)).context["then_why"]
    assert not drifts(runs)


@pytest.mark.parametrize("ended", [False, True])
def test_a_schedules_sync_with_what_follows_loses_nothing_to_one_without(runs: Runs, folder: Path, ended: bool) -> None:
    planned = datetime.now(UTC)
    run = runs.begin(sync_request(f"folder:{folder}"))
    if ended:
        runs.end(run)
    adopted = adopt(
        runs.store.worker,
        runs.scope,
        sync_request(f"folder:{folder}", then=DRIFT),
        flow_run_id=uuid4(),
        attempt=1,
        trigger=Trigger.SCHEDULE,
        at=datetime.now(UTC),
        planned_for=planned,
    )
    assert adopted.duplicate is not ended, "what is under way takes it over; what has ended cannot"
    assert sync(runs, adopted.run.id).context["then"] == DRIFT


def test_a_schedules_sync_that_loses_what_was_to_follow_it_is_told(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    runs.begin(sync_request(f"folder:{folder}", then=DRIFT))
    for against, joined in (("pinned", False), (None, True)):
        wanted = sync_request(f"folder:{folder}", then=DRIFT, then_against=against)
        moment = datetime.now(UTC)
        adopted = adopt(
            runs.store.worker, runs.scope, wanted, flow_run_id=uuid4(), attempt=1, trigger=Trigger.SCHEDULE, at=moment
        )
        assert (adopted.duplicate, adopted.joined) == (True, joined)


def test_names_that_could_not_be_read_are_still_said_after_a_wait(
    runs: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(*_: Any, say: Any, **__: Any) -> Generator[Opened]:
        say("waiting for Microsoft until 14:05 UTC (apps)")
        refused = {"names": {"read": 0, "left": 0}, "notice": "No names were read."}
        yield Opened(FolderSource(folder), "graph", names=lambda run, mentioned: refused)

    monkeypatch.setattr(flow, "opened", opened)
    assert sync(runs, runs.sync(folder)).context["notice"] == "No names were read."


def worked_off(runs: Runs) -> RunDetail:
    """The comparison that waits, its work done as a worker does it."""
    (waiting,) = Outbox(runs.store.relay, tenant_limit=8).claim(10)
    observe(runs, waiting.id, ObservedState.RUNNING)
    recorder = Recorder(runs.store.worker, runs.scope)
    run = TrackedRun(waiting.id, 1, runs.scope, runs.store.worker, ProgressReporter(recorder, waiting.id, 1))
    compare_and_keep(run, DriftParameters.model_validate(waiting.parameters))
    return sync(runs, runs.end(run))


def said_in_three_places(runs: Runs, run_id: UUID) -> list[str]:
    """What is said of a run on its own page, in its notification and on the Drift page."""
    detail = sync(runs, run_id)
    on_run = text_of(detail_view.said(detail.context) or "")
    told = NotificationReader(runs.store.app, runs.scope).list()
    notified = "; ".join(sentence for one in told if one.run_id == run_id for _, sentence in one.said)
    with runs.store.hub.transaction(runs.scope) as connection:
        found = list_syncs(connection, runs.scope, limit=10)
        waiting = not_started(connection, runs.scope)
    compared = {one["scope"]: one for one in newest_comparisons(runs.store.hub, runs.scope)}
    usable = [one for one in found if one.is_usable]
    card = drift_page.scope_card("acme", "default", usable, compared.get("default"), {}, waiting.get("default"), 0)
    return [on_run, notified, text_of(card)]


def test_a_sync_that_could_not_read_everything_is_compared_but_for_that(store: Store, tmp_path: Path) -> None:
    runs = Runs(store, store.member(Role.OWNER))
    for name, value, compliance in (("a", 1, json.dumps(COMPLIANCE)), ("b", 2, '{"displ')):
        folder = tmp_path / name
        export(folder / "Settings Catalog", [policy(ONE, value=value)])
        (folder / "Compliance Policies").mkdir()
        (folder / "Compliance Policies" / "one.json").write_text(compliance)
        ended = sync(runs, runs.sync(folder, then=DRIFT))
    assert ended.run.status is RunStatus.COMPLETED_WITH_ERRORS and ended.context["complete"] is False
    drift = worked_off(runs)
    assert drift.context["findings"] == 1
    held = {"policy_type": "compliance", "count": 1, "reason_code": "current_incomplete"}
    assert drift.context["withheld"] == [held]
    said = said_in_three_places(runs, drift.run.id)
    assert all("1 Compliance: may still be there" in one for one in said), said


def test_a_comparison_that_does_not_start_is_said_in_three_places(store: Store, tmp_path: Path) -> None:
    runs = Runs(store, store.member(Role.OWNER))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "x.json").write_text('{"id": "x", ')
    for folder, why in (
        (export(tmp_path / "a", [policy(ONE)]), "nothing to compare it with yet"),
        (tmp_path / "broken", "The sync read nothing"),
    ):
        run_id = runs.sync(folder, then=DRIFT)
        assert drifts(runs) == []
        said = said_in_three_places(runs, run_id)
        assert all(why in one for one in said), said


def test_what_follows_may_be_held_against_the_pinned_baseline(runs: Runs, folder: Path, tmp_path: Path) -> None:
    runs.sync(folder)
    pin_baseline(runs.store.app, runs.scope)
    for name, value in (("b", 2), ("c", 2)):
        request = sync_request(
            f"folder:{export(tmp_path / name, [policy(ONE, value=value)])}", then=DRIFT, then_against="pinned"
        )
        run = runs.begin(request)
        read_into_sync(run, InventoryParameters.model_validate(request.parameters))
        runs.end(run)
        assert (worked_off(runs).context["against"], runs.store) == ("pinned", runs.store)
    with pytest.raises(BadInputError, match="then_against"):
        sync_request(f"folder:{folder}", then=DRIFT, then_against="yesterday")


def test_an_attempt_is_not_followed_for_what_the_one_before_it_had_read(runs: Runs, folder: Path) -> None:
    """The first attempt's end is lost; the second one cannot read everything."""
    runs.sync(folder)
    run_id = done_but_for_its_end(runs, folder)
    observe(runs, run_id, ObservedState.RUNNING, attempt=2)
    assert "then_request" not in sync(runs, run_id).context
    observe(runs, run_id, ObservedState.FINISHED, attempt=2)
    assert drifts(runs) == []


def test_the_first_sync_has_nothing_to_be_compared_with_and_says_so(runs: Runs, folder: Path) -> None:
    ended = sync(runs, runs.sync(folder, then=DRIFT))
    assert drifts(runs) == []
    assert "nothing to compare it with" in ended.context["then_why"]


@pytest.mark.parametrize(
    ("state", "why"),
    [(ObservedState.FAILED, "This run failed."), (ObservedState.ABORTED, "This run was aborted.")],
)
def test_a_sync_that_ends_badly_is_not_followed(runs: Runs, folder: Path, state: ObservedState, why: str) -> None:
    run = runs.begin(sync_request(f"folder:{folder}", then=DRIFT))
    observe(runs, run.run_id, state)
    assert drifts(runs) == []
    assert sync(runs, run.run_id).context["then_why"] == why


def test_a_cancelled_sync_that_had_all_its_work_done_is_not_followed(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    run_id = done_but_for_its_end(runs, folder)
    observe(runs, run_id, ObservedState.ABORTED)
    assert drifts(runs) == []
    assert "then_request" not in sync(runs, run_id).context


def test_a_relay_that_finds_the_end_starts_what_follows(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    run_id = done_but_for_its_end(runs, folder)
    observe(runs, run_id, ObservedState.FINISHED, by=runs.store.relay)
    assert len(drifts(runs)) == 1


def test_however_often_and_from_wherever_the_end_is_reported_it_follows_once(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    run_id = done_but_for_its_end(runs, folder)
    reporters = [
        threading.Thread(target=observe, args=(runs, run_id, ObservedState.FINISHED), kwargs={"by": database})
        for database in (runs.store.worker, runs.store.relay) * 3
    ]
    for reporter in reporters:
        reporter.start()
    for reporter in reporters:
        reporter.join()
    assert len(drifts(runs)) == 1


def test_an_end_that_is_rolled_back_starts_nothing(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    run_id = done_but_for_its_end(runs, folder)
    # Whatever breaks at the commit, here a deferred constraint, takes what follows back with the end.
    with psycopg.connect(runs.store.url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON operation_runs DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        with pytest.raises(Exception, match="refused"):
            observe(runs, run_id, ObservedState.FINISHED)
        assert drifts(runs) == []
        connection.execute("DROP TRIGGER refuse ON operation_runs")
    observe(runs, run_id, ObservedState.FINISHED)
    assert len(drifts(runs)) == 1


def test_a_second_attempt_of_the_sync_is_followed_by_a_comparison_of_its_own(runs: Runs, folder: Path) -> None:
    runs.sync(folder)
    run_id = runs.sync(folder, then=DRIFT)
    observe(runs, drifts(runs)[0].run.id, ObservedState.RUNNING)
    observe(runs, drifts(runs)[0].run.id, ObservedState.FINISHED)
    observe(runs, run_id, ObservedState.RUNNING, attempt=2)
    observe(runs, run_id, ObservedState.FAILED, attempt=2)
    assert len(drifts(runs)) == 1
    assert "then_run" not in sync(runs, run_id).context


def test_who_started_the_sync_is_told_of_what_follows(store: Store, folder: Path) -> None:
    runs = Runs(store, store.member(Role.OPERATOR))
    runs.sync(folder)
    runs.sync(folder, then=DRIFT)
    told = NotificationReader(store.app, runs.scope).list()
    assert [str(one.run_type) for one in told if one.kind.value == "queued"].count(DRIFT) == 1


@pytest.mark.parametrize("then", ["no.such", "inventory.sync", "run.prune"])
def test_only_what_compares_syncs_may_follow_one(then: str, folder: Path) -> None:
    with pytest.raises(BadInputError, match=r"inventory\.sync cannot use its parameter 'then': it names no operation"):
        sync_request(f"folder:{folder}", then=then)


def test_a_sync_without_a_follower_keeps_its_key_and_its_parameters(folder: Path) -> None:
    request = sync_request(f"folder:{folder}")
    assert request.identity == {"source": f"folder:{folder}", "scope": "default", "full": False}
    assert "then" not in request.parameters
