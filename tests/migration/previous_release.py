"""What the release before this one says to the store, word for word: recorded then, played on the schema of today.

    python -m tests.migration.previous_release

records again what this version says, into `previous_release.json`. Do that when a release is made, and never otherwise: the file
is what keeps the processes of that release working beside the schema of the next.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, event

from deployments.local.embedded_database import EmbeddedDatabase
from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.notifications import NotificationReader
from runstore.runs.filters import RunFilter
from runstore.runs.flow_runs import SilentRuns, adopt
from runstore.runs.operation import OperationType
from runstore.runs.outbox import Outbox
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Failure, Progress, RelatedLink, RunObservation, Source
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ObservedState, RunStatus
from runstore.tenancy import Role, Trigger

RECORDED = Path(__file__).with_name("previous_release.json")
SYNC = OperationType("inventory", "sync")
OWNER = "owner@acme.example"


def add_owner(url: str) -> None:
    """The one who starts runs, with the same id in both stores: it is a parameter of what is said."""
    with psycopg.connect(url, autocommit=True) as connection:
        values = (UUID("10000000-0000-4000-8000-000000000000"), OWNER)
        connection.execute("INSERT INTO users (id, email) VALUES (%s, %s)", values)


def speak(url: str) -> None:
    """A day in the life of a run and of those who look at it."""
    roles = {role: Database(url, role, pool_size=1) for role in DatabaseRole}
    directory = Directory(roles[DatabaseRole.ADMIN])
    directory.add_tenant("acme", "Acme")
    app, worker, relay = roles[DatabaseRole.APP], roles[DatabaseRole.WORKER], roles[DatabaseRole.RELAY]
    directory.grant(Directory(app).for_operator("acme"), OWNER, Role.OWNER)
    scope = Directory(app).for_operator("acme", OWNER)
    request = StartRequest(SYNC, {"scope": "a"}, {"source": "graph"}, {"scope": "a"}, ["one", "two"])
    run = start(app, scope, request).run
    start(app, scope, request)
    outbox = Outbox(relay, tenant_limit=8)
    (waiting,) = outbox.claim(20)
    outbox.postpone([waiting.id], 0)
    outbox.claim(20)
    flow_run = uuid4()
    outbox.handed_over(run.id, flow_run)
    recorder = Recorder(worker, scope)

    def observe(state: ObservedState, attempt: int, failure: Failure | None = None) -> None:
        at = datetime.now(UTC)
        recorder.observe(RunObservation(run.id, attempt, state, Source.HOOK, at, flow_run, failure))

    observe(ObservedState.RUNNING, 1)
    recorder.heartbeat(run.id, 1)
    one = Failure("one", "timed_out", "Stopped.")
    link = [RelatedLink("Inventory", "inventory")]
    recorder.progress(Progress(run.id, 1, Counts(2, 1, 1), [one], ["one", "two"], link, {"policies": 1}))
    observe(ObservedState.FINISHED, 1)
    observe(ObservedState.RUNNING, 2)
    observe(ObservedState.FAILED, 2, Failure("run", "timed_out", "Stopped."))
    observe(ObservedState.ABORTED, 3)
    other = adopt(
        worker,
        scope,
        StartRequest(SYNC, {"scope": "b"}),
        flow_run_id=uuid4(),
        attempt=1,
        trigger=Trigger.SCHEDULE,
        at=datetime.now(UTC),
    ).run
    silent = SilentRuns(relay)
    silent.claim(100, quiet_seconds=0, lease_seconds=0)
    silent.mark_contact_lost(other, after_seconds=0)
    silent.silent_for(other)
    reader = RunReader(roles[DatabaseRole.HUB], scope)
    reader.list(RunFilter(type=SYNC))
    reader.bucket_counts(RunFilter())
    assert reader.get(run.id).run.status is RunStatus.ABORTED
    NotificationReader(app, scope).list()
    NotificationReader(app, scope).mark_read()
    for database in roles.values():
        database.dispose()


@contextmanager
def listening(heard: list[tuple[str, Any]]) -> Iterator[None]:
    """Whatever any engine says while the block runs, in order, as the driver gets it."""

    def before(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        heard.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before)


def play(url: str) -> int:
    """Says to this store what the release before said to its own; how many statements that were."""
    said = json.loads(RECORDED.read_text())
    add_owner(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for number, (statement, parameters) in enumerate(said):
            if "set_config" in statement:
                # Each of them began a transaction there; roles and tenant last for one.
                connection.execute("COMMIT") if number else None
                connection.execute("BEGIN")
            connection.execute(statement, _revive(parameters))
        connection.execute("COMMIT")
    return len(said)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Jsonb):
        return {"$json": value.obj}
    if isinstance(value, UUID):
        return {"$uuid": str(value)}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    return value


def _revive(value: Any) -> Any:
    if isinstance(value, list):
        return [_revive(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$json" in value:
        return Jsonb(value["$json"])
    if "$uuid" in value:
        return UUID(value["$uuid"])
    if "$time" in value:
        return datetime.fromisoformat(value["$time"])
    return {name: _revive(one) for name, one in value.items()}


def main() -> None:
    """Records."""
    heard: list[tuple[str, Any]] = []
    with tempfile.TemporaryDirectory() as home, EmbeddedDatabase(Path(home)) as server:
        migrations.upgrade(server.url(), migration_folders())
        add_owner(server.url())
        with listening(heard):
            speak(server.url())
    RECORDED.write_text(json.dumps([_plain(one) for one in heard], indent=1) + "\n")


if __name__ == "__main__":
    main()
