"""`drift diff` with a stored sync on a side: the findings of two folders, the tenant's rules, and secrets said to be unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flows._policies.snapshots import list_syncs
from runstore.tenancy import Role
from tests.conftest import Store
from tests.support.command_line import CommandLine, Outcome
from tests.support.drift_runs import Runs, export, policy
from tests.support.unsealed import hashed_otherwise

SAMPLES = Path(__file__).parents[3] / "deployments" / "samples" / "acme"
BEFORE, AFTER = SAMPLES / "2026-10-05", SAMPLES / "2026-11-02"
ACME = ("--tenant", "acme")
ONE, TWO = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2))


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store, store.tenant())


@pytest.fixture
def diff(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    store.member(Role.READONLY)
    line = CommandLine(tmp_path / "home", capsys, {"TENANTATLAS_DATABASE_URL": store.url})
    return lambda *words: line("drift", "diff", *map(str, words))


def wifi(secret: str) -> dict[str, Any]:
    named = {"@odata.type": "#microsoft.graph.windowsWifiEnterpriseEAPConfiguration", "displayName": "Office"}
    return {"id": ONE, **named, "preSharedKey": secret, "assignments": []}


def subjects(outcome: Outcome) -> list[Any]:
    return [(one["id"], one["severity"], one["changes"]) for one in outcome.document["findings"]]


def test_a_sync_gives_what_its_folder_would(runs: Runs, diff: Callable[..., Outcome]) -> None:
    older, newer = (f"sync:{runs.sync(folder)}" for folder in (BEFORE, AFTER))
    folders = diff(BEFORE, AFTER, "--json")
    assert len(subjects(folders)) > 3
    for sides in ((older, AFTER), (BEFORE, newer), (older, newer)):
        mixed = diff(*sides, *ACME, "--json")
        assert subjects(mixed) == subjects(folders)
        held = [one for one in mixed.document["withheld"] if one["reason_code"] != "secrets_not_compared"]
        assert held == folders.document["withheld"]
        told = [one["reason_code"] for one in mixed.document["unread"]["current"]]
        assert told == [one["reason_code"] for one in folders.document["unread"]["current"]]
    with runs.store.worker.transaction(runs.scope) as connection:
        ids = [sync.id for sync in list_syncs(connection, runs.scope)]
    assert diff(f"sync:{ids[1]}", AFTER, *ACME, "--json").document["comparisons"] == [
        {"baseline": f"sync:{ids[1]}", "current": str(AFTER)}
    ]


def test_secrets_of_a_folder_and_a_sync_are_said_to_be_unknown(
    runs: Runs, diff: Callable[..., Outcome], tmp_path: Path
) -> None:
    first, second = (export(tmp_path / name, [wifi(f"correct-horse-{name}"), policy(TWO)]) for name in ("a", "b"))
    older, newer = (f"sync:{runs.sync(folder)}" for folder in (first, second))
    said = diff(older, second, *ACME).out
    assert "Nothing drifted in what was read." in said
    assert "secrets in 1 Device configuration" in said
    assert "correct-horse" not in said
    # Both by the tenant's key: there the secret is compared.
    assert [one["path"] for one in diff(older, newer, *ACME, "--json").document["findings"][0]["changes"]] == [
        "preSharedKey"
    ]
    gone = export(tmp_path / "c", [{**wifi("x"), "preSharedKey": None}, policy(TWO)])
    assert "Pre shared key" in diff(older, gone, *ACME).out


def test_contents_of_older_rules_are_read_by_those_in_force(runs: Runs, diff: Callable[..., Outcome]) -> None:
    sync = runs.sync(BEFORE)
    with runs.store.worker.transaction(runs.scope) as connection:
        connection.execute(text("UPDATE inventory_syncs SET canonical_version = 1"))
        hashed_otherwise(connection, runs.scope)
        connection.execute(text("UPDATE inventory_sync_policies SET content_hash = sha256(content_hash)"))
    assert subjects(diff(f"sync:{sync}", AFTER, *ACME, "--json")) == subjects(diff(BEFORE, AFTER, "--json"))


def test_each_wrong_side_is_one_sentence_and_its_own_code(
    runs: Runs, diff: Callable[..., Outcome], tmp_path: Path
) -> None:
    sync, empty = runs.sync(BEFORE), export(tmp_path / "broken", [{"x": 1}])
    nobody = f"sync:{TWO}"
    wrong: list[tuple[int, str, tuple[Any, ...]]] = [
        (2, "say whose with --tenant", (f"sync:{sync}", AFTER)),
        (2, "name one side as sync:ID", (BEFORE, AFTER, *ACME)),
        (2, "named as sync:ID", ("sync:newest", AFTER, *ACME)),
        (2, "same sync", (f"sync:{sync}", f"sync:{sync}", *ACME)),
        (2, "There is no folder", (f"sync:{sync}", tmp_path / "nowhere", *ACME)),
        (2, "Not one policy", (f"sync:{sync}", empty, *ACME)),
        (2, "read nothing", (f"sync:{runs.sync(empty)}", AFTER, *ACME)),
        (3, "", (f"sync:{sync}", AFTER, *ACME, "--as", "stranger@acme.example")),
        (4, "no sync", (nobody, AFTER, *ACME)),
        (4, "", (f"sync:{sync}", AFTER, "--tenant", "nobody")),
    ]
    for code, sentence, words in wrong:
        outcome = diff(*words)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1), (words, outcome)
        assert sentence in outcome.err, outcome.err
    assert diff(f"sync:{sync}", AFTER, *ACME, "--fail-on", "critical").code == 1
