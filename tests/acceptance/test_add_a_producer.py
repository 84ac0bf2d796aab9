"""The guide's own code blocks make a working producer in one new folder, with no other edit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from runstore.runs.reader import RunReader
from runstore.runs.status import RunStatus
from tests.conftest import Store
from tests.support.stack import environment

BLOCK = re.compile(r"```python file=(\S+)\n(.*?)```", re.DOTALL)
PRODUCER = "flows/restore/"

# What the worker does with a flow run, as far as the body is concerned: the flow's own function, on a real store.
RUN = """
import json, sys
from uuid import UUID
from flows.registry import operations, reasons
from flows._tracking import tracked_flow as tracking
from flows._tracking.progress import ProgressReporter
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import RunObservation, Source
from runstore.runs.starter import start
from runstore.runs.status import ObservedState
from datetime import UTC, datetime

bodies = {}
tracking.tracked_flow = lambda operation: lambda body: bodies.setdefault(str(operation.type), body)
operation = operations()["policy.restore"]
assert "restore_unknown_policy" in {code.code for code in reasons()}
import flows.restore.flow
url = sys.argv[1]
app, worker = Database(url, DatabaseRole.APP), Database(url, DatabaseRole.WORKER)
scope = Directory(app).for_operator("acme")
started = start(app, scope, operation.request({"policies": "known, unknown"}))
again = start(app, scope, operation.request({"policies": "unknown,known"}))
recorder = Recorder(worker, scope)
seen = lambda state: recorder.observe(RunObservation(started.run.id, 1, state, Source.HOOK, datetime.now(UTC)))
seen(ObservedState.RUNNING)
with ProgressReporter(recorder, started.run.id, 1) as progress:
    bodies["policy.restore"](
        tracking.TrackedRun(started.run.id, 1, scope, worker, progress),
        operation.parameters.model_validate({"policies": "known, unknown"}),
    )
seen(ObservedState.FINISHED)
detail = RunReader(Database(url, DatabaseRole.HUB), scope).get(started.run.id)
print(json.dumps({
    "reused": again.reused, "status": detail.run.status, "items": list(detail.item_ids),
    "failures": [failure.as_json() for failure in detail.failures], "context": dict(detail.context),
}))
"""


@pytest.fixture
def producer(tmp_path: Path, repository: Path) -> Path:
    blocks = BLOCK.findall((repository / "docs" / "add-a-producer.md").read_text())
    assert len(blocks) >= 4
    for name, code in blocks:
        assert name.startswith(PRODUCER), "one new folder, nothing else"
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    return tmp_path


def python(producer: Path, repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(producer), str(repository)))
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=repository,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_the_guides_producer_does_its_work_in_one_new_folder(producer: Path, repository: Path, store: Store) -> None:
    scope = store.tenant("acme")
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO inventory_sync_policies"
            " (tenant_id, sync_id, policy_id, content_hash, name, policy_type, origin)"
            " VALUES (%s, gen_random_uuid(), 'known', sha256('known'), 'Known', 'compliance', 'known.json')",
            (scope.tenant_id,),
        )
    done = python(producer, repository, "-W", "error::SyntaxWarning", "-c", RUN, store.url)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["reused"] is True
    assert found["status"] == "completed_with_errors"
    assert sorted(found["items"]) == ["known", "unknown"]
    assert [failure["reason_code"] for failure in found["failures"]] == ["restore_unknown_policy"]
    assert found["context"]["dry_run"] is True


def test_the_guides_way_to_start_it_once_makes_a_run(producer: Path, repository: Path, store: Store) -> None:
    scope = store.tenant("contoso")
    (once,) = re.findall(r"```python\n(.*?)```", (repository / "docs" / "add-a-producer.md").read_text(), re.DOTALL)
    with environment({"TENANTATLAS_DATABASE_URL": store.url}):
        done = python(producer, repository, "-c", once)
    assert done.returncode == 0, done.stderr
    run = RunReader(store.hub, scope).get(UUID(done.stdout.strip())).run
    assert (str(run.type), run.status) == ("policy.restore", RunStatus.PENDING)


def test_the_guides_producer_keeps_the_contract(producer: Path, repository: Path) -> None:
    done = python(
        producer, repository, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts", "-k", "policy.restore"
    )
    assert done.returncode == 0, done.stdout[-3000:]
