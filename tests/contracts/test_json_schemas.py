"""The command line's JSON is what `docs/contracts` says: every key there is described, and every key described is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from runstore.reasons import INTERNAL_ERROR
from runstore.runs.status import RunStatus
from runstore.tenancy import Role
from tests.conftest import Store
from tests.support.command_line import CommandLine
from tests.support.drift_runs import Runs
from tests.support.runs import RunSpec, add_runs

CONTRACTS = Path(__file__).parents[2] / "docs" / "contracts"
SAMPLES = Path(__file__).parents[2] / "deployments" / "samples" / "acme"


def closed(schema: Any) -> Any:
    """The schema with nothing allowed but what it describes, so that a key nobody described is noticed here."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    # A schema that leaves room says so itself.
    return {"additionalProperties": False, **inner} if "properties" in schema else inner


def check(name: str, document: Any) -> None:
    """Fails unless the document is exactly what the schema of this name says."""
    schema = json.loads((CONTRACTS / f"{name}.schema.json").read_text())
    Draft202012Validator(closed(schema), format_checker=jsonschema.FormatChecker()).validate(document)


@pytest.fixture
def runs(store: Store) -> Runs:
    """Two syncs of a sample tenant, their comparison, and a run that failed."""
    made = Runs(store, store.tenant())
    for folder in sorted(path for path in SAMPLES.iterdir() if path.is_dir()):
        made.sync(folder)
    made.drift()
    failed = INTERNAL_ERROR.failure("item", error="ValueError", correlation_id="0" * 32)
    add_runs(
        store.worker,
        made.scope,
        [RunSpec(status=RunStatus.COMPLETED_WITH_ERRORS, total=2, succeeded=1, failures=[failed])],
    )
    return made


@pytest.fixture
def tenantatlas(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    store.member(Role.OWNER)
    return CommandLine(tmp_path / "home", capsys, {"TENANTATLAS_DATABASE_URL": store.url})


@pytest.fixture
def said(tenantatlas: CommandLine) -> Callable[..., Any]:
    """Runs a command, holds its document to the schema, and answers it."""

    def run(schema: str, *words: str, code: int = 0) -> Any:
        done = tenantatlas(*words, "--json")
        assert done.code == code, done.err
        check(schema, done.document)
        return done.document

    return run


def test_every_schema_is_one_and_is_tried() -> None:
    files = [
        *Path(__file__).parent.glob("test_json_schemas*.py"),
        Path(__file__).parents[1] / "integration/test_local_stack.py",
    ]
    tests = "".join(path.read_text() for path in files)
    for path in CONTRACTS.iterdir():
        Draft202012Validator.check_schema(json.loads(path.read_text()))
        assert f'("{path.name.removesuffix(".schema.json")}", ' in tests, path.name


def test_what_a_dump_answers(said: Callable[..., Any], tmp_path: Path) -> None:
    assert said("db-dump", "db", "dump", str(tmp_path / "store.dump"))["rows"]["memberships"] == 1


def test_a_missing_key_and_one_too_many_are_noticed() -> None:
    check("down", {"stopped": True})
    for wrong in ({}, {"stopped": "yes"}, {"stopped": True, "more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            check("down", wrong)


def test_runs_and_starts(said: Callable[..., Any], runs: Runs) -> None:
    acme = ("--tenant", "acme")
    listed = said("runs-list", "runs", "list", *acme)["runs"]
    assert {run["bucket"] for run in listed} >= {"succeeded", "partial"}
    said("runs-list", "runs", "list", *acme, "--limit", "1")
    for run in listed:
        said("runs-show", "runs", "show", run["id"], *acme)
    sync = ("inventory", "sync", *acme, "--source", f"folder:{SAMPLES / '2026-10-05'}")
    assert not said("start-action", *sync)["run"]["reused"]
    assert said("start-action", *sync)["run"]["reused"]
    said("start-action", "drift", "generate", *acme)
    said("runs-prune", "runs", "prune", "--older-than", "180d", *acme)


def test_inventory_and_backup(said: Callable[..., Any], runs: Runs, tmp_path: Path) -> None:
    acme = ("--tenant", "acme")
    assert said("inventory-list", "inventory", "list", *acme)["syncs"]
    assert said("inventory-policies", "inventory", "policies", *acme)["policies"]
    policy = said("inventory-show", "inventory", "show", *acme)["policies"][0]
    assert said("inventory-show-policy", "inventory", "show", *acme, "--policy", policy["policy_id"])["versions"]
    moments = [one["started_at"] for one in said("inventory-list", "inventory", "list", *acme)["syncs"]]
    assert said("drift-diff", "inventory", "diff", *acme, "--from", moments[1], "--to", moments[0])["findings"]
    made = said("backup-create", "backup", "create", *acme, "--name", "Before")["set"]["id"]
    assert said("backup-list", "backup", "list", *acme)["sets"]
    said("backup-show", "backup", "show", *acme, "--set", made)
    said("start-action", "backup", "add-policies", *acme, "--set", made, "--all")
    said("backup-export", "backup", "export", *acme, "--set", made, "--to", str(tmp_path / "out"))


def test_drift(said: Callable[..., Any], runs: Runs, tmp_path: Path) -> None:
    acme = ("--tenant", "acme")
    found = said("drift-findings", "drift", "findings", *acme)["findings"]
    assert len({one["kind"] for one in found}) > 2
    one = ("--finding", found[0]["id"])
    said("drift-decision", "drift", "acknowledge", *acme, *one)
    words = ("--owner", "Olivia", "--reason", "Agreed", "--until", "2999-01-31")
    said("drift-decision", "drift", "accept", *acme, *one, *words)
    said("drift-findings", "drift", "findings", *acme)
    said("drift-decision", "drift", "reopen", *acme, *one)
    said("tenant", "tenant", "set", "acme", "--allow-reveal")
    said("drift-reveal", "drift", "reveal", *acme, *one)
    assert len(said("drift-history", "drift", "history", *acme, *one)["events"]) > 3
    check("drift-findings", json.loads(said("drift-report", "drift", "report", *acme, "--format", "json")["report"]))
    said("drift-report", "drift", "report", *acme, "--output", str(tmp_path / "report.html"))
    rule = ("--policy-type", "settings_catalog")
    assert said("drift-ignore-preview", "drift", "ignore", "add", *acme, *rule, "--preview")["hidden"]
    added = said("drift-ignore-add", "drift", "ignore", "add", *acme, *rule, "--reason", "Known")["rule"]["id"]
    assert said("drift-ignore-list", "drift", "ignore", "list", *acme)["rules"]
    said("drift-rule-remove", "drift", "ignore", "remove", *acme, "--rule", added)
    said("drift-severity-add", "drift", "severity", "add", *acme, "--severity", "low", *rule)
    assert said("drift-severity-list", "drift", "severity", "list", *acme)["rules"]
    said("drift-baseline-pin", "drift", "baseline", "pin", *acme, "--reason", "Golden")
    said("drift-baseline-unpin", "drift", "baseline", "unpin", *acme)
    assert said("audit-list", "audit", "list", *acme, "--verb", "drift.", "--since", "1d")["entries"]
    assert said("audit-export", "audit", "export", *acme, "--output", str(tmp_path / "audit.csv"))["entries"] > 3
    assert said("audit-verify", "audit", "verify", *acme)["whole"]
    said("drift-ignore-add", "drift", "ignore", "add", *acme, "--policy-type", "scope_tag", "--reason", "Known")
    folders = [str(SAMPLES / name) for name in ("2026-10-05", "2026-11-02")]
    sync = f"sync:{said('inventory-list', 'inventory', 'list', *acme)['syncs'][0]['id']}"
    assert said("drift-diff", "drift", "diff", *folders)["unread"]["current"]
    assert said("drift-diff", "drift", "diff", folders[0], sync, *acme)["findings"]


def test_tenants_members_and_the_store(said: Callable[..., Any], store: Store) -> None:
    said("tenant", "tenant", "add", "globex", "--name", "Globex")
    said("tenant", "tenant", "set", "globex", "--directory", "globex.example")
    assert {one["directory"] for one in said("tenant-list", "tenant", "list")["tenants"]} == {None, "globex.example"}
    globex = ("--tenant", "globex", "--user", "g@globex.example")
    said("member-grant", "member", "grant", *globex, "--role", "operator")
    said("member-list", "member", "list", "--tenant", "globex")
    said("member-revoke", "member", "revoke", *globex)
    said("db-schema", "db", "upgrade")
    said("db-schema", "db", "check")
    said("db-seal", "db", "seal")
    said("tenant-credential", "tenant", "credential", "acme", "--cloud", "dod")
    said("tenant-check", "tenant", "check", "acme", code=1)
    said("db-logins", "db", "logins")
    said("status", "status")


@pytest.mark.parametrize(
    ("words", "code"),
    [(("runs", "list", "--tenant", "nobody"), 4), (("runs", "show", "x", "--tenant", "acme"), 2)],
)
def test_an_error_is_a_sentence_on_stderr_and_no_document(
    tenantatlas: CommandLine, store: Store, words: tuple[str, ...], code: int
) -> None:
    done = tenantatlas(*words, "--json")
    assert (done.code, done.out) == (code, "")
    assert done.err.count("\n") == 1
