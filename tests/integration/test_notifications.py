"""Notifications: whose they are, and a storm told in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from runstore.notifications import NotificationReader
from runstore.runs.operation import OperationType
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState
from runstore.tenancy import Role, TenantScope


@pytest.fixture
def operator(store: Any) -> TenantScope:
    return store.member(Role.OPERATOR)


def begin(store: Any, scope: TenantScope, operation: str = "inventory.sync") -> Any:
    request = StartRequest(OperationType.parse(operation), {"scope": str(uuid4())})
    return start(store.app, scope, request).run


def finish(store: Any, scope: TenantScope, run: Any) -> None:
    observation = RunObservation(run.id, 1, ObservedState.FINISHED, Source.HOOK, datetime.now(UTC))
    Recorder(store.worker, scope).observe(observation)


def test_a_storm_is_one_line(store: Any, operator: TenantScope) -> None:
    runs = [begin(store, operator) for _ in range(42)]
    for run in runs:
        finish(store, operator, run)
    begin(store, operator, "drift.generate")
    reader = NotificationReader(store.app, operator)
    lines = reader.list()
    assert [(str(line.run_type), line.kind, line.more) for line in lines] == [
        ("drift.generate", "queued", 0),
        ("inventory.sync", "finished", 41),
        ("inventory.sync", "queued", 41),
    ]
    assert reader.unread() == 85
    assert reader.mark_read(lines[1].id) == 42
    assert reader.unread() == 43
    assert reader.mark_read() == 43
    assert reader.mark_read() == 0


def test_nobody_reads_or_marks_anothers(store: Any, operator: TenantScope) -> None:
    begin(store, operator)
    mine = NotificationReader(store.app, operator).list()[0]
    other = NotificationReader(store.app, store.member(Role.OWNER))
    assert other.list() == ()
    assert other.mark_read(mine.id) == 0
    assert NotificationReader(store.hub, store.member(Role.OWNER, "globex")).unread() == 0
    assert NotificationReader(store.hub, store.tenant()).list() == ()
