"""Starting runs: once each, by whoever may, however many ask at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flows.inventory.start import sync_request
from runstore.database import Database, DatabaseRole
from runstore.errors import BadInputError, ForbiddenError
from runstore.runs.operation import OperationType
from runstore.runs.outbox import Outbox
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState
from runstore.tenancy import Role
from tests.support.drift_runs import export, policy

SYNC = OperationType("inventory", "sync")
STARTS = 64


def request(scope: str = "default") -> StartRequest:
    return StartRequest(SYNC, {"scope": scope}, parameters={"scope": scope})


@pytest.mark.parametrize("rounds", [30, pytest.param(200, marks=pytest.mark.long)])
def test_sixty_four_identical_starts_make_one_run_in_each_round(store: Any, rounds: int) -> None:
    scope = store.tenant()
    database = Database(store.url, DatabaseRole.APP, pool_size=16)
    recorder = Recorder(store.worker, scope)
    seen: set[Any] = set()
    with ThreadPoolExecutor(STARTS) as pool:
        for _ in range(rounds):
            answers = list(pool.map(lambda _: start(database, scope, request()), range(STARTS)))
            assert len({answer.run.id for answer in answers}) == 1
            assert sum(answer.reused for answer in answers) == STARTS - 1
            run = answers[0].run
            assert run.id not in seen
            seen.add(run.id)
            with store.admin.across_tenants() as connection:
                active = connection.execute(
                    text("SELECT count(*) FROM operation_runs WHERE status IN ('pending', 'running')")
                ).scalar_one()
            assert active == 1
            moment = datetime.now(UTC)
            recorder.observe(RunObservation(run.id, 1, ObservedState.FINISHED, Source.HOOK, moment))
    database.dispose()


def test_a_start_racing_with_the_end_of_the_run_gets_an_active_run_or_that_one(store: Any) -> None:
    scope = store.tenant()
    recorder = Recorder(store.worker, scope)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(50):
            run = start(store.app, scope, request()).run
            starts = [pool.submit(start, store.app, scope, request()) for _ in range(4)]
            recorder.observe(RunObservation(run.id, 1, ObservedState.FINISHED, Source.HOOK, datetime.now(UTC)))
            answers = [future.result() for future in starts]
            assert len({answer.run.id for answer in answers if not answer.reused}) <= 1
            for ended in {answer.run.id for answer in answers}:
                recorder.observe(RunObservation(ended, 1, ObservedState.FINISHED, Source.HOOK, datetime.now(UTC)))


@pytest.mark.parametrize("folder", ["uzs9sewy4k2qx", "Xk3J9zQ2vLm8Rt5W", "a1b2c3d4e5f6a7b8c9d0"])
def test_a_path_is_kept_as_it_is_whatever_its_folders_are_called(store: Any, tmp_path: Path, folder: str) -> None:
    source = export(tmp_path / folder / "export", [policy("10000000-0000-4000-8000-000000000000")])
    request = sync_request(f"folder:{source}")
    started = start(store.app, store.tenant(), request)
    (waiting,) = Outbox(store.relay, tenant_limit=8).claim(10)
    assert (waiting.id, waiting.parameters["source"]) == (started.run.id, f"folder:{source}")


@pytest.mark.parametrize(
    "parameters", [{"scope": f"ghp_{'k3J9zQ2vLm8Rt5WxYb7N' * 2}"}, {"clientSecret": "x"}, {"key": "a\x00b"}]
)
def test_a_parameter_that_would_not_be_kept_as_it_is_starts_nothing(store: Any, parameters: dict[str, str]) -> None:
    with pytest.raises(BadInputError, match="cannot keep its parameter") as refused:
        start(store.app, store.tenant(), StartRequest(SYNC, {}, parameters=parameters))
    assert not any(value in str(refused.value) for value in parameters.values() if len(value) > 1)
    with store.admin.across_tenants() as connection:
        assert connection.execute(text("SELECT count(*) FROM operation_runs")).scalar_one() == 0


@pytest.mark.parametrize("role", list(Role))
def test_only_who_may_operate_starts(store: Any, role: Role) -> None:
    scope = store.member(role)
    if role is not Role.READONLY:
        assert not start(store.app, scope, request()).reused
        return
    with pytest.raises(ForbiddenError, match="readonly in tenant 'acme'"):
        start(store.app, scope, request())
    with store.admin.across_tenants() as connection:
        assert connection.execute(text("SELECT count(*) FROM operation_runs")).scalar_one() == 0


def test_a_start_announces_itself_and_leaves_an_audit_entry(store: Any) -> None:
    scope = store.member(Role.OPERATOR)
    run = start(store.app, scope, request()).run
    start(store.app, scope, request())
    with store.admin.across_tenants() as connection:
        notices = connection.execute(text("SELECT run_id, kind FROM notifications")).all()
        entries = connection.execute(text("SELECT actor, verb, subject FROM audit_log WHERE verb = 'run.start'")).all()
    assert [tuple(notice) for notice in notices] == [(run.id, "queued")]
    assert [tuple(entry) for entry in entries] == [("operator@acme.example", "run.start", str(run.id))]


def test_hostile_text_is_stored_as_text(store: Any) -> None:
    scope = store.tenant()
    item = "a\x00b\ud800\x1b[31m=cmd()<script>"
    run = start(store.app, scope, StartRequest(SYNC, {"scope": item}, context={"scope": item}, item_ids=[item])).run
    assert run.counts.total == 1
