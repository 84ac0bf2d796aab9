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

from flows.registry import migration_folders
from runstore import migrations
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
assert "restore_unknown_policy" in reasons()
import flows.restore.flow
from flows.rehearsal import ENDS
from flows.restore.rehearsals import REHEARSALS
assert set(REHEARSALS) == set(ENDS)
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
    assert len(blocks) >= 7
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
    migrations.upgrade(store.url, [*migration_folders(), producer / "flows/restore/migrations"])
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
    shown = python(producer, repository, "-c", PAGE, store.url)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)[1] == "PolicyKnownknownyesunknownno"


# The page as the hub draws it, but for the browser: what it shows is printed.
PAGE = """
import json, sys
from monitoring_app import pages, runtime
from tests.support.nodes import text_of
from monitoring_app.session import Viewer
from monitoring_app.settings import HubSettings
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.tenancy import Role

(page,) = [page for page in pages.pages() if page.path == "restores"]
assert "/restores" in pages.page_paths() and page.section == "Configuration"
hub = runtime.build(HubSettings(database_url=sys.argv[1], demo=True))
runtime.install(hub)
scope = Directory(hub.app_database).for_operator("acme")
tenant = Directory(Database(sys.argv[1], DatabaseRole.ADMIN)).tenant("acme")
import flows.restore.page as own
shown = []
own.show = lambda tree, key: shown.append(text_of(tree))
page.draw(Viewer("you@acme.example", tenant, Role.READONLY, (), scope))
assert "prefect" not in sys.modules
print(json.dumps(shown))
"""


def test_the_guides_commands_start_it(producer: Path, repository: Path, store: Store) -> None:
    scope = store.tenant("contoso")
    calls = (
        ("restore", "check", "--tenant", "contoso", "--policies", "a,b"),
        ("runs", "start", "policy.restore", "--tenant", "contoso", "--set", "policies=b,a"),
    )
    migrations.upgrade(store.url, [*migration_folders(), producer / "flows/restore/migrations"])
    ids: set[str] = set()
    with environment({"TENANTATLAS_DATABASE_URL": store.url}):
        for call in calls:
            done = python(producer, repository, "-m", "deployments.cli", *call, "--json")
            assert done.returncode == 0, done.stderr
            ids.add(json.loads(done.stdout)["run"]["id"])
    (run_id,) = ids
    run = RunReader(store.hub, scope).get(UUID(run_id)).run
    assert (str(run.type), run.status) == ("policy.restore", RunStatus.PENDING)


@pytest.mark.long
def test_the_guides_producer_keeps_the_contract(producer: Path, repository: Path) -> None:
    done = python(
        producer,
        repository,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/contracts",
        "-k",
        "policy.restore and not cancelled and not crashed",
    )
    assert done.returncode == 0, done.stdout[-3000:]
