"""Three fences around a tenant: the scope, row-level security, and what each database role may do."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Engine, event, text

from runstore.audit import AuditReader
from runstore.database import Database, DatabaseRole
from runstore.errors import ForbiddenError, NotFoundError, StoreError
from runstore.notifications import NotificationReader
from runstore.reasons import TIMED_OUT
from runstore.runs.filters import Cursor, RunFilter
from runstore.runs.insights import RunInsights
from runstore.runs.operation import OperationType
from runstore.runs.reader import RunReader
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import RunStatus
from runstore.schedules import Mirrored, ScheduleMirror, read_schedules
from runstore.schema import Base
from runstore.tenancy import Role, TenantScope
from tests.support.runs import RunSpec, add_runs

SYNC = OperationType("inventory", "sync")
SCOPED = ("operation_runs", "notifications", "audit_log", "tenants")


@pytest.fixture
def two(store: Any) -> Any:
    for slug in ("acme", "globex"):
        store.member(Role.OWNER, slug)
        start(store.app, store.member(Role.OPERATOR, slug), StartRequest(SYNC, {"scope": slug}, item_ids=[slug]))
    return store


@pytest.mark.parametrize("role", [DatabaseRole.HUB, DatabaseRole.ADMIN])
def test_a_reader_sees_its_tenant_only(two: Any, role: DatabaseRole) -> None:
    """By the database's own fence, and by the questions alone: no row is closed to ADMIN."""
    acme, globex = (RunReader(two.roles[role], two.tenant(slug)) for slug in ("acme", "globex"))
    mine, other = acme.list(RunFilter()).runs, globex.list(RunFilter()).runs
    assert {run.tenant for run in mine} == {"acme"} and {run.tenant for run in other} == {"globex"}
    assert acme.find(other[0].id) is None
    with pytest.raises(NotFoundError):
        acme.get(other[0].id)
    assert sum(acme.bucket_counts(RunFilter()).values()) == 1
    assert acme.list(RunFilter(search="globex")).runs == ()


def test_questions_in_a_row_share_a_transaction_of_their_own_tenant_only(two: Any) -> None:
    acme, globex = two.tenant("acme"), two.tenant("globex")
    here = text("SELECT pg_current_xact_id()::text, current_setting('tenantatlas.tenant_id')")

    def seen(database: Any, scope: Any) -> tuple[str, str]:
        with database.transaction(scope) as connection:
            return tuple(connection.execute(here).one())

    with two.app.reading(acme):
        first, other, worker = seen(two.app, acme), seen(two.app, globex), seen(two.worker, acme)
        with two.app.reading(acme):
            assert seen(two.app, acme) == first
        assert len({first, other, worker}) == 3
        assert [tenant for _, tenant in (first, other, worker)] == [str(s.tenant_id) for s in (acme, globex, acme)]
        run = start(two.app, acme, StartRequest(SYNC, {"scope": "lost"}, item_ids=[])).run.id
    assert seen(two.app, acme) != first
    assert RunReader(two.hub, acme).find(run) is None
    with two.hub.reading(acme), pytest.raises(StoreError), two.hub.transaction(acme) as connection:
        connection.execute(text("SELECT 1 / 0"))
    assert len(RunReader(two.hub, acme).list(RunFilter()).runs) == 1


# What each argument of a reader's method is given: a method with an argument that is not here fails until it is.
ARGUMENTS: dict[str, Callable[[UUID], Any]] = {
    "wanted": lambda theirs: RunFilter(search=str(theirs)),
    "run_id": lambda theirs: theirs,
    "run_ids": lambda theirs: [theirs],
    "flow_run_id": lambda theirs: theirs,
    "other_id": lambda theirs: theirs,
    "besides": lambda theirs: theirs,
    "operations": lambda _: [OperationType("secret", "operation")],
    "keys": lambda _: ["scope"],
    "subject": str,
    "before": lambda theirs: Cursor(datetime(2999, 1, 1, tzinfo=UTC), theirs),
    "place": lambda theirs: Cursor(datetime(2020, 1, 1, tzinfo=UTC), theirs),
    "begins": lambda _: [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)],
    "notification_id": lambda theirs: theirs,
}


class Scheduling:
    """The one function that reads schedules, as a reader."""

    def __init__(self, database: Database, scope: TenantScope) -> None:
        self._asked = database, scope

    def schedules(self) -> object:
        return read_schedules(*self._asked)


READERS = [
    (reader, name)
    for reader in (RunReader, RunInsights, NotificationReader, AuditReader, Scheduling)
    for name, _ in inspect.getmembers(reader, inspect.isfunction)
    if not name.startswith("_")
]


@pytest.mark.parametrize(("reader", "name"), READERS, ids=lambda value: getattr(value, "__name__", value))
def test_every_method_of_every_reader_answers_alike_for_anothers_and_for_nothing(
    two: Any, reader: type, name: str
) -> None:
    """Equal answers by equal statements: neither what is said nor how long it takes tells of another tenant's rows."""
    theirs = RunSpec(
        type="secret.operation", item_ids=["secret-item"], initiated_by="secret-person", flow_run_id=uuid4(),
        failures=[TIMED_OUT.failure("secret-item", seconds=1)], status=RunStatus.FAILED,
    )  # fmt: skip
    add_runs(two.worker, two.tenant("globex"), [theirs])
    times = {"stopped_by": None, "every_seconds": 60, "due_at": None, "next_at": None}
    ScheduleMirror(two.relay).replace(
        [Mirrored("globex", str(theirs.id), "secret", "operation", "secret", None, "0 6 * * *", "UTC", **times)]
    )
    asked: list[str] = []

    def add(connection: object, cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    scope = two.member(Role.READONLY, "acme")

    def answer(given: UUID) -> tuple[str, list[str]]:
        asked.clear()
        method = getattr(reader(two.app if name == "mark_read" else two.hub, scope), name)
        needed = [
            p for p in inspect.signature(method).parameters.values() if p.default is p.empty or p.name in ARGUMENTS
        ]
        try:
            said = repr(method(**{p.name: ARGUMENTS[p.name](given) for p in needed}))
        except NotFoundError as refused:
            said = str(refused)
        return said.replace(str(given), "<id>"), list(asked)

    event.listen(Engine, "before_cursor_execute", add)
    try:
        answers = [answer(given) for given in (theirs.id, uuid4(), theirs.flow_run_id or uuid4())]
    finally:
        event.remove(Engine, "before_cursor_execute", add)
    assert answers[0] == answers[1] == answers[2]
    assert "secret" not in answers[0][0].replace("secret.operation", "") and "globex" not in answers[0][0]


def test_no_tenant_set_means_no_rows_of_anything_the_hub_may_read(two: Any) -> None:
    readable = "SELECT DISTINCT table_name FROM information_schema.table_privileges WHERE grantee = :role"
    with two.admin.across_tenants() as connection:
        role = {"role": DatabaseRole.HUB.value}
        tables = set(connection.execute(text(readable), role).scalars())
    with two.hub.across_tenants() as connection:
        tables |= set(connection.execute(text(readable), role).scalars())
        assert tables >= {*SCOPED, "finished_runs", "ended_runs"}
        # Which revisions the schema is at says nothing of a tenant, and every login has to ask it.
        for table in sorted(tables - {"alembic_version"}):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0, table


def test_the_hubs_role_cannot_write_anything(two: Any) -> None:
    writes = [f"DELETE FROM {table.name}" for table in Base.metadata.sorted_tables]
    writes += [f"INSERT INTO {table.name} DEFAULT VALUES" for table in Base.metadata.sorted_tables]
    writes += [f"TRUNCATE {table.name} CASCADE" for table in Base.metadata.sorted_tables]
    writes += [
        f"UPDATE {table.name} SET {next(iter(table.primary_key)).name} = {next(iter(table.primary_key)).name}"
        for table in Base.metadata.sorted_tables
    ]
    writes += ["CREATE TABLE x (id int)", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"]
    for write in writes:
        with (
            pytest.raises(StoreError, match="SQLSTATE 42501"),
            two.app.transaction(two.tenant()) as connection,
        ):
            # The hub's own connections are read-only beside that; here the grants are tried alone.
            connection.execute(text(f"SET LOCAL ROLE {DatabaseRole.HUB}"))
            connection.execute(text(write))
        with pytest.raises(StoreError, match="SQLSTATE"), two.hub.transaction(two.tenant()) as connection:
            connection.execute(text(write))


@pytest.mark.parametrize("role", [DatabaseRole.APP, DatabaseRole.WORKER])
def test_a_writer_cannot_write_into_another_tenant(two: Any, role: DatabaseRole) -> None:
    other = two.tenant("globex")
    database = two.roles[role]
    with database.transaction(two.tenant("acme")) as connection:
        statement = text("UPDATE operation_runs SET total = 9 WHERE tenant_id = :tenant")
        assert connection.execute(statement, {"tenant": other.tenant_id}).rowcount == 0
    with pytest.raises(StoreError, match="SQLSTATE 42501"), database.transaction(two.tenant("acme")) as connection:
        connection.execute(
            text(
                "INSERT INTO operation_runs (id, tenant_id, resource, action, idempotency_key, trigger, initiated_by)"
                " VALUES (gen_random_uuid(), :tenant, 'a', 'b', 'k', 'user', 'x')"
            ),
            {"tenant": other.tenant_id},
        )


def test_every_table_has_row_level_security_forced_but_users(two: Any) -> None:
    with psycopg.connect(two.url) as connection:
        loose = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND NOT (relrowsecurity AND relforcerowsecurity)"
        ).fetchall()
    assert {name for (name,) in loose} == {"users", "ended_sessions", "alembic_version", "setting_definitions"}


def test_a_foreign_tenant_and_one_that_does_not_exist_answer_alike(two: Any) -> None:
    user = two.directory.by_email("owner@acme.example")
    answers = set()
    for slug in ("globex", "nowhere"):
        with pytest.raises(ForbiddenError) as refused:
            user.scope(slug)
        answers.add(str(refused.value))
    assert len(answers) == 1


def test_a_sign_in_binds_once_and_then_the_subject_decides(two: Any) -> None:
    directory = two.directory
    assert directory.sign_in("https://idp.example", "s1", "owner@acme.example", email_trusted=False) is None
    first = directory.sign_in("https://idp.example", "s1", "Owner@Acme.example", email_trusted=True)
    assert first is not None and first.email == "owner@acme.example"
    assert directory.sign_in("https://idp.example", "s2", "owner@acme.example", email_trusted=True) is None
    moved = directory.sign_in("https://idp.example", "s1", "other@globex.example", email_trusted=True)
    assert moved is not None and moved.id == first.id
