"""Decisions about one or many findings: who is second is told what the first one did, and bad input gets a sentence."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.drift.register.decisions import MOST_AT_ONCE, Decision, decide, matching
from flows.drift.register.filters import FindingFilter
from flows.drift.register.lifecycle import FindingStatus
from flows.drift.register.reading import findings_document, histories
from runstore.errors import BadInputError, ForbiddenError
from runstore.tenancy import Role
from tests.conftest import Store
from tests.support.deciding import accept
from tests.support.drift_runs import Runs, export, policy

IDS = [f"{n:08}-0000-4000-8000-000000000000" for n in range(4)]
SEEN = Decision(FindingStatus.ACKNOWLEDGED)


@pytest.fixture
def runs(store: Store, tmp_path: Path) -> Runs:
    made = Runs(store, store.member(Role.OPERATOR))
    for name, value in (("a", 1), ("b", 2)):
        synced(made, tmp_path / name, value)
    made.drift()
    return made


def synced(runs: Runs, folder: Path, value: int) -> None:
    runs.sync(export(folder, [policy(one, f"Policy {one[:8]}", value) for one in IDS]))


def page(runs: Runs) -> dict[str, Any]:
    return findings_document(runs.store.hub, runs.scope, wanted=FindingFilter(state="all"))


def seen(document: dict[str, Any], *places: int) -> dict[str, str | None]:
    return {document["findings"][place]["id"]: document["findings"][place]["changed_at"] for place in places}


def test_many_are_accepted_at_once_and_opened_again(runs: Runs) -> None:
    document = page(runs)
    until = datetime(2099, 1, 1, tzinfo=UTC)
    asked = Decision.accepting("kim@acme.example", "as agreed", until)
    done = decide(runs.store.app, runs.scope, asked, seen(document, 0, 1, 2))
    assert (len(done["decided"]), done["refused"]) == (3, [])
    accepted = [one for one in page(runs)["findings"] if one["status"] == "accepted"]
    assert {(one["owner"], one["reason"], one["accepted_until"]) for one in accepted} == {
        ("kim@acme.example", "as agreed", until.isoformat())
    }
    told = histories(runs.store.hub, runs.scope, [one["id"] for one in accepted])
    assert {(told[one["id"]][0]["actor"], told[one["id"]][0]["event"]) for one in accepted} == {
        ("operator@acme.example", "accepted")
    }
    decide(runs.store.app, runs.scope, Decision(FindingStatus.OPEN), {one["id"]: None for one in accepted})
    assert {one["status"] for one in page(runs)["findings"]} == {"open"}


def test_two_at_once_and_the_second_is_told_what_the_first_decided(runs: Runs) -> None:
    drawn = seen(page(runs), 0, 1)
    other = runs.store.member(Role.OPERATOR, email="lee@acme.example")
    outcomes: dict[str, dict[str, Any]] = {}

    def act(name: str, scope: Any, decision: Decision) -> None:
        outcomes[name] = decide(runs.store.app, scope, decision, drawn)

    accepting = Decision.accepting("kim@acme.example", "as agreed")
    threads = [
        threading.Thread(target=act, args=("one", runs.scope, accepting)),
        threading.Thread(target=act, args=("two", other, SEEN)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    first, second = sorted(outcomes.values(), key=lambda one: len(one["refused"]))
    assert (len(first["decided"]), len(second["refused"])) == (2, 2)
    why = second["refused"][0]["why"]
    assert "was first: accepted at" in why or "lee@acme.example was first: acknowledged at" in why


def test_what_moved_or_was_resolved_meanwhile_is_not_decided_about(runs: Runs, tmp_path: Path) -> None:
    document = page(runs)
    drawn = seen(document, 0)
    synced(runs, tmp_path / "c", 3)
    runs.drift()
    accepting = Decision.accepting("kim", "as it was")
    (refused,) = decide(runs.store.app, runs.scope, accepting, drawn)["refused"]
    assert "drift.generate was first: moved at" in refused["why"]
    everything = matching(runs.store.app, runs.scope, FindingFilter(), document["as_of"])
    assert len(decide(runs.store.app, runs.scope, accepting, everything)["refused"]) == len(IDS)
    synced(runs, tmp_path / "d", 1)
    runs.drift()
    (refused,) = decide(runs.store.app, runs.scope, accepting, seen(page(runs), 0))["refused"]
    assert "is resolved" in refused["why"]


def test_all_that_the_filters_let_through_are_decided_about(runs: Runs) -> None:
    document = page(runs)
    wanted = FindingFilter(text="policy 00000002", severity="high")
    chosen = matching(runs.store.app, runs.scope, wanted, document["as_of"])
    assert [one["policy_name"] for one in decide(runs.store.app, runs.scope, SEEN, chosen)["decided"]] == [
        "Policy 00000002"
    ]


def test_bad_input_gets_a_sentence(runs: Runs) -> None:
    one = page(runs)["findings"][0]["id"]
    app = runs.store.app
    with pytest.raises(BadInputError, match="future"):
        Decision.accepting("kim", "why", datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(BadInputError, match="The reason has 10,000 characters, and at most 1,000 are kept"):
        accept(app, runs.scope, one, owner="kim", reason="x" * 10_000)
    with pytest.raises(BadInputError, match="At most 5,000 findings"):
        decide(app, runs.scope, SEEN, {f"{n}": None for n in range(MOST_AT_ONCE + 1)})
    with pytest.raises(ForbiddenError):
        decide(app, runs.store.member(Role.READONLY), SEEN, {one: None})
    other = runs.store.tenant("globex")
    theirs, nobodys = (decide(app, other, SEEN, {given: None})["refused"] for given in (one, IDS[0]))
    assert theirs[0]["why"].replace(one, "ID") == nobodys[0]["why"].replace(IDS[0], "ID")
    assert matching(app, other, FindingFilter(), datetime.now(UTC).isoformat()) == {}
