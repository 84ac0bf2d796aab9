"""The audit log is a chain that the database makes: what was changed, removed or swapped is found, and no role can write it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from runstore.audit import AuditReader, record_audit, record_audits
from runstore.database import DatabaseRole
from runstore.errors import BadInputError, StoreError
from runstore.runs.filters import Cursor
from tests.conftest import Store

ACME = "WHERE tenant_id = (SELECT id FROM tenants WHERE slug = 'acme') AND seq ="


@pytest.fixture
def reader(store: Store) -> AuditReader:
    """Six entries of one tenant and two of another."""
    scope, other = store.tenant("acme"), store.tenant("globex")
    with store.app.transaction(scope) as connection:
        record_audits(connection, scope, "drift.accepted", {f"finding {n}": {"reason": f"r{n}"} for n in range(5)})
    with store.worker.transaction(scope) as connection:
        record_audit(connection, scope, "run.start", "run 1")
    with store.app.transaction(other) as connection:
        record_audits(connection, other, "drift.accepted", {"theirs": {}, "too": {}})
    return AuditReader(store.app, scope)


def owner(store: Store, *statements: str) -> None:
    with psycopg.connect(store.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


def test_an_untouched_log_is_whole(store: Store, reader: AuditReader) -> None:
    found = reader.verify()
    assert (found["checked"], found["unchained"], found["problems"], found["whole"]) == (6, 0, [], True)
    assert AuditReader(store.hub, store.tenant("globex")).verify()["checked"] == 2


@pytest.mark.parametrize(
    ("done", "problems"),
    [
        (f"UPDATE audit_log SET actor = 'nobody' {ACME} 3", [{"seq": 3, "what": "changed"}]),
        (f"DELETE FROM audit_log {ACME} 3", [{"seq": 4, "what": "missing"}]),
        (f"DELETE FROM audit_log {ACME} 6", [{"seq": 6, "what": "end"}]),
        (f"DELETE FROM audit_log {ACME} 1", [{"seq": 2, "what": "missing"}]),
    ],
)
def test_a_changed_and_a_removed_entry_are_found(
    store: Store, reader: AuditReader, done: str, problems: list[Any]
) -> None:
    owner(store, done)
    assert reader.verify()["problems"] == problems


def test_two_swapped_entries_are_found(store: Store, reader: AuditReader) -> None:
    owner(store, *(f"UPDATE audit_log SET seq = {new} {ACME} {old}" for old, new in ((2, 99), (4, 2), (99, 4))))
    assert {one["seq"] for one in reader.verify()["problems"]} >= {2, 4}


def test_an_entry_with_a_hash_made_up_for_it_breaks_the_next(store: Store, reader: AuditReader) -> None:
    before = f"(SELECT hash FROM audit_log {ACME} 2)"
    owner(
        store,
        f"UPDATE audit_log SET actor = 'x' {ACME} 3",
        f"UPDATE audit_log e SET hash = audit_hash(e, {before}) {ACME} 3",
    )
    assert reader.verify()["problems"] == [{"seq": 4, "what": "changed"}]


def test_many_writers_at_once_make_one_chain(store: Store, reader: AuditReader) -> None:
    scope = store.tenant("acme")

    def write() -> None:
        for number in range(5):
            with store.app.transaction(scope) as connection:
                record_audit(connection, scope, "run.start", f"run {number}")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (reader.verify()["checked"], reader.verify()["whole"]) == (26, True)


@pytest.mark.parametrize("role", [DatabaseRole.APP, DatabaseRole.WORKER, DatabaseRole.HUB])
def test_no_role_writes_the_chain_itself(store: Store, reader: AuditReader, role: DatabaseRole) -> None:
    for statement in ("UPDATE audit_heads SET seq = 0", "DELETE FROM audit_log", "UPDATE audit_log SET actor = 'x'"):
        with pytest.raises(StoreError, match="SQLSTATE"), store.roles[role].transaction(store.tenant()) as c:
            c.execute(text(statement))


def test_an_entry_cannot_bring_a_place_of_its_own(store: Store, reader: AuditReader) -> None:
    scope = store.tenant("acme")
    values = "gen_random_uuid(), :tenant, 'x', 'forged', 's', 99, sha256('x')"
    statement = f"INSERT INTO audit_log (id, tenant_id, actor, verb, subject, seq, hash) VALUES ({values})"
    with store.app.transaction(scope) as connection:
        connection.execute(text(statement), {"tenant": scope.tenant_id})
    assert (reader.list(verb="forged")[0]["seq"], reader.verify()["whole"]) == (7, True)


def test_the_list_goes_on_after_an_entry(store: Store, reader: AuditReader) -> None:
    every = [one["id"] for one in reader.list()]
    first = reader.list(limit=2)
    place = Cursor(datetime.fromisoformat(first[-1]["at"]), UUID(first[-1]["id"]))
    assert [one["id"] for one in [*first, *reader.list(before=place)]] == every


def test_the_log_is_read_by_person_act_subject_and_time(store: Store, reader: AuditReader) -> None:
    assert [one["subject"] for one in reader.list(verb="RUN.")] == ["run 1"]
    assert len(reader.list(subject="finding")) == 5 and len(reader.list(limit=2)) == 2
    now = datetime.now(UTC)
    assert reader.list(since=now + timedelta(hours=1)) == [] and len(reader.list(until=now + timedelta(hours=1))) == 6
    assert not any("theirs" in one["subject"] for one in reader.list())
    with pytest.raises(BadInputError, match="between 1 and"):
        reader.list(limit=0)
