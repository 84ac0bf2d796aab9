"""What a flow's end puts into its row, and what Prefect is told in turn. Which attempt it was is given, as no server runs."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from flows._tracking import hooks
from flows._tracking.identity import FlowRunIdentity
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import Failure, RunDetail, RunObservation, Source
from runstore.runs.status import ObservedState, RunStatus
from runstore.tenancy import Trigger
from tests.conftest import Store
from tests.support.runs import RunSpec, add_runs

LATER = datetime(2100, 3, 1, 12, tzinfo=UTC)


class Flow:
    """A flow run in its first attempt whose row runs, and the states that Prefect was told to give it."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store, self.scope, self.flow_run = store, store.tenant(), uuid4()
        self.told: list[StateType] = []
        (self.run,) = add_runs(store.worker, self.scope, [RunSpec(status=RunStatus.RUNNING, flow_run_id=self.flow_run)])
        known = FlowRunIdentity(self.flow_run, self.scope.slug, self.run, 1, Trigger.PREFECT, {}, None)
        monkeypatch.setenv("TENANTATLAS_WORKER_DATABASE_URL", store.url)
        monkeypatch.setattr(hooks, "identify_at_end", {self.flow_run: known}.__getitem__)
        monkeypatch.setattr(hooks, "get_client", lambda *, sync_client: nullcontext(sync_client))
        monkeypatch.setattr(
            hooks, "change_state", lambda sync, *about: self.told.append(about[-1].type) if sync else None
        )

    def ends(self, kind: StateType) -> RunDetail:
        flow_run = FlowRun(id=self.flow_run, flow_id=uuid4())
        hooks.mirror_state(SimpleNamespace(name="inventory.sync"), flow_run, State(type=kind, timestamp=LATER))
        return RunReader(self.store.hub, self.scope).get(self.run)

    def observed(self, state: ObservedState, attempt: int = 1) -> None:
        seen = RunObservation(self.run, attempt, state, Source.RECONCILER, datetime.now(UTC))
        assert Recorder(self.store.worker, self.scope).observe(seen).applied


@pytest.fixture
def flow(store: Store, monkeypatch: pytest.MonkeyPatch) -> Flow:
    return Flow(store, monkeypatch)


@pytest.mark.parametrize("kind", [StateType.CANCELLING, StateType.CANCELLED])
def test_a_cancelled_flow_is_an_aborted_run_as_of_the_time_prefect_says(flow: Flow, kind: StateType) -> None:
    hooks.remember_failure(flow.flow_run, Failure("run", "own", "The flow's own."))
    found = flow.ends(kind)
    assert (found.run.status, found.run.finished_at, found.run.last_source) == (RunStatus.ABORTED, LATER, Source.HOOK)
    assert [one.reason_code for one in found.failures] == ["cancelled"]


@pytest.mark.parametrize("own", [True, False])
def test_a_failed_flows_own_reason_goes_before_what_its_state_says(flow: Flow, own: bool) -> None:
    hooks.remember_failure(flow.flow_run if own else uuid4(), Failure("run", "own", "The flow's own."))
    found = flow.ends(StateType.FAILED)
    assert (found.run.status, found.run.finished_at) == (RunStatus.FAILED, LATER)
    assert [one.reason_code for one in found.failures] == ["own" if own else "flow_failed"]


@pytest.mark.parametrize(
    ("given_up", "told"),
    [
        ([(ObservedState.FAILED, 1)], [StateType.CRASHED]),
        ([(ObservedState.ABORTED, 1)], [StateType.CANCELLED]),
        ([(ObservedState.RUNNING, 2), (ObservedState.FAILED, 2)], []),
        ([], []),
    ],
    ids=["failed", "aborted", "a later attempt failed", "not given up"],
)
def test_prefect_says_of_a_flow_that_was_given_up_what_its_row_says(flow: Flow, given_up: Any, told: Any) -> None:
    for state, attempt in given_up:
        flow.observed(state, attempt)
    found = flow.ends(StateType.COMPLETED)
    assert flow.told == told
    assert found.run.status is (RunStatus(given_up[-1][0].value) if given_up else RunStatus.COMPLETED)


@pytest.mark.parametrize("kind", [StateType.PENDING, StateType.PAUSED, StateType.SCHEDULED])
def test_a_state_that_says_nothing_leaves_the_row(flow: Flow, kind: StateType) -> None:
    before = RunReader(flow.store.hub, flow.scope).get(flow.run)
    assert flow.ends(kind) == before


def test_a_state_that_could_not_be_mirrored_is_told_without_the_words_of_what_failed(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hooks, "identify_at_end", lambda flow_run: int("s3cret"))
    assert flow.ends(StateType.FAILED).run.status is RunStatus.RUNNING
    said = f"State StateType.FAILED of flow run {flow.flow_run} was not mirrored (ValueError)"
    assert caplog.messages == [said] and "s3cret" not in caplog.text
