"""Backup from the command line, through the whole stack: Graph server, relay, Prefect, worker, store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from deployments.local.local_stack import LocalStack
from deployments.settings import load_settings
from flows.registry import operations, reasons
from runstore.database import DatabaseRole
from runstore.directory import Directory
from runstore.runs.status import RunStatus
from tests.acceptance.faults.harness import flow_processes
from tests.integration.backup.conftest import KEY
from tests.support.graph_server import GraphServer
from tests.support.graph_server.policies import slug_of
from tests.support.stack import StackUnderTest, environment, eventually, stack_environment

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

POLICIES = 1000


@dataclass
class GraphStack:
    stack: StackUnderTest
    server: GraphServer

    def call(self, *arguments: str, code: int = 0) -> Any:
        """The JSON document of a command, or its sentence when it is to fail."""
        command = [sys.executable, "-m", "deployments.cli", *arguments, "--tenant", "graph", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
        assert done.returncode == code, done.stderr + self.stack.last_words()
        return json.loads(done.stdout) if done.stdout else done.stderr

    def new_set(self, name: str) -> str:
        return self.call("backup", "create", "--name", name)["set"]["id"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStack]:
    with GraphServer.running(policies=POLICIES) as server:
        variables = stack_environment(tmp_path_factory.mktemp("home")) | server.environment
        with environment(variables | {"TENANTATLAS_ENCRYPTION_KEY": KEY}), LocalStack(load_settings()) as running:
            stack = StackUnderTest(running)
            Directory(stack.database(DatabaseRole.ADMIN)).add_tenant("graph", "Graph", server.directory_id)
            yield GraphStack(stack, server)
            stack.dispose()


def types_of(server: GraphServer) -> dict[str, str]:
    return {key: slug_of(kind) for kind, bodies in server.policies().items() for key in bodies}


def test_a_set_of_a_thousand_with_seven_failing_ids_is_partial(graph: GraphStack, tmp_path: Path) -> None:
    synced = graph.call("inventory", "sync", "--source", "graph", "--wait")["run"]
    assert (synced["bucket"], synced["counts"]["succeeded"]) == ("succeeded", POLICIES)
    assert "waited" in synced["context"]["graph"]["summary"]
    failing = [key for key, slug in sorted(types_of(graph.server).items()) if slug == "settings_catalog"][:7]
    graph.server.control(
        faults={"scripts": [{"match": f"{key}/settings", "kind": "forbidden", "times": -1} for key in failing]}
    )
    set_id = graph.new_set("Weekly")
    run = graph.call("backup", "add-policies", "--set", set_id, "--all", "--wait")["run"]
    graph.server.control(faults={})
    assert run["type"] == "backup_set.add_policies"
    assert (run["bucket"], run["reused"]) == ("partial", False)
    assert run["counts"] == {
        "total": POLICIES,
        "processed": POLICIES,
        "succeeded": POLICIES - 7,
        "failed": 7,
        "skipped": 0,
    }
    assert sorted(failure["item_id"] for failure in run["failures"]) == failing
    assert {failure["reason_code"] for failure in run["failures"]} == {"graph_permission_missing"}
    steps = reasons()
    assert all("DeviceManagementConfiguration.Read.All" in failure["message"] for failure in run["failures"])
    assert all(steps[failure["reason_code"]].next_step for failure in run["failures"])
    assert run["related"][0]["url"]
    again = graph.call("backup", "add-policies", "--set", set_id, "--all", "--wait")["run"]
    assert (again["counts"]["succeeded"], again["counts"]["skipped"]) == (7, POLICIES - 7)
    shown = graph.call("backup", "show", "--set", set_id)
    assert len(shown["items"]) == POLICIES
    exported = graph.call("backup", "export", "--set", set_id, "--to", str(tmp_path / "out"))
    assert exported["policies"] == POLICIES


def test_killed_half_way_it_goes_on_with_what_is_missing(graph: GraphStack) -> None:
    expected = types_of(graph.server)
    set_id = graph.new_set("Killed")
    scope = Directory(graph.stack.database(DatabaseRole.APP)).for_operator("graph")
    graph.server.control(latency=1.5, reset=True)
    started = graph.call("backup", "add-policies", "--set", set_id, "--all")["run"]
    eventually(lambda: graph.call("backup", "show", "--set", set_id)["items"], seconds=180, pause=0.2)
    for process in flow_processes(graph.stack):
        process.kill()
    died = graph.stack.until(scope, UUID(started["id"]))
    assert died.run.status is RunStatus.FAILED
    there = {item["policy_id"] for item in graph.call("backup", "show", "--set", set_id)["items"]}
    assert 0 < len(there) < POLICIES
    graph.server.control(latency=0.0, reset=True)
    run = graph.call("backup", "add-policies", "--set", set_id, "--all", "--wait")["run"]
    counted = graph.server.counted()
    assert (run["counts"]["succeeded"], run["counts"]["skipped"]) == (POLICIES - len(there), len(there))
    assert not counted["by_policy"].keys() & there
    items = [item["policy_id"] for item in graph.call("backup", "show", "--set", set_id)["items"]]
    assert sorted(items) == sorted(expected)


def test_what_cannot_be_asked_for_has_its_exit_code(graph: GraphStack) -> None:
    set_id = graph.new_set("Refusals")
    assert "No policy is selected" in graph.call("backup", "add-policies", "--set", set_id, code=2)
    assert "is not the id of a backup set" in graph.call("backup", "add-policies", "--set", "x", "--all", code=2)
    foreign = "0f0f0f0f-0000-4000-8000-000000000000"
    assert "no such backup set" in graph.call("backup", "add-policies", "--set", foreign, "--all", code=3)
    assert "already" in graph.call("backup", "create", "--name", "Refusals", code=2)
    run = graph.call("backup", "add-policies", "--set", set_id, "--policy", "no id!", "--wait", code=1)["run"]
    assert [failure["reason_code"] for failure in run["failures"]] == ["graph_policy_id_invalid"]
    assert "backup_set.add_policies" in {str(kind) for kind in operations()}
