"""From folders of exports to findings on a real database."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import func, select

from flows.drift.flow import compare_and_keep
from flows.drift.operation import DriftParameters
from flows.drift.register.reading import findings_document
from flows.drift.start import TooFewSyncsError, generate_request
from flows.drift.tables import DriftEvent, DriftFinding, DriftRunFinding
from flows.inventory.start import sync_request, syncs
from runstore.errors import BadInputError, NotFoundError
from runstore.runs.reader import RunReader
from tests.conftest import Store
from tests.support.drift_compare import in_order
from tests.support.drift_runs import Runs, export, policy
from tests.support.stack import eventually

SAMPLES = Path(__file__).parents[3] / "deployments" / "samples"
ONE, TWO, THREE = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store, store.tenant())


def findings(runs: Runs, **wanted: Any) -> list[dict[str, Any]]:
    return findings_document(runs.store.app, runs.scope, **wanted)["findings"]


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_the_samples_end_to_end(store: Store, tenant: str) -> None:
    runs = Runs(store, store.tenant(tenant))
    noisy = Runs(store, store.tenant("noisy"))
    noisy.sync(SAMPLES / "globex" / "2026-10-05")
    runs.sync(SAMPLES / tenant / "2026-10-05")
    second = runs.sync(SAMPLES / tenant / "2026-11-02")
    assert runs.counts[second].failed == 1
    detail = RunReader(store.hub, runs.scope).get(second)
    assert [failure.reason_code for failure in detail.failures] == ["json_truncated"]
    run = runs.drift()
    expected = json.loads((SAMPLES / tenant / "expected.json").read_text())
    document = findings_document(store.app, runs.scope)
    assert document["withheld"] == expected["withheld"]
    found = {one["policy_id"]: one for one in document["findings"]}
    assert len(found) == len(expected["findings"])
    for wanted in expected["findings"]:
        one = found[wanted["policy_id"]]
        assert (one["kind"], one["policy_type"], one["run_id"]) == (wanted["kind"], wanted["policy_type"], str(run))
        assert one.get("previous_policy_id") == wanted.get("previous_policy_id")
        keys = ("facet", "setting", "path", "change", "before", "after")
        assert in_order([{key: change[key] for key in keys} for change in one["changes"]]) == in_order(
            [{key: change[key] for key in keys} for change in wanted["changes"]]
        )
    listed = syncs(store.app, runs.scope)["syncs"]
    assert [(sync["status"], sync["complete"]) for sync in listed] == [("partial", False), ("succeeded", True)]


def test_content_is_stored_once(runs: Runs, tmp_path: Path) -> None:
    first = export(tmp_path / "a", [policy(ONE), policy(TWO), policy(THREE, value=2)])
    runs.sync(first)
    runs.sync(first)
    with runs.store.worker.transaction(runs.scope) as connection:
        from flows._policies.tables import PolicyContent

        assert connection.execute(select(func.count()).select_from(PolicyContent)).scalar_one() == 2


def test_fewer_than_two_syncs_are_refused_before_there_is_a_run(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(TooFewSyncsError, match="has none"):
        runs.drift()
    runs.sync(export(tmp_path / "a", [policy(ONE)]))
    with pytest.raises(TooFewSyncsError, match="has one"):
        runs.drift()


def test_a_sync_that_may_not_serve_is_refused(runs: Runs, tmp_path: Path) -> None:
    folder = export(tmp_path / "a", [policy(ONE)])
    runs.sync(folder, "one")
    runs.sync(folder, "two")
    other = Runs(runs.store, runs.store.tenant("globex"))
    other.sync(folder)
    ids = {sync["scope"]: sync["id"] for sync in syncs(runs.store.app, runs.scope)["syncs"]}
    foreign = syncs(runs.store.app, other.scope)["syncs"][0]["id"]
    app = runs.store.app
    with pytest.raises(BadInputError, match="is of scope 'two', not 'one'"):
        generate_request(app, runs.scope, scope_key="one", baseline=ids["one"], current=ids["two"])
    with pytest.raises(NotFoundError, match="has no sync"):
        generate_request(app, runs.scope, scope_key="one", baseline=ids["one"], current=foreign)
    with pytest.raises(BadInputError, match="UUID"):
        generate_request(app, runs.scope, baseline="17", current=ids["one"])
    with pytest.raises(BadInputError, match="same sync"):
        generate_request(app, runs.scope, scope_key="one", baseline=ids["one"], current=ids["one"])
    runs.begin(sync_request(f"folder:{folder}", "three"))
    with runs.store.worker.transaction(runs.scope) as connection:
        from flows._policies.snapshots import begin_sync

        running = begin_sync(connection, runs.scope, uuid4(), "one", "folder:x")
    with pytest.raises(BadInputError, match="has not finished"):
        generate_request(app, runs.scope, scope_key="one", baseline=ids["one"], current=str(running))


def test_generating_again_leaves_the_same_findings_once_each(runs: Runs, tmp_path: Path) -> None:
    runs.sync(export(tmp_path / "a", [policy(ONE), policy(TWO)]))
    runs.sync(export(tmp_path / "b", [policy(ONE, value=2), policy(THREE, name="Another", value=7)]))
    runs.drift()
    first = findings(runs)
    runs.drift()
    again = findings(runs)
    assert [one["id"] for one in first] == [one["id"] for one in again]
    assert {one["kind"] for one in again} == {"policy_modified", "policy_added", "policy_removed"}
    assert _stored(runs) == (3, 6, 3)


def test_two_at_once_leave_the_same_findings_once_each(runs: Runs, tmp_path: Path) -> None:
    ids = [f"{n:08}-0000-4000-8000-000000000000" for n in range(40)]
    runs.sync(export(tmp_path / "a", [policy(one, name=one) for one in ids]))
    runs.sync(export(tmp_path / "b", [policy(one, name=one, value=n) for n, one in enumerate(ids)]))
    wanted = DriftParameters.model_validate(generate_request(runs.store.app, runs.scope).parameters)
    # Two different requests, so that the run store does not make them one.
    works = [runs.begin(generate_request(runs.store.app, runs.scope, against=way)) for way in ("previous", "chosen")]
    failures: list[BaseException] = []

    def work(run: Any) -> None:
        try:
            compare_and_keep(run, wanted)
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=work, args=(run,)) for run in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert _stored(runs) == (39, 78, 39)


WORKER = """
import sys
from datetime import UTC, datetime
from uuid import UUID
from flows._tracking.progress import ProgressReporter
from flows._tracking.tracked_flow import TrackedRun
from flows.drift.flow import compare_and_keep
from flows.drift.operation import DriftParameters
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.recorder import Recorder
url, run_id, parameters = sys.argv[1:]
store = Database(url, DatabaseRole.WORKER)
scope = Directory(Database(url, DatabaseRole.APP)).for_operator("acme")
run = TrackedRun(UUID(run_id), 1, scope, store, ProgressReporter(Recorder(store, scope), UUID(run_id), 1))
compare_and_keep(run, DriftParameters.model_validate_json(parameters))
"""


def _worker(runs: Runs, run_id: UUID, wanted: DriftParameters) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORKER, runs.store.url, str(run_id), wanted.model_dump_json()])


def test_a_process_killed_half_way_leaves_nothing_and_what_comes_after_it_all_once(runs: Runs, tmp_path: Path) -> None:
    ids = [f"{n:08}-0000-4000-8000-000000000000" for n in range(40)]
    runs.sync(export(tmp_path / "a", [policy(one, name=one) for one in ids]))
    runs.sync(export(tmp_path / "b", [policy(one, name=one, value=n) for n, one in enumerate(ids)]))
    wanted = DriftParameters.model_validate(generate_request(runs.store.app, runs.scope).parameters)
    works = [runs.begin(generate_request(runs.store.app, runs.scope, against=way)) for way in ("previous", "chosen")]
    with psycopg.connect(runs.store.url) as holding, psycopg.connect(runs.store.url, autocommit=True) as looking:
        # The events are written last: whoever waits for their table has written all the findings and committed none.
        holding.execute("LOCK TABLE drift_finding_events IN ACCESS EXCLUSIVE MODE")
        killed = _worker(runs, works[0].run_id, wanted)
        try:
            eventually(lambda: _waiting(looking) or killed.poll() is not None)
            assert killed.poll() is None
        finally:
            killed.kill()
        assert killed.wait() == -signal.SIGKILL
        holding.rollback()
        eventually(lambda: not _others(looking))
    assert _stored(runs) == (0, 0, 0)
    again = [_worker(runs, work.run_id, wanted) for work in works]
    assert [one.wait(120) for one in again] == [0, 0]
    assert _stored(runs) == (39, 78, 39)
    compare_and_keep(works[0], wanted)
    assert _stored(runs) == (39, 78, 39)


def _waiting(connection: psycopg.Connection[Any]) -> bool:
    rows = connection.execute("SELECT FROM pg_locks WHERE NOT granted AND relation = 'drift_finding_events'::regclass")
    return bool(rows.fetchall())


def _others(connection: psycopg.Connection[Any]) -> bool:
    rows = connection.execute(
        "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE relation = 'drift_findings'::regclass"
        " AND datname = current_database()"
    )
    return bool(rows.fetchall())


def test_a_type_lost_to_errors_shows_no_removal_until_it_is_read_again(runs: Runs, tmp_path: Path) -> None:
    compliance = [
        {"@odata.type": "#microsoft.graph.windows10CompliancePolicy", "id": one, "displayName": one, "assignments": []}
        for one in (ONE, TWO)
    ]
    everything = tmp_path / "a"
    export(everything / "Compliance Policies", compliance)
    export(everything / "Settings Catalog", [policy(THREE)])
    runs.sync(everything)
    lost = tmp_path / "b"
    (lost / "Compliance Policies").mkdir(parents=True)
    (lost / "Compliance Policies" / "broken.json").write_text('{"displ')
    export(lost / "Settings Catalog", [policy(THREE, value=9)])
    runs.sync(lost)
    run = runs.drift()
    document = findings_document(runs.store.app, runs.scope)
    assert [one["policy_id"] for one in document["findings"]] == [THREE]
    held = [{"policy_type": "compliance", "count": 2, "reason_code": "current_incomplete"}]
    assert document["withheld"] == held
    detail = RunReader(runs.store.hub, runs.scope).get(run)
    assert detail.context["withheld"] == held
    assert (detail.run.counts.succeeded, detail.run.counts.skipped) == (1, 2)
    back = tmp_path / "c"
    export(back / "Compliance Policies", compliance[:1])
    export(back / "Settings Catalog", [policy(THREE, value=9)])
    runs.sync(back)
    baseline = syncs(runs.store.app, runs.scope)["syncs"][2]["id"]
    runs.drift(baseline=baseline)
    kinds = {one["policy_id"]: one["kind"] for one in findings(runs)}
    assert kinds == {TWO: "policy_removed", THREE: "policy_modified"}


def test_noise_alone_gives_nothing(runs: Runs, tmp_path: Path) -> None:
    body = policy(ONE, assignments=[], lastModifiedDateTime="2026-01-01T00:00:00Z")
    runs.sync(export(tmp_path / "a", [body]))
    (tmp_path / "b").mkdir()
    other = {key: body[key] for key in sorted(body)} | {"lastModifiedDateTime": "2026-02-02T00:00:00Z", "version": 9}
    del other["assignments"]
    (tmp_path / "b" / "x.json").write_bytes(json.dumps(other).encode("utf-16"))
    runs.sync(tmp_path / "b")
    runs.drift()
    assert findings(runs) == []


def test_another_tenant_sees_none_of_it(runs: Runs, tmp_path: Path) -> None:
    runs.sync(export(tmp_path / "a", [policy(ONE)]))
    runs.sync(export(tmp_path / "b", [policy(ONE, value=2)]))
    run = runs.drift()
    other = runs.store.tenant("globex")
    assert findings_document(runs.store.app, other)["findings"] == []
    with pytest.raises(NotFoundError, match="no drift run"):
        findings_document(runs.store.app, other, run_id=str(run))
    with pytest.raises(BadInputError, match="UUID"):
        findings_document(runs.store.app, runs.scope, run_id="17")


def test_a_secret_is_nowhere_in_the_database(runs: Runs, tmp_path: Path) -> None:
    secrets = ["Wpa-Pre-Shared-91x", "another-key-77-QQ"]
    for name, secret in zip("ab", secrets, strict=True):
        wifi = {
            "@odata.type": "#microsoft.graph.iosWiFiConfiguration",
            "id": ONE,
            "displayName": "Wi-Fi",
            "preSharedKey": secret,
        }
        runs.sync(export(tmp_path / name, [wifi]))
    runs.drift()
    (one,) = findings(runs)
    (change,) = one["changes"]
    assert change["setting"] == "preSharedKey"
    assert change["before"] != change["after"]
    assert change["before"].startswith("secret:v1:")
    with runs.store.worker.transaction(runs.scope) as connection:
        from flows._policies.snapshots import bodies
        from flows._policies.tables import PolicyContent

        hashes = connection.execute(select(PolicyContent.content_hash)).scalars().all()
        stored = repr(bodies(connection, runs.scope, map(bytes, hashes))).encode()
    assert stored.count(b"secret:v1:") == 2
    assert not any(secret.encode() in stored for secret in secrets)


def _stored(runs: Runs) -> tuple[int, int, int]:
    with runs.store.worker.transaction(runs.scope) as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (DriftFinding, DriftRunFinding, DriftEvent)
        ]
    return counts[0], counts[1], counts[2]
