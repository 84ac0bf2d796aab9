"""A Graph server, a store, and captures run in this process: what the flow does, without Prefect around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from flows._sources.ahead import Ahead
from flows._tracking.progress import ProgressReporter
from flows._tracking.tracked_flow import TrackedRun
from flows.backup.flow import BATCH, READ_AHEAD, SetCapture
from flows.backup.operation import AddPoliciesParameters
from flows.backup.sets import add_policies_request, create_set
from flows.backup.sources import open_source
from flows.registry import told_items
from runstore.directory import Directory
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunDetail, RunObservation, Source
from runstore.runs.starter import start
from runstore.runs.status import ObservedState
from runstore.tenancy import TenantScope
from tests.conftest import Store
from tests.support.graph_server import GraphServer

KEY = "a key of the tests' own, made of words alone"


@pytest.fixture(scope="module")
def running_server() -> Iterator[GraphServer]:
    with GraphServer.running(policies=120) as server:
        yield server


@pytest.fixture
def server(running_server: GraphServer, monkeypatch: pytest.MonkeyPatch) -> GraphServer:
    running_server.control(faults={}, limits=False, latency=0.0, reset=True)
    for name, value in running_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TENANTATLAS_ENCRYPTION_KEY", KEY)
    return running_server


@pytest.fixture
def tenant(store: Store, server: GraphServer) -> TenantScope:
    """A tenant whose directory is the server's."""
    store.directory.add_tenant("graph", "Graph", server.directory_id)
    return Directory(store.app).for_operator("graph")


class KilledError(Exception):
    """Stands for the end of a process in the middle of a capture."""


@dataclass
class Captures:
    """Runs captures as the flow does."""

    store: Store
    scope: TenantScope

    def set(self, name: str = "Weekly") -> str:
        return str(create_set(self.store.app, self.scope, name).id)

    def run(
        self, set_id: str, policy_ids: Sequence[str] = (), *, kill_after: int | None = None, **more: Any
    ) -> RunDetail:
        """One run of add-policies to its end, or to a violent one after so many outcomes; the row as it then is."""
        request = add_policies_request(self.store.app, self.scope, set_id, policy_ids, **more)
        started = start(self.store.app, self.scope, request)
        recorder = Recorder(self.store.worker, self.scope)
        self._observe(recorder, started.run.id, ObservedState.RUNNING)
        parameters = AddPoliciesParameters.model_validate(dict(request.parameters))
        called = partial(told_items, self.store.worker, self.scope)
        reporter = ProgressReporter(recorder, started.run.id, 1, called=called)
        try:
            with reporter, open_source(self.store.worker, self.scope) as source:
                run = TrackedRun(started.run.id, 1, self.scope, self.store.worker, reporter)
                capture = SetCapture(run, parameters, _killed(source, kill_after) if kill_after is not None else source)
                capture.begin()
                with Ahead(capture.source.fetch(capture.missing), READ_AHEAD) as stream:
                    for _ in range(0, len(capture.missing), BATCH):
                        capture.batch(stream)
                capture.end()
            self._observe(recorder, started.run.id, ObservedState.FINISHED)
        except KilledError:
            self._observe(recorder, started.run.id, ObservedState.FAILED)
        return RunReader(self.store.hub, self.scope).get(started.run.id)

    def _observe(self, recorder: Recorder, run_id: Any, state: ObservedState) -> None:
        recorder.observe(
            RunObservation(run_id=run_id, attempt=1, state=state, source=Source.HOOK, at=datetime.now(UTC))
        )


def _killed(source: Any, after: int) -> Any:
    class Dying:
        left = after

        def __getattr__(self, name: str) -> Callable[..., Any]:
            return getattr(source, name)

        def fetch(self, policies: Any) -> Iterator[Any]:
            for each in source.fetch(policies):
                if self.left == 0:
                    raise KilledError
                self.left -= 1
                yield each

    return Dying()


@pytest.fixture
def captures(store: Store, tenant: TenantScope) -> Captures:
    return Captures(store, tenant)
