"""What answers where Prefect's API was is something else for a while: a proxy with a page of its own, say."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import refresh_global_settings_context
from prefect.states import Running

import flows._tracking.reconciler as module
from flows._tracking.dispatcher import Dispatcher
from flows._tracking.our_flow_runs import Patience
from flows._tracking.reconciler import Reconciler
from flows._tracking.steps import PauseWatch
from runstore.runs.operation import OperationType
from runstore.runs.outbox import Outbox
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState, RunStatus
from tests.conftest import Store
from tests.support.other_server import server
from tests.support.stack import environment, eventually


@pytest.fixture(autouse=True)
def a_page() -> Iterator[None]:
    # For every thread.
    with server(200, b"<!doctype html><title>Back soon</title>") as address, environment({"PREFECT_API_URL": address}):
        refresh_global_settings_context()
        yield
    refresh_global_settings_context()


def begin(store: Store) -> None:
    start(store.app, store.tenant("acme"), StartRequest(OperationType("echo", "speak"), {"key": str(uuid4())}))


def test_runs_wait_for_prefect(store: Store) -> None:
    begin(store)
    outbox = Outbox(store.relay, tenant_limit=8)
    with get_client(sync_client=True) as client:
        assert Dispatcher(outbox).dispatch_pending(client) == 1
    assert eventually(lambda: outbox.claim(1), seconds=10)[0].tries == 2, "postponed, not left to its lease"


def test_silent_runs_are_left_as_they_are(store: Store) -> None:
    begin(store)
    outbox = Outbox(store.relay, tenant_limit=8)
    (run,) = outbox.claim(1)
    outbox.handed_over(run.id, uuid4())
    reconciler, stopped = Reconciler(store.relay, Patience(look=0.1)), threading.Event()
    with pytest.raises(ValueError, match="Expecting value"):
        eventually(reconciler.repair, seconds=10)
    looking = threading.Thread(target=reconciler.run, args=(stopped,))
    looking.start()
    looking.join(4)
    assert looking.is_alive()
    stopped.set()
    looking.join()


@pytest.mark.parametrize("answer", ["late", "none"])
def test_a_flow_that_prefect_kept_waiting_is_not_given_up_before_it_can_tell_its_end(
    store: Store, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """At its end a flow waits for Prefect, and gives the store no sign of life."""
    patience = Patience(look=0.1, contact_lost=1.5, give_up=1.6)
    reconciler = Reconciler(store.relay, patience)
    scope, stopped = store.tenant("acme"), threading.Event()
    run = start(store.app, scope, StartRequest(OperationType("echo", "speak"), {"key": "a"})).run
    flow_run = FlowRun(flow_id=uuid4(), run_count=1, state=Running())
    seen = RunObservation(run.id, 1, ObservedState.RUNNING, Source.HOOK, datetime.now(UTC), flow_run.id)
    Recorder(store.worker, scope).observe(seen)

    back_at = time.monotonic() + 4

    def answered(_client: object, _runs: object) -> dict[object, FlowRun]:
        if answer == "none" and time.monotonic() < back_at:
            raise httpx.ConnectError("away")
        time.sleep(max(0.0, back_at - time.monotonic()))
        return {flow_run.id: flow_run}

    monkeypatch.setattr(module, "_flow_runs", answered)
    monkeypatch.setattr(module, "change_state", lambda *_: None)
    monkeypatch.setattr(reconciler.unseen, "look_if_due", lambda: None)
    looking = threading.Thread(target=reconciler.run, args=(stopped,))
    looking.start()
    try:
        reader = RunReader(store.hub, scope)
        time.sleep(back_at + 0.6 - time.monotonic())  # the answer, and a look or more after it
        assert reader.get(run.id).run.status is RunStatus.RUNNING
        assert eventually(lambda: reader.get(run.id).run.status is RunStatus.FAILED, seconds=10)
    finally:
        stopped.set()
        looking.join()


def test_a_paused_flow_goes_on_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows._tracking.steps.LOOK_INTERVAL", 0.05)
    with PauseWatch(uuid4()) as watch:
        watch._thread.join(4)  # pyright: ignore[reportPrivateUsage]
        assert watch._thread.is_alive()  # pyright: ignore[reportPrivateUsage]
