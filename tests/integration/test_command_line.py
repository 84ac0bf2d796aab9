"""The command line without a running stack: answers, roles, and every bad input as one sentence and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.local.embedded_database import EmbeddedDatabase
from tests.support.command_line import CommandLine
from tests.support.ports import free_port

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    # Held open, so that not every command has to start the server.
    with EmbeddedDatabase(home):
        yield home


@pytest.fixture
def tenantatlas(home: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    line = CommandLine(home, capsys)
    if "acme" not in line("tenant", "list").out:
        assert line("tenant", "add", "acme", "--name", "Acme [bold]\x1b[31m\u202eevil").code == 0
        assert line("tenant", "add", "globex", "--name", "Globex").code == 0
        assert line("member", "grant", "--tenant", "acme", "--user", "rita@example.com", "--role", "readonly").code == 0
        assert (
            line("member", "grant", "--tenant", "acme", "--user", "oscar@example.com", "--role", "operator").code == 0
        )
    return line


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    policy = {
        "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
        "id": "6f0f6c0f-0c55-4d27-9c86-3f1df2d7a001",
        "displayName": "Baseline",
        "passwordRequired": True,
    }
    (folder / "baseline.json").write_text(json.dumps(policy))
    return folder


def runs(tenantatlas: CommandLine) -> list[dict[str, Any]]:
    return tenantatlas("runs", "list", "--tenant", "acme", "--json", "--limit", "500").document["runs"]


def test_a_first_command_needs_no_set_up_and_answers_in_json(tenantatlas: CommandLine) -> None:
    listed = tenantatlas("tenant", "list", "--json")
    assert listed.code == 0
    assert [tenant["slug"] for tenant in listed.document["tenants"]] == ["acme", "globex"]
    assert listed.err == ""


def test_names_are_text_and_nothing_else(tenantatlas: CommandLine) -> None:
    shown = tenantatlas("tenant", "list").out
    assert "[bold]" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_start_answers_with_the_run_and_a_second_one_with_the_same(tenantatlas: CommandLine, exports: Path) -> None:
    asked = ("inventory", "sync", "--tenant", "acme", "--source", f"folder:{exports}", "--json")
    first, second = tenantatlas(*asked), tenantatlas(*asked)
    assert (first.code, second.code) == (0, 0)
    run = first.document["run"]
    assert set(run) >= {"id", "type", "status", "bucket", "reused", "url"}
    assert (run["type"], run["status"], run["bucket"], run["reused"]) == ("inventory.sync", "pending", "queued", False)
    assert second.document["run"]["id"] == run["id"]
    assert second.document["run"]["reused"] is True
    assert run["url"].endswith(f"/r/acme/{run['id']}")
    shown = tenantatlas("runs", "show", run["id"], "--tenant", "acme", "--json").document["run"]
    assert shown["initiated_by"] == "local operator"
    assert set(shown) >= {"context", "item_ids", "failures", "related", "flow_run_id", "counts", "trigger"}


def test_a_role_that_does_not_allow_it_is_refused_and_writes_nothing(tenantatlas: CommandLine, exports: Path) -> None:
    before = len(runs(tenantatlas))
    asked = ("inventory", "sync", "--tenant", "acme", "--scope", "other", "--source", f"folder:{exports}")
    refused = tenantatlas(*asked, "--as", "rita@example.com")
    assert refused.code == 3
    assert "readonly" in refused.err
    assert tenantatlas("runs", "list", "--tenant", "acme", "--as", "rita@example.com").code == 0
    assert len(runs(tenantatlas)) == before


def test_a_foreign_tenant_and_an_unknown_one_get_the_same_answer(tenantatlas: CommandLine) -> None:
    answers = [
        tenantatlas("runs", "list", "--tenant", tenant, "--as", "rita@example.com") for tenant in ("globex", "nobody")
    ]
    assert [(answer.code, answer.out) for answer in answers] == [(3, ""), (3, "")]
    assert answers[0].err == answers[1].err


def test_only_those_who_administer_a_tenant_grant_roles(tenantatlas: CommandLine) -> None:
    asked = ("member", "grant", "--tenant", "acme", "--user", "eve@example.com", "--role", "owner")
    assert tenantatlas(*asked, "--as", "oscar@example.com").code == 3
    assert tenantatlas("tenant", "add", "mine", "--name", "Mine", "--as", "oscar@example.com").code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["frob"], 2, "frob"),
        ([], 2, "command"),
        (["runs", "list"], 2, "--tenant"),
        (["runs", "list", "--tenant", "nobody"], 4, "nobody"),
        (["runs", "list", "--tenant", "acme", "--limit", "0"], 2, "between 1 and 500"),
        (["runs", "list", "--tenant", "acme", "--limit", "many"], 2, "--limit"),
        (["runs", "list", "--tenant", "acme", "--cursor", "xyz"], 2, "cursor"),
        (["runs", "list", "--tenant", "acme", "--type", "drift"], 2, "resource.action"),
        (["runs", "list", "--tenant", "acme", "--bucket", "sunk"], 2, "queued, running"),
        (["runs", "list", "--tenant", "acme", "--since", "yesterday"], 2, "not a time"),
        (["runs", "list", "--tenant", "acme", "--since", "2026-03-02", "--until", "2026-03-01"], 2, "range"),
        (["runs", "list", "--tenant", "acme", "--since", "999999w"], 2, "not a time"),
        (["runs", "prune", "--tenant", "acme", "--older-than", "0d"], 2, "from 1d to 99999d"),
        (
            ["schedule", "add", "--tenant", "acme", "--operation", "run.prune", "--set", "a=1", "--set", "a=2"],
            2,
            "twice",
        ),
        (["deploy", "--remove-missing", "--as", "olivia@example.com"], 3, "leave out --as"),
        (["db", "upgrade", "--as", "olivia@example.com"], 3, "leave out --as"),
        (["runs", "show", "x\x1b[2J", "--tenant", "acme"], 2, "not a run id"),
        (["runs", "show", UNKNOWN, "--tenant", "acme"], 4, UNKNOWN),
        (["tenant", "add", "A b", "--name", "x"], 2, "slug"),
        (["tenant", "add", "acme", "--name", "Again"], 2, "exists"),
        (["member", "grant", "--tenant", "acme", "--user", "nobody", "--role", "owner"], 2, "email"),
        (["member", "grant", "--tenant", "acme", "--user", "a@example.com", "--role", "boss"], 2, "not a role"),
        (["member", "revoke", "--tenant", "acme", "--user", "zed@example.com"], 4, "not a member"),
        (["inventory", "sync", "--tenant", "acme", "--source", "folder:/no/such/folder"], 2, "no folder"),
        (["inventory", "sync", "--tenant", "acme", "--source", "ftp:x"], 2, "folder:PATH"),
        (["inventory", "sync", "--tenant", "nobody", "--source", "graph"], 4, "nobody"),
        (["inventory", "sync", "--tenant", "acme", "--source", "graph", "--scope", "a b"], 2, "scope"),
        (["drift", "generate", "--tenant", "acme", "--scope", "never-synced"], 2, "two successful syncs"),
        (["drift", "generate", "--tenant", "acme", "--baseline", "1", "--current", "2"], 2, "UUID"),
        (["drift", "generate", "--tenant", "acme", "--baseline", UNKNOWN, "--current", UNKNOWN], 4, UNKNOWN),
        (["drift", "findings", "--tenant", "acme", "--run", UNKNOWN], 4, UNKNOWN),
        (["down", "--frob"], 2, "--frob"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_sentence_and_its_exit_code(
    tenantatlas: CommandLine, arguments: list[str], code: int, said: str
) -> None:
    before = len(runs(tenantatlas))
    outcome = tenantatlas(*arguments)
    assert outcome.code == code, outcome.err
    assert said.lower() in outcome.err.lower()
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    assert "\x1b" not in outcome.err
    assert len(runs(tenantatlas)) == before


def test_an_empty_folder_is_refused_before_there_is_a_run(tenantatlas: CommandLine, tmp_path: Path) -> None:
    outcome = tenantatlas("inventory", "sync", "--tenant", "acme", "--source", f"folder:{tmp_path}")
    assert (outcome.code, "no *.json" in outcome.err) == (2, True)


def test_waiting_without_a_stack_is_refused_before_there_is_a_run(tenantatlas: CommandLine, exports: Path) -> None:
    before = len(runs(tenantatlas))
    asked = ("inventory", "sync", "--tenant", "acme", "--scope", "waiting", "--source", f"folder:{exports}", "--wait")
    outcome = tenantatlas(*asked)
    assert (outcome.code, "tenantatlas up" in outcome.err) == (5, True)
    assert len(runs(tenantatlas)) == before


def test_a_database_that_is_down_is_named_without_its_password(tenantatlas: CommandLine) -> None:
    url = f"postgresql://someone:hunter2hunter2@127.0.0.1:{free_port()}/store"
    outcome = tenantatlas("runs", "list", "--tenant", "acme", TENANTATLAS_DATABASE_URL=url)
    assert outcome.code == 5
    assert "hunter2" not in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_older_schema_is_refused_with_the_command_that_mends_it(tenantatlas: CommandLine, home: Path) -> None:
    server = EmbeddedDatabase(home)
    server.ensure_database("older")
    url = server.url("older")
    refused = tenantatlas("runs", "list", "--tenant", "acme", TENANTATLAS_DATABASE_URL=url)
    assert (refused.code, "tenantatlas db upgrade" in refused.err) == (5, True)
    assert tenantatlas("db", "check", TENANTATLAS_DATABASE_URL=url).code == 5
    assert tenantatlas("db", "upgrade", TENANTATLAS_DATABASE_URL=url).code == 0
    assert tenantatlas("db", "check", TENANTATLAS_DATABASE_URL=url).code == 0


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TENANTATLAS_HUB_PORT", "ninety", "whole number"),
        ("TENANTATLAS_HUB_PORT", "70000", "at most 65535"),
        ("TENANTATLAS_DATABASE_URL", "mysql://u:hunter2@h/d", "PostgreSQL address"),
        ("PREFECT_API_URL", "4200", "address"),
        ("TENANTATLAS_WORKER_POLL_SECONDS", "0", "at least"),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not(
    tenantatlas: CommandLine, variable: str, value: str, said: str
) -> None:
    outcome = tenantatlas("status", **{variable: value})
    assert outcome.code == 2
    assert variable in outcome.err
    assert said in outcome.err
    assert "hunter2" not in outcome.err


def test_settings_come_from_the_homes_env_file_after_the_environment(tenantatlas: CommandLine, home: Path) -> None:
    file = home / ".env"
    file.write_text("TENANTATLAS_HUB_PORT=nonsense\nAZURE_CLIENT_ID=abc\n")
    try:
        assert f"{file}" in tenantatlas("status").err
        assert tenantatlas("status", TENANTATLAS_HUB_PORT="9000").code == 0
    finally:
        file.unlink()


def test_status_without_a_stack_says_so(tenantatlas: CommandLine, home: Path) -> None:
    document = tenantatlas("status", "--json").document
    assert set(document) >= {"version", "home", "hub_url", "prefect_ui_url", "prefect_api_url", "database_url"}
    assert (document["processes"], document["home"]) == ([], str(home))
    assert tenantatlas("down").code == 0


def test_the_demo_refuses_a_home_with_tenants_of_ones_own(tenantatlas: CommandLine) -> None:
    outcome = tenantatlas("demo", "--exit")
    assert (outcome.code, "TENANTATLAS_HOME" in outcome.err) == (2, True)


def test_an_error_nobody_foresaw_is_a_sentence_and_a_file(
    tenantatlas: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the inside of postgresql://ann:hunter2-hunter2@db/atlas")

    monkeypatch.setattr("deployments.store_access.verify_schema", broken)
    outcome = tenantatlas("tenant", "list")
    assert outcome.code == 1
    assert "ZeroDivisionError" in outcome.err
    assert "Traceback" not in outcome.err
    log = (home / "stack" / "logs" / "errors.log").read_text()
    # It is there to be sent to those who can correct the product.
    assert "\nZeroDivisionError: the inside of postgresql://ann:" in log and "hunter2" not in log


def test_a_reader_that_closes_the_pipe_is_no_error(home: Path, tenantatlas: CommandLine) -> None:
    script = f"{sys.executable} -m deployments.cli.main tenant list --json | head -c 1"
    variables = {**os.environ, "TENANTATLAS_HOME": str(home)}
    finished = subprocess.run(["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True, env=variables)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_commands_that_only_read_import_neither_prefect_nor_streamlit(home: Path, tenantatlas: CommandLine) -> None:
    code = (
        "import sys\nfrom deployments.cli import main as cli\n"
        "code = cli.run(['runs', 'list', '--tenant', 'acme', '--json'])\n"
        "sys.exit(code or ('prefect' in sys.modules) or ('streamlit' in sys.modules))"
    )
    variables = {**os.environ, "TENANTATLAS_HOME": str(home)}
    assert subprocess.run([sys.executable, "-c", code], env=variables, stdout=subprocess.DEVNULL).returncode == 0


def test_runs_are_pruned_by_who_administers_the_tenant_in_their_own_tenants(tenantatlas: CommandLine) -> None:
    assert (
        tenantatlas("member", "grant", "--tenant", "acme", "--user", "olivia@example.com", "--role", "owner").code == 0
    )
    prune = ("runs", "prune", "--older-than", "180d", "--all-tenants", "--json")
    own = tenantatlas(*prune, "--as", "olivia@example.com")
    assert (own.code, own.document["by_tenant"]) == (0, {"acme": 0})
    assert set(tenantatlas(*prune).document["by_tenant"]) == {"acme", "globex"}
    assert tenantatlas(*prune, "--as", "oscar@example.com").code == 3


@pytest.mark.parametrize("age", ["180", "0d", "26w", "soon", "-1d"])
def test_an_age_that_is_none_prunes_nothing(tenantatlas: CommandLine, age: str) -> None:
    refused = tenantatlas("runs", "prune", "--older-than", age, "--tenant", "acme")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("no.such",), "is not an operation here; there are backup_set.add_policies, drift.generate"),
        (("drift.generate", "--set", "scop=x"), "cannot use its parameter 'scop'"),
        (("drift.generate", "--set", "scope=x", "--set", "scope=y"), "names 'scope' twice"),
        (("drift.generate", "--set", "scope"), "write it as NAME=VALUE"),
        (("inventory.sync",), "cannot use its parameter 'source': Field required"),
        (("inventory.sync", "--set", "source=graph", "--set", "full=perhaps"), "cannot use its parameter 'full'"),
        (("inventory.sync", "--set", "source=folder:/no/such"), "There is no folder"),
    ],
)
def test_runs_start_refuses_in_one_sentence(tenantatlas: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    tenantatlas("tenant", "add", "acme", "--name", "Acme")
    refused = tenantatlas("runs", "start", *arguments, "--tenant", "acme")
    assert refused.code == 2
    assert says in refused.err
    assert refused.err.count("\n") == 1


def test_runs_start_starts_any_operation(tenantatlas: CommandLine) -> None:
    tenantatlas("tenant", "add", "acme", "--name", "Acme")
    many = ("--set", "set_id=0b4f1c9e-5d0a-4a53-9d57-0c7de1f5a1b2", "--set", "policy_ids=b,a")
    started = tenantatlas("runs", "start", "backup_set.add_policies", "--tenant", "acme", *many, "--json").document
    assert started["run"]["type"] == "backup_set.add_policies"
    shown = tenantatlas("runs", "show", started["run"]["id"], "--tenant", "acme", "--json").document
    assert shown["run"]["item_ids"] == ["a", "b"]
