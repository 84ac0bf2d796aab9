"""Notifications: whose they are, and a storm told in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runstore.database import DatabaseRole
from runstore.notifications import DIGEST_WINDOW_SECONDS, NotificationKind, NotificationReader, announce
from runstore.runs.operation import OperationType
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Failure, Progress, RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState, RunStatus, StatusBucket
from runstore.tenancy import PREFECT, Role, TenantScope, Trigger


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


def test_a_transition_that_is_announced_once_more_notifies_nobody_again(store: Any, operator: TenantScope) -> None:
    run = begin(store, operator)
    for _ in range(2):
        with store.worker.transaction(operator) as connection:
            announce(connection, operator.tenant_id, run.id, NotificationKind.FINISHED)
    assert [(line.kind, line.more) for line in NotificationReader(store.app, operator).list()] == [
        ("finished", 0),
        ("queued", 0),
    ]


@pytest.mark.parametrize("role", [DatabaseRole.APP, DatabaseRole.RELAY])
def test_nobody_reads_or_marks_anothers(store: Any, operator: TenantScope, role: DatabaseRole) -> None:
    """By the database's own fence, and by the questions alone: no row is closed to RELAY."""
    begin(store, operator)
    mine = NotificationReader(store.app, operator).list()[0]
    elsewhere = store.member(Role.OPERATOR, "globex", "operator@acme.example")
    for scope in (store.member(Role.OWNER), store.member(Role.OWNER, "globex"), elsewhere, store.tenant()):
        other = NotificationReader(store.roles[role], scope)
        assert (other.list(), other.unread(), other.mark_read(mine.id), other.mark_read()) == ((), 0, 0, 0)
    assert NotificationReader(store.app, operator).unread() == 1


def told(store: Any, scope: TenantScope) -> list[str]:
    return [line.kind.value for line in NotificationReader(store.app, scope).list()]


@pytest.fixture
def people(store: Any) -> dict[Role, TenantScope]:
    return {role: store.member(role) for role in Role}


def end(
    store: Any, scope: TenantScope, run: Any, *, succeeded: int, failed: int, context: dict[str, str] | None = None
) -> None:
    """The run begins, so many items fare so, and it finishes."""
    recorder = Recorder(store.worker, scope)
    for state in (ObservedState.RUNNING, None, ObservedState.FINISHED):
        if state is None:
            failures = [Failure(str(n), "internal_error", "It broke.") for n in range(failed)]
            recorder.progress(
                Progress(run.id, 1, Counts(succeeded + failed, succeeded, failed), failures, context=context)
            )
        else:
            recorder.observe(RunObservation(run.id, 1, state, Source.HOOK, datetime.now(UTC)))


@pytest.mark.parametrize(("succeeded", "failed", "all_hear"), [(2, 0, False), (1, 1, True), (0, 2, True)])
def test_who_hears_of_a_run_that_a_user_started(
    store: Any, people: dict[Role, TenantScope], succeeded: int, failed: int, all_hear: bool
) -> None:
    run = begin(store, people[Role.OPERATOR])
    elsewhere = store.member(Role.OWNER, "globex")
    assert {role for role, scope in people.items() if told(store, scope)} == {Role.OPERATOR}
    end(store, people[Role.OPERATOR], run, succeeded=succeeded, failed=failed)
    hearing = {Role.OPERATOR, Role.OWNER, Role.MANAGER} if all_hear else {Role.OPERATOR}
    assert {role for role, scope in people.items() if "finished" in told(store, scope)} == hearing
    assert told(store, people[Role.OPERATOR]) == ["finished", "queued"]
    assert told(store, elsewhere) == []


@pytest.mark.parametrize("trigger", list(Trigger))
def test_those_who_look_after_a_tenant_hear_of_a_run_that_no_member_started(
    store: Any, people: dict[Role, TenantScope], trigger: Trigger
) -> None:
    local = store.tenant()
    scope = TenantScope(local.tenant_id, local.slug, PREFECT) if trigger is Trigger.PREFECT else local
    run = begin(store, scope)
    finish(store, scope, run)
    hearing = {role for role, member in people.items() if told(store, member) == ["finished", "queued"]}
    assert hearing == {Role.OWNER, Role.MANAGER}
    assert told(store, people[Role.READONLY]) == []


def test_those_who_look_after_a_tenant_hear_of_a_run_whose_starter_has_left(
    store: Any, people: dict[Role, TenantScope]
) -> None:
    run = begin(store, people[Role.OPERATOR])
    store.directory.revoke(store.tenant(), "operator@acme.example")
    store.member(Role.OPERATOR, "globex", "operator@acme.example")
    finish(store, people[Role.OPERATOR], run)
    assert {role for role in (Role.OWNER, Role.MANAGER) if told(store, people[role]) == ["finished"]} == {
        Role.OWNER,
        Role.MANAGER,
    }


def test_a_line_says_what_became_of_its_run(store: Any, operator: TenantScope) -> None:
    run = begin(store, operator)
    context = {"scope": "All of iOS", "notice": "Look here."}
    end(store, operator, run, succeeded=1, failed=1, context=context)
    finished, queued = NotificationReader(store.hub, operator).list()
    assert (finished.kind, finished.status) == (NotificationKind.FINISHED, RunStatus.COMPLETED_WITH_ERRORS)
    assert (queued.kind, queued.status) == (NotificationKind.QUEUED, RunStatus.PENDING)
    for line in (finished, queued):
        assert (line.run_id, line.run_bucket, line.more, line.read_at) == (run.id, StatusBucket.PARTIAL, 0, None)
        assert str(line.run_type) == "inventory.sync"
    assert finished.created_at >= queued.created_at
    assert (finished.said, queued.said) == ([("Notice", "Look here.")], ())
    assert (finished.scope, queued.scope) == ("All of iOS", "All of iOS")


def written_ago(store: Any, *seconds: float) -> None:
    """Makes the unread notifications so old, newest first."""
    with psycopg.connect(store.url, autocommit=True) as connection:
        found = connection.execute("SELECT id FROM notifications ORDER BY created_at DESC, id DESC").fetchall()
        for (one,), age in zip(found, seconds, strict=True):
            changed = "UPDATE notifications SET created_at = now() - make_interval(secs => %s) WHERE id = %s"
            connection.execute(changed, (age, one))


def test_a_line_ends_where_the_pace_does(store: Any, operator: TenantScope) -> None:
    for _ in range(5):
        begin(store, operator)
    window = DIGEST_WINDOW_SECONDS
    assert window == 300
    written_ago(store, 0, window - 10, 2 * window - 20, 3 * window, 3 * window)
    reader = NotificationReader(store.app, operator)
    assert [line.more for line in reader.list()] == [2, 1]
    assert [line.more for line in reader.list(limit=1)] == [2]
    assert reader.mark_read(reader.list()[1].id) == 2
    assert reader.unread() == 3
    assert [(line.more, line.read_at is None) for line in reader.list()] == [(2, True), (1, False)]


def test_of_one_moment_the_ids_say_which_came_first(store: Any, operator: TenantScope) -> None:
    runs = [
        begin(store, operator, operation).id
        for operation in ("inventory.sync", "drift.generate", *["inventory.sync"] * 2)
    ]
    with psycopg.connect(store.url, autocommit=True) as connection:
        for number, run in enumerate(runs):
            changed = "UPDATE notifications SET id = %s, created_at = date_trunc('day', now()) WHERE run_id = %s"
            connection.execute(changed, (UUID(int=number), run))
    reader = NotificationReader(store.app, operator)
    assert [(line.id.int, line.more) for line in reader.list()] == [(3, 1), (1, 0), (0, 0)]
    assert reader.mark_read(UUID(int=2)) == 2


def test_as_many_lines_and_so_high_a_count_as_a_page_shows(store: Any, operator: TenantScope) -> None:
    for _ in range(51):
        begin(store, operator, "inventory.sync")
        begin(store, operator, "drift.generate")
    reader = NotificationReader(store.hub, operator)
    assert (len(reader.list()), reader.unread()) == (50, 100)


def test_marking_a_line_read_leaves_the_lines_around_it(store: Any, operator: TenantScope) -> None:
    for operation in ("inventory.sync", "drift.generate", "inventory.sync"):
        begin(store, operator, operation)
    reader = NotificationReader(store.app, operator)
    newest, middle, oldest = reader.list()
    assert reader.mark_read(middle.id) == 1
    assert [line.read_at is None for line in reader.list()] == [True, False, True]
    assert reader.mark_read(middle.id) == 0, "it was read before"
    assert reader.mark_read(uuid4()) == 0
    assert reader.mark_read(UUID(int=0)) == 0
    assert reader.mark_read(oldest.id) == 1
    assert [line.id for line in reader.list() if line.read_at is None] == [newest.id]


def test_the_count_of_unread_goes_to_one_over_its_cap_and_is_the_readers_own(store: Any, operator: TenantScope) -> None:
    for _ in range(3):
        begin(store, operator)
    reader = NotificationReader(store.app, operator)
    assert [reader.unread(cap=cap) for cap in (1, 2, 3, 99)] == [2, 3, 3, 3]
    other = store.member(Role.OWNER)
    begin(store, other)
    assert NotificationReader(store.app, other).unread() == 1
    assert NotificationReader(store.app, other).mark_read() == 1
    assert reader.unread() == 3
