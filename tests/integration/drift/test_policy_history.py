"""A policy's history is what syncs saw: its versions, who made them, what was not read, and what differs between any two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from flows._policies.snapshots import find_sync, list_syncs
from flows._policies.tables import PolicyAuditEvent
from flows.drift.policy_history import diff_between, policy_history, tenant_at
from runstore.errors import BadInputError, NotFoundError
from runstore.tenancy import TenantScope
from tests.conftest import Store
from tests.support.drift_runs import Runs, export, policy
from tests.support.unsealed import hashed_otherwise

ONE, OTHER = (f"{n:08}-0000-4000-8000-000000000000" for n in (1, 2))


@pytest.fixture
def runs(store: Store, tmp_path: Path) -> Runs:
    """Value 1 twice, value 2, not read, value 2 again, gone, back with 3; the other policy stays as it is."""
    made = Runs(store, store.tenant())
    for number, value in enumerate((1, 1, 2, "unread", 2, None, 3)):
        folder = export(tmp_path / str(number), [policy(OTHER, "Other")])
        if value == "unread":
            (folder / "broken.json").write_text("{")
        elif value is not None:
            export(tmp_path / str(number), [policy(OTHER, "Other"), policy(ONE, "One", value)])
        made.sync(folder)
    return made


def history(runs: Runs, policy_id: str = ONE, **wanted: Any) -> dict[str, Any]:
    # With the role of the pages, which is the one that may do least.
    return policy_history(runs.store.hub, runs.scope, policy_id, **wanted)


def seen(document: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(one["state"], one["syncs"], one["not_read"]) for one in document["versions"]]


def test_the_versions_are_those_that_syncs_saw_and_unread_is_not_gone(runs: Runs) -> None:
    document = history(runs)
    assert seen(document) == [("present", 1, 0), ("absent", 1, 0), ("present", 2, 1), ("present", 2, 0)]
    back, gone, second, first = document["versions"]
    assert [(one["before"], one["after"]) for one in second["changes"]] == [(1, 2)]
    assert back["changes"] == gone["changes"] == first["changes"] == []
    assert "changed_by" not in first and second["changed_by"] == {"status": "no_audit_log"}
    assert (document["policy_name"], document["not_listed"]) == ("One", 0)
    assert seen(history(runs, OTHER)) == [("present", 7, 0)]


def test_any_two_versions_can_be_compared(runs: Runs) -> None:
    ids = [one["first_sync_id"] for one in history(runs)["versions"]]
    (change,) = history(runs, between=(ids[3], ids[0]))["diff"]["changes"]
    assert (change["before"], change["after"]) == (1, 3)
    assert history(runs, between=(ids[0], ids[0]))["diff"]["changes"] == []
    with pytest.raises(NotFoundError):
        history(runs, between=(ids[0], str(UUID(int=0))))


def test_a_content_that_is_kept_no_longer_is_said_to_be_unknown(runs: Runs) -> None:
    with runs.store.admin.transaction(runs.scope) as connection:
        connection.execute(text("DELETE FROM policy_contents"))
    assert [one["changes"] for one in history(runs)["versions"]] == [[], [], None, []]


def test_newer_rules_make_no_version_and_show_no_secret(runs: Runs) -> None:
    newest = list_of(runs)[0]
    with runs.store.admin.transaction(runs.scope) as connection:
        hashed_otherwise(connection, runs.scope)
        moved = "UPDATE inventory_sync_policies SET content_hash = sha256(content_hash) WHERE sync_id = :sync"
        connection.execute(text(moved), {"sync": newest})
        connection.execute(text("UPDATE inventory_syncs SET canonical_version = 1 WHERE id = :sync"), {"sync": newest})
    assert seen(history(runs, OTHER)) == [("present", 7, 0)]


def test_what_only_the_newer_version_of_graph_answers_makes_no_version(store: Store, tmp_path: Path) -> None:
    made = Runs(store, store.tenant("umbrella"))
    made.sync(export(tmp_path / "old", [policy(ONE, "One", 1)]))
    made.sync(export(tmp_path / "new", [{**policy(ONE, "One", 1), "onlyBetaHasIt": True}]))
    assert seen(history(made)) == [("present", 1, 0), ("present", 1, 0)]
    with store.admin.transaction(made.scope) as connection:
        for sync, version in zip(list_of(made), ("beta", "v1.0"), strict=True):
            moved = "UPDATE inventory_sync_policies SET origin = :origin WHERE sync_id = :sync"
            connection.execute(text(moved), {"sync": sync, "origin": f"{version}/deviceManagement/policies"})
    assert seen(history(made)) == [("present", 2, 0)]


def test_who_made_a_version_is_who_changed_the_policy_between_the_two_syncs(runs: Runs) -> None:
    syncs = list_of(runs)[::-1]
    with runs.store.admin.transaction(runs.scope) as connection:
        before, current = (find_sync(connection, runs.scope, syncs[place]) for place in (1, 2))
        assert before is not None and current is not None
        read = '{"intune": {"status": "read", "since": "2020-01-01T00:00:00+00:00"}}'
        connection.execute(text("UPDATE inventory_syncs SET audit = CAST(:read AS jsonb)"), {"read": read})
        for who, at in (("early@x", before.started_at), ("kim@x", current.started_at), ("late@x", datetime.now(UTC))):
            event = {"tenant_id": runs.scope.tenant_id, "policy_id": ONE, "at": at, "activity": "Patch", "actor": who}
            connection.execute(insert(PolicyAuditEvent).values(event))
    assert history(runs)["versions"][2]["changed_by"]["who"] == "kim@x"
    assert history(runs)["versions"][1]["changed_by"]["status"] == "no_event"


def list_of(runs: Runs) -> list[UUID]:
    with runs.store.admin.transaction(runs.scope) as connection:
        return [sync.id for sync in list_syncs(connection, runs.scope)]


def test_the_tenant_as_of_a_moment_is_the_last_usable_sync_of_each_scope(runs: Runs, tmp_path: Path) -> None:
    runs.sync(export(tmp_path / "else", [policy(OTHER, "Other")]), key="else")
    now = datetime.now(UTC)
    document = tenant_at(runs.store.app, runs.scope, now)
    assert [one["scope"] for one in document["syncs"]] == ["default", "else"]
    assert len(document["policies"]) == 3 and document["not_listed"] == 0
    unread = next(one for one in history(runs)["versions"] if one["not_read"])
    then = datetime.fromisoformat(unread["last_seen_at"]) - timedelta(microseconds=1)
    (sync,) = tenant_at(runs.store.app, runs.scope, then)["syncs"]
    assert not sync["complete"] and sync["not_read"]
    nothing = tenant_at(runs.store.app, runs.scope, now - timedelta(days=1))
    assert (nothing["syncs"], nothing["policies"]) == ([], [])


def test_what_differs_between_two_moments(runs: Runs) -> None:
    moments = [datetime.fromisoformat(one["first_seen_at"]) for one in history(runs)["versions"]]
    document = diff_between(runs.store.app, runs.scope, "default", moments[3], moments[2], None)
    assert [one["policy_id"] for one in document["findings"]] == [ONE]
    assert diff_between(runs.store.app, runs.scope, "default", moments[3], moments[2], OTHER)["findings"] == []
    with pytest.raises(BadInputError, match="between the two moments"):
        diff_between(runs.store.app, runs.scope, "default", moments[0], datetime.now(UTC), None)
    with pytest.raises(NotFoundError):
        diff_between(runs.store.app, runs.scope, "default", moments[3] - timedelta(days=1), moments[0], None)


def test_another_tenants_policy_is_as_one_that_nobody_saw(runs: Runs) -> None:
    other: TenantScope = runs.store.tenant("globex")
    said: set[str] = set()
    for policy_id in (ONE, str(UUID(int=7)), "\x00", "x" * 5_000):
        with pytest.raises(NotFoundError) as refused:
            policy_history(runs.store.hub, other, policy_id)
        said.add(str(refused.value))
    assert len(said) == 1
    assert tenant_at(runs.store.app, other, datetime.now(UTC))["policies"] == []
