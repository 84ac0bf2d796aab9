"""Schedules on a real Prefect server: added, listed, paused, removed, and what they start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from deployments.embedded_database import PREFECT, EmbeddedDatabase
from runstore.database import DatabaseRole
from runstore.directory import Directory
from runstore.filters import RunFilter
from runstore.operation import OperationType
from runstore.reader import RunReader
from runstore.status import RunStatus
from runstore.tenancy import Role
from tests.support.drift_runs import export, policy
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


@pytest.mark.stack
def test_a_schedule_is_added_listed_paused_and_removed(stack: StackUnderTest, tenantatlas: Run) -> None:
    scope = stack.tenant()
    add = ("schedule", "add", "--tenant", scope.slug, "--operation", "drift.generate", "--scope", "nightly")
    when = ("--cron", "0 6 * * *", "--timezone", "Europe/Berlin")
    added = tenantatlas(*add, *when)["schedules"]
    assert [one["operation"] for one in added] == ["drift.generate"]
    again = tenantatlas(*add, *when)["schedules"]
    assert len(tenantatlas("schedule", "list", "--tenant", scope.slug)["schedules"]) == len(again) == 1
    schedule = again[0]
    first = datetime.fromisoformat(schedule["next_runs"][0]).astimezone(BERLIN)
    assert (first.hour, first.minute) == (6, 0)
    tenantatlas("schedule", "pause", schedule["id"], "--tenant", scope.slug)
    assert tenantatlas("schedule", "list", "--tenant", scope.slug)["schedules"][0]["active"] is False
    tenantatlas("schedule", "resume", schedule["id"], "--tenant", scope.slug)
    # Registering the flows again leaves schedules alone.
    tenantatlas("deploy")
    assert tenantatlas("schedule", "list", "--tenant", scope.slug)["schedules"][0]["active"] is True
    other = stack.tenant()
    assert "no schedule" in tenantatlas("schedule", "remove", schedule["id"], "--tenant", other.slug, code=4)
    tenantatlas("schedule", "remove", schedule["id"], "--tenant", scope.slug)
    assert tenantatlas("schedule", "list", "--tenant", scope.slug)["schedules"] == []


@pytest.mark.stack
def test_only_those_who_administer_a_tenant_schedule(stack: StackUnderTest, tenantatlas: Run) -> None:
    scope = stack.tenant()
    Directory(stack.database(DatabaseRole.ADMIN)).grant(scope, "oscar@example.com", Role.OPERATOR)
    add = ("schedule", "add", "--tenant", scope.slug, "--operation", "drift.generate", "--every", "1d")
    tenantatlas(*add, "--as", "oscar@example.com", code=3)
    assert "no access" in tenantatlas("schedule", "list", "--as", "nobody@example.com", code=3)
    nowhere = ("--operation", "inventory.sync", "--every", "1d", "--source", "folder:no/such/folder")
    assert "no/such/folder" in tenantatlas("schedule", "add", "--tenant", scope.slug, *nowhere, code=2)
    assert "no operation" in tenantatlas(*add[:-4], "--operation", "no.such", "--every", "1d", code=2)


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
    with stack.prefect() as prefect:
        deployment = prefect.get("deployments/name/inventory.sync/tenantatlas").json()["id"]
        parameters = {"tenant": scope.slug, **added[0]["parameters"]}
        prefect.post(f"deployments/{deployment}/create_flow_run", json={"parameters": parameters}).raise_for_status()
    reader = RunReader(stack.database(DatabaseRole.HUB), scope)
    drift = eventually(
        lambda: next(iter(reader.list(RunFilter(type=OperationType("drift", "generate"))).runs), None), seconds=90
    )
    assert stack.until(scope, drift.id).run.status is RunStatus.COMPLETED
    tenantatlas("schedule", "remove", added[0]["id"], "--tenant", scope.slug)


@pytest.mark.stack
def test_of_the_times_missed_while_everything_was_down_one_is_made_up(stack: StackUnderTest) -> None:
    """Late flow runs as Prefect's scheduler leaves them; only their mark is set by hand, because it plans once a minute."""
    scope = stack.tenant()
    with stack.prefect() as prefect:
        deployment = prefect.get("deployments/name/echo.speak/tenantatlas").json()["id"]
        planned = {"parameters": {"tenant": scope.slug, "key": "missed"}}
        with stack.without("worker"):
            late = [
                prefect.post(f"deployments/{deployment}/create_flow_run", json=planned).json()["id"] for _ in range(3)
            ]
            prefect_store = EmbeddedDatabase(stack.running.settings.home).url(PREFECT)
            with psycopg.connect(prefect_store) as connection:
                connection.execute("UPDATE flow_run SET auto_scheduled = true WHERE id::text = ANY(%s)", (late,))

        def ends() -> list[tuple[str, str]]:
            found = [prefect.get(f"flow_runs/{flow_run}").json() for flow_run in late]
            return [(run["state_type"], run["state_name"]) for run in found]

        eventually(lambda: all(kind == "COMPLETED" for kind, _ in ends()), seconds=90)
        assert sorted(name for _, name in ends()) == ["Completed", "Deduplicated", "Deduplicated"]
    runs = RunReader(stack.database(DatabaseRole.HUB), scope).list(RunFilter()).runs
    assert [run.trigger.value for run in runs] == ["schedule"]
