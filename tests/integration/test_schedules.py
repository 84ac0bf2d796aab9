"""Schedules on a real Prefect server: added, listed, paused, removed, and what they start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.cli.main import run as run_command
from deployments.orchestration import leaving
from runstore.database import DatabaseRole
from runstore.directory import Directory
from runstore.runs.filters import RunFilter
from runstore.runs.operation import OperationType
from runstore.runs.reader import RunReader
from runstore.runs.status import RunStatus
from runstore.tenancy import Role
from tests.support.drift_runs import export, policy
from tests.support.schedules import schedules_of
from tests.support.stack import StackUnderTest, eventually

BERLIN = ZoneInfo("Europe/Berlin")

# The first one starts the stack, and each command is a process of its own: slow on a machine that does much else.
pytestmark = pytest.mark.timeout(900)


Run = Callable[..., Any]


@pytest.fixture
def tenantatlas(stack: StackUnderTest) -> Run:
    """A process of its own for each command: Prefect reads its address once, when it is imported.

    As a person has it, who is told only the home: the address is the running stack's.
    """
    told = {name: value for name, value in stack.running.environment.items() if not name.startswith("PREFECT_")}

    def run(*arguments: str, code: int = 0) -> Any:
        command = [sys.executable, "-m", "deployments.cli", *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=told, check=False)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 else done.stderr

    return run


@pytest.mark.long
@pytest.mark.stack
def test_a_schedule_is_added_listed_paused_and_removed(stack: StackUnderTest, tenantatlas: Run) -> None:
    scope = stack.tenant()
    add = ("schedule", "add", "--tenant", scope.slug, "--operation", "drift.generate", "--scope", "nightly")
    when = ("--cron", "0 6 * * *", "--timezone", "Europe/Berlin")
    (added,) = tenantatlas(*add, *when)["schedules"]
    assert (added["operation"], added["name"], added["change"], added["before"]) == (
        "drift.generate",
        None,
        "added",
        None,
    )
    first = datetime.fromisoformat(added["next_runs"][0]).astimezone(BERLIN)
    assert (first.hour, first.minute) == (6, 0)
    (named,) = tenantatlas(*add, "--name", "weekends", "--cron", "0 9 * * 0,6")["schedules"]
    listed = tenantatlas("schedule", "list", "--tenant", scope.slug)["schedules"]
    assert [(one["id"], one["name"]) for one in listed] == [(added["id"], None), (named["id"], "weekends")]
    one = (added["id"], "--tenant", scope.slug)
    paused = tenantatlas("schedule", "pause", *one)["schedule"]
    assert (paused["id"], paused["active"], paused["next_runs"]) == (added["id"], False, [])
    (changed,) = tenantatlas(*add, "--every", "1d", "--timezone", "Europe/Berlin")["schedules"]
    before = {"timing": "0 6 * * *", "timezone": "Europe/Berlin", "active": False}
    assert (changed["id"], changed["change"], changed["before"]) == (added["id"], "changed", before)
    assert changed["active"] is False
    resumed = tenantatlas("schedule", "resume", *one)["schedule"]
    assert (resumed["active"], len(resumed["next_runs"])) == (True, 3)
    other = stack.tenant()
    assert "no schedule" in tenantatlas("schedule", "remove", added["id"], "--tenant", other.slug, code=4)
    assert tenantatlas("schedule", "remove", *one)["removed"]["id"] == added["id"]
    assert [one["id"] for one in tenantatlas("schedule", "list", "--tenant", scope.slug)["schedules"]] == [named["id"]]
    tenantatlas("schedule", "remove", named["id"], "--tenant", scope.slug)


@pytest.mark.stack
def test_only_those_who_administer_a_tenant_schedule(stack: StackUnderTest, tenantatlas: Run) -> None:
    scope = stack.tenant()
    Directory(stack.database(DatabaseRole.ADMIN)).grant(scope, "oscar@example.com", Role.OPERATOR)
    add = ("schedule", "add", "--tenant", scope.slug, "--operation", "drift.generate", "--every", "1d")
    tenantatlas(*add, "--as", "oscar@example.com", code=3)
    assert "no access" in tenantatlas("schedule", "list", "--as", "nobody@example.com", code=3)
    nowhere = ("--operation", "inventory.sync", "--every", "1d", "--source", "folder:no/such/folder")
    assert "no/such/folder" in tenantatlas("schedule", "add", "--tenant", scope.slug, *nowhere, code=2)
    assert "is not an operation" in tenantatlas(*add[:-4], "--operation", "no.such", "--every", "1d", code=2)
    assert "not a schedule's name" in tenantatlas(*add, "--name", "Week Ends", code=2)


@pytest.mark.long
@pytest.mark.stack
def test_all_schedules_of_an_operation_are_paused_resumed_and_removed_at_once(
    stack: StackUnderTest, tenantatlas: Run
) -> None:
    mine, other, foreign = (stack.tenant() for _ in range(3))
    for scope in (mine, other):
        Directory(stack.database(DatabaseRole.ADMIN)).grant(scope, "mona@example.com", Role.MANAGER)
    every = ("--operation", "backup_set.add_policies")
    work = ("--set", "set_id=0b4f1c9e-5d0a-4a53-9d57-0c7de1f5a1b2", "--set", "all_policies=true")
    add = ("schedule", "add", *every, *work, "--every", "1w", "--jitter", "4h")
    theirs = tenantatlas(*add, "--tenant", foreign.slug)["schedules"][0]["id"]
    as_mona = ("--as", "mona@example.com")
    added = tenantatlas(*add, "--all-tenants", *as_mona)["schedules"]
    assert [one["tenant"] for one in added] == [mine.slug, other.slug]

    def states() -> dict[str, bool]:
        listed = tenantatlas("schedule", "list")["schedules"]
        return {one["id"]: one["active"] for one in listed if one["operation"] == every[1]}

    both = {one["id"] for one in added}
    paused = tenantatlas("schedule", "pause", "--tenant", mine.slug, *every, *as_mona)["schedules"]
    assert [(one["tenant"], one["active"]) for one in paused] == [(mine.slug, False)]
    tenantatlas("schedule", "pause", "--all-tenants", *every, *as_mona)
    assert states() == {**dict.fromkeys(both, False), theirs: True}
    resumed = tenantatlas("schedule", "resume", "--all-tenants", *every, *as_mona)["schedules"]
    assert {one["id"]: one["active"] for one in resumed} == dict.fromkeys(both, True)
    assert "no access" in tenantatlas("schedule", "remove", "--tenant", foreign.slug, *every, *as_mona, code=3)
    removed = tenantatlas("schedule", "remove", "--all-tenants", *every, *as_mona)["schedules"]
    assert {one["id"] for one in removed} == both
    assert states() == {theirs: True}
    assert "no schedule" in tenantatlas("schedule", "remove", "--all-tenants", *every, *as_mona, code=4)
    assert len(tenantatlas("schedule", "remove", "--tenant", foreign.slug, *every)["schedules"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--tenant", "acme"),
        ("--all-tenants",),
        ("--operation", "drift.generate"),
        ("--tenant", "acme", "--all-tenants", "--operation", "drift.generate"),
        ("0b4f1c9e-5d0a-4a53-9d57-0c7de1f5a1b2",),
        ("0b4f1c9e-5d0a-4a53-9d57-0c7de1f5a1b2", "--tenant", "acme", "--operation", "drift.generate"),
        ("0b4f1c9e-5d0a-4a53-9d57-0c7de1f5a1b2", "--all-tenants"),
    ],
)
@pytest.mark.parametrize("does", ["pause", "resume", "remove"])
def test_which_schedules_are_meant_has_to_be_said(
    does: str, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["schedule", does, *arguments]) == 2
    assert "--tenant SLUG" in capsys.readouterr().err


@pytest.mark.stack
def test_what_a_schedule_starts_is_a_run_of_its_tenant(stack: StackUnderTest) -> None:
    """A flow run without a row, as Prefect's scheduler makes it, gets its row when it begins."""
    scope = stack.tenant()
    with stack.prefect() as prefect:
        deployment = prefect.get("deployments/name/echo.speak/tenantatlas").json()["id"]
        prefect.post(
            f"deployments/{deployment}/create_flow_run", json={"parameters": {"tenant": scope.slug, "key": "scheduled"}}
        ).raise_for_status()
    reader = RunReader(stack.database(DatabaseRole.HUB), scope)
    run = eventually(lambda: next(iter(reader.list(RunFilter()).runs), None))
    assert stack.until(scope, run.id).run.status is RunStatus.COMPLETED
    assert run.trigger.value == "prefect"


@pytest.mark.stack
def test_a_scheduled_sync_is_followed_by_its_comparison(
    stack: StackUnderTest, tenantatlas: Run, tmp_path: Path
) -> None:
    scope = stack.tenant()
    source = f"folder:{export(tmp_path / 'export', [policy('10000000-0000-4000-8000-000000000000')])}"
    stack.until(scope, stack.start(scope, "inventory.sync", {"source": source}).run.id)
    add = ("schedule", "add", "--tenant", scope.slug, "--operation", "inventory.sync", "--source", source)
    assert "names no operation" in tenantatlas(*add, "--then", "no.such", "--every", "1d", code=2)
    added = tenantatlas(*add, "--then", "drift.generate", "--every", "1d")["schedules"]
    assert added[0]["parameters"] == {"source": source, "scope": "default", "full": False, "then": "drift.generate"}
    # As "Quick run" in Prefect's UI: everything that says what is to be done is the deployment's own.
    with stack.prefect() as prefect:
        deployment = prefect.get(f"deployments/name/{added[0]['deployment']}").json()["id"]
        prefect.post(f"deployments/{deployment}/create_flow_run", json={}).raise_for_status()
    reader = RunReader(stack.database(DatabaseRole.HUB), scope)
    drift = eventually(
        lambda: next(iter(reader.list(RunFilter(type=OperationType("drift", "generate"))).runs), None), seconds=90
    )
    assert stack.until(scope, drift.id).run.status is RunStatus.COMPLETED
    tenantatlas("schedule", "remove", added[0]["id"], "--tenant", scope.slug)


@pytest.mark.long
@pytest.mark.stack
def test_of_the_times_missed_while_everything_was_down_one_is_made_up(stack: StackUnderTest) -> None:
    """The server plans the times that passed, as it had done before everything was down; then the worker comes up."""
    scope = stack.tenant()
    with schedules_of(stack, "echo.speak", key="missed") as echo:
        with stack.without("worker"):
            half_an_hour_off = (datetime.now(UTC).minute + 30) % 60
            (added,) = echo.add(scope.slug, cron=f"{half_an_hour_off} * * * *")
            echo.were_missed(scope.slug)
            late = [run["id"] for run in echo.late(added.id).values()]
            assert len(late) >= 2

        def ends() -> list[tuple[str, str]]:
            found = [echo.prefect.get(f"flow_runs/{flow_run}").json() for flow_run in late]
            return [(run["state_type"], run["state_name"]) for run in found]

        eventually(lambda: all(kind == "COMPLETED" for kind, _ in ends()), seconds=90)
        assert sorted(name for _, name in ends()) == ["Completed", *["Deduplicated"] * (len(late) - 1)]
    runs = RunReader(stack.database(DatabaseRole.HUB), scope).list(RunFilter()).runs
    assert [run.trigger.value for run in runs] == ["schedule"]


@pytest.mark.long
@pytest.mark.stack
def test_a_tenant_that_is_removed_leaves_nothing_in_prefect(stack: StackUnderTest, tenantatlas: Run) -> None:
    scope, stays = stack.tenant("leaves"), stack.tenant()
    for one in (scope, stays):
        tenantatlas("schedule", "add", "--tenant", one.slug, "--operation", "run.prune", "--every", "1h")
    finished = stack.start(scope, "echo.speak", {"key": "leaves"})
    stack.until(scope, finished.run.id)
    stack.start(scope, "echo.speak", {"key": "under way", "succeed": "100000", "item_seconds": "0.1"})
    eventually(lambda: tenantatlas("tenant", "remove", scope.slug, "--dry-run")["prefect"]["under_way"] == 1)
    with stack.without("prefect-server"):
        assert tenantatlas("tenant", "remove", scope.slug, "--yes", code=5).count("\n") == 1
    assert RunReader(stack.database(DatabaseRole.HUB), scope).get(finished.run.id), "without Prefect nothing is done"
    gone = tenantatlas("tenant", "remove", scope.slug, "--yes")
    assert gone["removed"] and gone["prefect"]["schedules"] == 1
    with stack.prefect() as client:
        asked = {"flow_runs": {"tags": {"all_": [f"tenant:{scope.slug}"]}}}
        assert client.post("flow_runs/count", json=asked).json() == 0
    assert [
        one["tenant"] for one in tenantatlas("schedule", "list")["schedules"] if one["operation"] == "run.prune"
    ] == [stays.slug]
    tenantatlas("schedule", "list", "--tenant", scope.slug, code=4)


@pytest.mark.stack
def test_of_more_than_a_page_of_runs_under_way_none_is_deleted(
    stack: StackUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope, many = stack.tenant("busy"), 203
    monkeypatch.setattr(leaving, "END_SECONDS", 0.5)
    with stack.prefect() as client, temporary_settings({PREFECT_API_URL: stack.running.record.prefect_api_url}):
        flow = client.get("deployments/name/echo.speak/tenantatlas").json()["flow_id"]
        run = {"flow_id": flow, "tags": [f"tenant:{scope.slug}"], "state": {"type": "PAUSED"}}
        made = [client.post("flow_runs/", json=run).raise_for_status().json()["id"] for _ in range(many)]
        assert leaving.let_go(scope.slug) == many
        asked = {"flow_runs": {"tags": {"all_": [f"tenant:{scope.slug}"]}}}
        assert client.post("flow_runs/count", json=asked).json() == many
        for one in made:
            client.delete(f"flow_runs/{one}")
