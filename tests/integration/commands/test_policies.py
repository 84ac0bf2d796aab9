"""`tenantatlas inventory policies`: the ids that a backup set is filled by."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from flows._policies.tables import InventorySync
from runstore.tenancy import Role
from tests.conftest import Store
from tests.support.command_line import CommandLine
from tests.support.drift_runs import Runs, export, policy

LISTED = ("inventory", "policies", "--tenant", "acme")
ONE, TWO = str(UUID(int=1)), str(UUID(int=2))


@pytest.fixture
def runs(store: Store, tmp_path: Path) -> Runs:
    """Two syncs of the default scope, the newer with one policy more, and one of another scope."""
    made = Runs(store, store.tenant())
    made.sync(export(tmp_path / "a", [policy(ONE, "Old name")]))
    made.sync(export(tmp_path / "b", [policy(ONE, "New name"), policy(TWO, "Baseline")]))
    made.sync(export(tmp_path / "c", [policy(str(UUID(int=3)), "Elsewhere")]), "lab")
    return made


def syncs(tenantatlas: CommandLine) -> list[dict[str, Any]]:
    """Newest first."""
    return tenantatlas("inventory", "list", "--tenant", "acme", "--json").document["syncs"]


def test_the_policies_are_the_newest_usable_syncs(tenantatlas: CommandLine, runs: Runs, store: Store) -> None:
    document = tenantatlas(*LISTED, "--json").document
    catalog = "settings_catalog"
    assert document["policies"] == [
        {"policy_id": TWO, "policy_type": catalog, "policy_name": "Baseline"},
        {"policy_id": ONE, "policy_type": catalog, "policy_name": "New name"},
    ]
    assert document["not_listed"] == 0
    with store.worker.transaction(runs.scope) as connection:
        connection.execute(update(InventorySync).where(InventorySync.id == document["sync_id"]).values(status="failed"))
    assert [one["policy_name"] for one in tenantatlas(*LISTED, "--json").document["policies"]] == ["Old name"]


def test_another_scope_or_an_earlier_sync_is_named(tenantatlas: CommandLine, runs: Runs) -> None:
    lab = tenantatlas(*LISTED, "--scope", "lab", "--json").document
    assert [one["policy_name"] for one in lab["policies"]] == ["Elsewhere"]
    earliest = syncs(tenantatlas)[-1]["id"]
    named = tenantatlas(*LISTED, "--sync", earliest, "--json").document
    assert (named["sync_id"], [one["policy_name"] for one in named["policies"]]) == (earliest, ["Old name"])
    mixed = tenantatlas(*LISTED, "--sync", earliest, "--scope", "lab")
    assert (mixed.code, "leave out --scope" in mixed.err) == (2, True)


def test_people_get_ids_in_one_piece_and_a_word_about_the_rest(
    tenantatlas: CommandLine, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.cli.console._PIPE_WIDTH", 80)
    said = tenantatlas(*LISTED).out
    assert ONE in said and TWO in said
    assert "--limit" not in said
    first = tenantatlas(*LISTED, "--limit", "1").out
    assert TWO in first and ONE not in first
    assert "1 more are not listed; --limit 2 " in first
    assert tenantatlas(*LISTED, "--limit", "1", "--json").document["not_listed"] == 1


def test_an_id_longer_than_others_is_folded_and_never_cut(
    tenantatlas: CommandLine, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = f"{UUID(int=9)}_Windows10EnrollmentCompletionPageConfiguration"
    runs.sync(export(tmp_path / "d", [policy(long, "x" * 70), policy(ONE, "y" * 70)]), "long")
    for width in (80, 160):
        monkeypatch.setattr("deployments.cli.console._PIPE_WIDTH", width)
        lines = tenantatlas(*LISTED, "--scope", "long").out.splitlines()
        assert any(ONE in line for line in lines)
        assert (
            long in "".join(line[2:38].strip() for line in lines)
            if width == 80
            else any(long in line for line in lines)
        )
        assert all(len(line) <= width for line in lines)


def test_a_scope_without_a_usable_sync_says_what_to_do(tenantatlas: CommandLine) -> None:
    outcome = tenantatlas(*LISTED)
    assert (outcome.code, outcome.out.count("\n")) == (0, 1)
    assert "tenantatlas inventory sync" in outcome.out
    assert tenantatlas(*LISTED, "--json").document == {"sync_id": None, "policies": [], "not_listed": 0}


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--sync", "x"), 2, "UUID"),
        (("--sync", str(UUID(int=0))), 4, "inventory list"),
        (("--limit", "0"), 2, "between 1 and"),
        (("--limit", "100001"), 2, "between 1 and"),
    ],
)
def test_what_cannot_be_listed_is_one_sentence(
    tenantatlas: CommandLine, more: tuple[str, ...], code: int, said: str
) -> None:
    outcome = tenantatlas(*LISTED, *more)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
    assert said in outcome.err


@pytest.mark.parametrize(("status", "said"), [("running", "not finished"), ("failed", "read nothing")])
def test_a_sync_that_is_not_usable_is_refused(
    tenantatlas: CommandLine, runs: Runs, store: Store, status: str, said: str
) -> None:
    sync = syncs(tenantatlas)[0]
    values = {"status": status, **({"finished_at": None} if status == "running" else {})}
    with store.worker.transaction(runs.scope) as connection:
        connection.execute(update(InventorySync).where(InventorySync.id == sync["id"]).values(values))
    outcome = tenantatlas(*LISTED, "--sync", sync["id"])
    assert (outcome.code, said in outcome.err) == (2, True)


def test_a_tenants_policies_are_its_members_alone(tenantatlas: CommandLine, runs: Runs, store: Store) -> None:
    store.member(Role.READONLY, email="rita@acme.example")
    store.member(Role.OWNER, "globex", email="gus@globex.example")
    assert tenantatlas(*LISTED, "--as", "rita@acme.example").code == 0
    assert tenantatlas(*LISTED, "--as", "gus@globex.example").code == 3
    own = (
        "inventory",
        "policies",
        "--tenant",
        "globex",
        "--as",
        "gus@globex.example",
        "--sync",
        syncs(tenantatlas)[0]["id"],
    )
    assert tenantatlas(*own).code == 4


def test_a_refused_policy_id_says_where_ids_are(tenantatlas: CommandLine, runs: Runs, store: Store) -> None:
    made = tenantatlas("backup", "create", "--tenant", "acme", "--name", "Set", "--json").document["set"]["id"]
    refused = tenantatlas("backup", "add-policies", "--tenant", "acme", "--set", made, "--policy", "x" * 201)
    assert (refused.code, "tenantatlas inventory policies" in refused.err) == (2, True)
    one = tenantatlas(*LISTED, "--json").document["policies"][0]["policy_id"]
    assert tenantatlas("backup", "add-policies", "--tenant", "acme", "--set", made, "--policy", one).code == 0
