"""The local stack's life: started, found by others, killed, and nothing left behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from socket import socket
from typing import Any

import psutil
import pytest

from deployments.local import specs
from deployments.local.embedded_database import EmbeddedDatabase
from deployments.local.orphans import MARK, marked_processes, sweep
from deployments.local.record import ProcessRecord, StackRecord, last_record, read_record, record_of
from deployments.local.specs import choose_port
from deployments.settings import Settings
from runstore.errors import BadInputError
from tests.contracts.test_json_schemas import check
from tests.support.outage import store_frozen
from tests.support.ports import free_port
from tests.support.stack import environment, eventually, stack_environment

SLEEPER = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)",
]


def test_processes_of_a_home_are_found_however_deep_and_ended(tmp_path: Path) -> None:
    ours = subprocess.Popen(SLEEPER, env={**os.environ, MARK: str(tmp_path)}, start_new_session=True)
    other = subprocess.Popen(SLEEPER, env={**os.environ, MARK: str(tmp_path / "other")}, start_new_session=True)
    try:
        eventually(lambda: len(marked_processes(tmp_path)) == 2)
        assert sweep(tmp_path) == 2
        assert marked_processes(tmp_path) == []
        assert other.poll() is None
    finally:
        sweep(tmp_path / "other")
        ours.wait()
        other.wait()


def test_a_taken_port_is_avoided_or_named() -> None:
    with closing(socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert choose_port(Settings.model_construct({"home"}, hub_port=port), "127.0.0.1", "hub_port") != port
        with pytest.raises(BadInputError, match="TENANTATLAS_HUB_PORT"):
            choose_port(Settings(hub_port=port), "127.0.0.1", "hub_port")
    assert choose_port(Settings(hub_port=port), "127.0.0.1", "hub_port") == port


def test_a_record_counts_only_while_its_supervisor_lives(tmp_path: Path) -> None:
    record = StackRecord("1", record_of("supervisor", os.getpid(), "running"), "postgresql://x", ready=True)
    record.write(tmp_path)
    assert read_record(tmp_path) == record
    StackRecord("1", ProcessRecord("supervisor", os.getpid(), 1.0, "running"), "postgresql://x").write(tmp_path)
    assert read_record(tmp_path) is None, "the same process id, but another process"
    assert last_record(tmp_path) is not None
    (tmp_path / "stack.json").write_text("{")
    assert last_record(tmp_path) is None


def run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*specs.TENANTATLAS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=folder)


def walk_the_readme(repository: Path) -> None:
    """Runs the commands of "Use it" between `up` and `status`."""
    block = (repository / "README.md").read_text().split("## Use it")[1].split("```")[1]
    lines = [shlex.split(line) for line in block.splitlines() if line.startswith("tenantatlas ")]
    assert [lines[0], *lines[-2:]] == [
        ["tenantatlas", *words] for words in (["up", "--detach", "--demo"], ["status"], ["down"])
    ]
    answers = [run(*words[1:], folder=repository) for words in lines[1:-2]]
    assert [answer.returncode for answer in answers] == [0] * len(answers), [answer.stderr for answer in answers]
    assert "policy modified" in answers[-1].stdout


def watch_the_database(home: Path, status: dict[str, Any]) -> None:
    """A server that hangs is told; one that is killed is started again, with every part of the stack that needs it."""
    with store_frozen(EmbeddedDatabase(home)):
        frozen = run("status", "--json")
        assert (frozen.returncode, json.loads(frozen.stdout)["database_answers"]) == (5, False)
        begun = time.monotonic()
        listed = run("tenant", "list")
        assert (listed.returncode, "not reachable" in listed.stderr) == (5, True), listed.stderr
        assert time.monotonic() - begun < 20
    (pid,) = (process["pid"] for process in status["processes"] if process["name"] == "database")
    os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        answer = run("status", "--json")
        found = json.loads(answer.stdout)
        states = {process["name"]: process["state"] for process in found["processes"]}
        pids = [process["pid"] for process in found["processes"] if process["name"] == "database"]
        return answer.returncode == 0 and pids != [pid] and set(states.values()) == {"running"}

    eventually(is_back, seconds=120)
    assert "The database ended and was started again" in (home / "stack/logs/supervisor.log").read_text()


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(900)
def test_a_stack_is_found_by_others_and_leaves_nothing_when_it_is_killed(tmp_path: Path, repository: Path) -> None:
    home = tmp_path / "home"
    with environment({**stack_environment(home), "TENANTATLAS_HUB_PORT": str(free_port())}):
        try:
            started = run("up", "--detach", "--demo", "--json")
            assert started.returncode == 0, started.stderr
            check("up", json.loads(started.stdout))
            status: dict[str, Any] = json.loads(run("status", "--json").stdout)
            assert {process["name"]: process["state"] for process in status["processes"]} == dict.fromkeys(
                ("supervisor", "database", "prefect-server", "hub", "worker", "relay"), "running"
            )
            assert (status["ready"], status["database_answers"]) == (True, True)
            watch_the_database(home, status)
            hub = next(process["pid"] for process in status["processes"] if process["name"] == "hub")
            given = {name: url for name, url in psutil.Process(hub).environ().items() if "DATABASE_URL" in name}
            assert {name: url.split("@")[0] for name, url in given.items()} == {
                "TENANTATLAS_HUB_DATABASE_URL": "postgresql://atlas_hub",
                "TENANTATLAS_APP_DATABASE_URL": "postgresql://atlas_app",
            }
            assert [worker["version"] for worker in status["workers"]] == [status["version"]]
            walk_the_readme(repository)
            again = run("up", "--detach")
            assert (again.returncode, "already runs" in again.stderr) == (1, True)
            os.kill(status["processes"][0]["pid"], signal.SIGKILL)
            eventually(lambda: not marked_processes(home))
            eventually(lambda: EmbeddedDatabase(home).pid() is None)
            assert json.loads(run("status", "--json").stdout)["processes"] == []
        finally:
            check("down", json.loads(run("down", "--json").stdout))
        assert marked_processes(home) == []
