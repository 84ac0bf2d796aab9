"""Findings, snapshots and audit entries have spans of their own: what something still needs stays, and the rest works as before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flows._policies.snapshots import bodies, list_syncs
from flows.drift.start import pin_baseline
from flows.retention.kept import due, prune_kept
from runstore.audit import AuditReader, record_audit
from runstore.database import Database, DatabaseRole
from runstore.tenancy import TenantScope
from tests.conftest import Store
from tests.support.command_line import CommandLine
from tests.support.drift_runs import Runs, export, policy

NOW = datetime.now(UTC)
BEFORE = NOW - timedelta(days=90)


def aged(store: Store, *statements: str) -> None:
    with store.admin.across_tenants() as connection:
        for statement in statements:
            connection.execute(text(statement))


def hashes(database: Database, scope: TenantScope, table: str) -> set[bytes]:
    query = text(f"SELECT content_hash FROM {table} WHERE tenant_id = :tenant")
    with database.transaction(scope) as connection:
        return {bytes(row[0]) for row in connection.execute(query, {"tenant": scope.tenant_id})}


def values(tmp_path: Path, **of: int) -> Path:
    return export(
        tmp_path / "-".join(f"{name}{value}" for name, value in of.items()),
        [
            policy(f"00000000-0000-4000-8000-00000000000{number}", name, value)
            for number, (name, value) in enumerate(of.items())
        ],
    )


@pytest.mark.parametrize("role", [DatabaseRole.ADMIN, DatabaseRole.WORKER])
def test_a_snapshot_stays_while_something_needs_it(store: Store, tmp_path: Path, role: DatabaseRole) -> None:
    scope, database = store.tenant(), store.roles[role]
    runs = Runs(store, scope)
    pinned = runs.sync(values(tmp_path, a=1, b=1))
    for a in (2, 3, 5, 6, 4):
        runs.sync(values(tmp_path, a=a, b=1))
        runs.drift()
    runs.sync(values(tmp_path, a=4, b=2))
    runs.drift()
    for b in (2, 3):
        runs.sync(values(tmp_path, a=4, b=b), key="other")
    with store.app.transaction(scope) as connection:
        (first,) = [one for one in list_syncs(connection, scope) if one.run_id == pinned]
    pin_baseline(store.app, scope, sync_id=str(first.id), reason="golden")
    other = Runs(store, store.tenant("globex"))
    for a in (7, 8, 9):
        other.sync(values(tmp_path, a=a))
    aged(
        store,
        "UPDATE inventory_syncs SET started_at = started_at - interval '200 days', finished_at = finished_at - interval '200 days'",
        "UPDATE policy_contents SET created_at = created_at - interval '200 days'",
    )
    with store.app.transaction(scope) as connection:
        before = list_syncs(connection, scope)
        opened = connection.execute(text("SELECT count(*) FROM drift_findings WHERE status <> 'resolved'")).scalar_one()
    assert opened == 2
    theirs = hashes(store.admin, other.scope, "policy_contents")

    expected = due(database, scope, "snapshots", BEFORE)
    assert prune_kept(database, scope, "snapshots", BEFORE) == expected > 0
    assert prune_kept(database, scope, "snapshots", BEFORE) == 0

    with store.app.transaction(scope) as connection:
        after = list_syncs(connection, scope)
        needed = hashes(store.app, scope, "inventory_sync_policies")
        assert bodies(connection, scope, needed).keys() == needed, "every policy that is listed can be shown"
    gone = {one.id for one in before} - {one.id for one in after}
    assert len(gone) == expected and pinned not in {one.run_id for one in before if one.id in gone}
    assert {one.id for one in before[:2]} <= {one.id for one in after}
    with store.admin.transaction(scope) as connection:
        found = connection.execute(
            text(
                "SELECT before_hash, after_hash, origin_hash FROM drift_findings WHERE status <> 'resolved' AND tenant_id = :tenant"
            ),
            {"tenant": scope.tenant_id},
        )
        kept = {bytes(one) for row in found for one in row if one is not None}
    assert hashes(store.admin, scope, "policy_contents") == needed | kept
    assert hashes(store.admin, other.scope, "policy_contents") == theirs
    # The next comparison is as it would have been.
    runs.sync(values(tmp_path, a=4, b=1))
    runs.drift()
    assert {one["status"] for one in runs.found()["findings"]} <= {"open", "resolved"}


def test_resolved_findings_go_and_open_ones_stay(store: Store, tmp_path: Path) -> None:
    scope = store.tenant()
    runs = Runs(store, scope)
    for a, b in ((1, 1), (2, 2), (1, 2)):
        runs.sync(values(tmp_path, a=a, b=b))
        if (a, b) != (1, 1):
            runs.drift()
    count = "SELECT status, count(*) FROM drift_findings GROUP BY 1"
    with store.admin.transaction(scope) as connection:
        assert {status: number for status, number in connection.execute(text(count))} == {"resolved": 1, "open": 1}
    assert prune_kept(store.worker, scope, "findings", BEFORE) == 0
    aged(
        store,
        "UPDATE drift_findings SET resolved_at = resolved_at - interval '200 days', first_seen_at = now() - interval '300 days'"
        " WHERE status = 'resolved'",
    )
    assert due(store.worker, scope, "findings", BEFORE) == 1
    assert prune_kept(store.worker, scope, "findings", BEFORE) == 1
    with store.admin.transaction(scope) as connection:
        assert {status: number for status, number in connection.execute(text(count))} == {"open": 1}


@pytest.mark.parametrize(
    ("harm", "problems"),
    [
        (None, []),
        ("DELETE FROM audit_log WHERE seq = 4", [{"seq": 5, "what": "missing"}]),
        ("UPDATE audit_log SET actor = 'nobody' WHERE seq = 4", [{"seq": 4, "what": "changed"}]),
        ("DELETE FROM audit_log WHERE seq = 7", [{"seq": 8, "what": "missing"}]),
    ],
)
def test_what_is_left_of_the_audit_log_is_verified(store: Store, harm: str | None, problems: list[Any]) -> None:
    scope = store.tenant()
    with store.app.transaction(scope) as connection:
        for number in range(7):
            record_audit(connection, scope, "test.act", f"thing {number}")
    rehashed(store)
    assert due(store.admin, scope, "audit", BEFORE) == 3
    assert prune_kept(store.admin, scope, "audit", BEFORE) == 3
    with store.app.transaction(scope) as connection:
        record_audit(connection, scope, "test.act", "later")
    if harm:
        aged(store, harm)
    found = AuditReader(store.app, scope).verify()
    assert (found["problems"], found["whole"]) == (problems, not problems)


def rehashed(store: Store) -> None:
    """The first three entries become old ones, with the hashes they would have had then."""
    aged(
        store,
        "UPDATE audit_log SET at = at - interval '200 days' WHERE seq <= 3",
        *(
            f"UPDATE audit_log e SET hash = audit_hash(e, coalesce((SELECT hash FROM audit_log WHERE seq = {seq} - 1), ''))"
            f" WHERE seq = {seq}"
            for seq in range(1, 8)
        ),
        "UPDATE audit_heads SET hash = (SELECT hash FROM audit_log WHERE seq = 7)",
    )


def test_the_command_says_how_much_and_then_does_it(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.tenant()
    tenantatlas = CommandLine(tmp_path / "home", capsys, {"TENANTATLAS_DATABASE_URL": store.url})
    prune = (
        "runs",
        "prune",
        "--older-than",
        "30d",
        "--findings",
        "60d",
        "--snapshots",
        "60d",
        "--audit",
        "90d",
        "--tenant",
        "acme",
    )
    looked = tenantatlas(*prune, "--dry-run")
    assert looked.code == 0 and looked.out.count("would be forgotten") == 4
    assert tenantatlas(*prune, "--json").document["kept"] == {"findings": 0, "snapshots": 0, "audit": 0}
    wrong = tenantatlas("runs", "prune", "--older-than", "30d", "--snapshots", "soon", "--tenant", "acme")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "--snapshots" in wrong.err
