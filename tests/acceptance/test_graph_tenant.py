"""A tenant of 480 policies on a Graph that fails in every way: read, read again, compared, backed up, exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows._policies.snapshots import find_sync, list_syncs, policies_of
from flows.backup.export import export_set
from flows.backup.sets import set_items
from flows.drift.register.reading import findings_document
from flows.inventory.flow import read_into_sync
from flows.inventory.operation import InventoryParameters
from flows.inventory.start import sync_request
from runstore.directory import Directory
from runstore.runs.reader import RunReader
from runstore.runs.run import RunDetail
from runstore.runs.status import RunStatus
from tests.conftest import Store
from tests.integration.backup.conftest import KEY, Captures
from tests.support.drift_runs import Runs
from tests.support.graph_server import GraphServer
from tests.support.graph_server.directory import CANARY
from tests.support.graph_server.faults import LASTING, TRANSIENT
from tests.support.graph_server.policies import slug_of

POLICIES = 480
NOTHING: dict[str, Any] = {"findings": [], "withheld": []}


@pytest.fixture(scope="module")
def server() -> Iterator[GraphServer]:
    with GraphServer.running(policies=POLICIES) as running:
        yield running


@pytest.fixture
def tenant(server: GraphServer, store: Store, monkeypatch: pytest.MonkeyPatch) -> Runs:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TENANTATLAS_ENCRYPTION_KEY", KEY)
    server.control(faults={}, limits=True, reset=True)
    store.directory.add_tenant("graph", "Graph", server.directory_id)
    return Runs(store, Directory(store.app).for_operator("graph"))


def graph_sync(tenant: Runs, *, full: bool = False, key: str = "default") -> RunDetail:
    request = sync_request("graph", key, full=full)
    run = tenant.begin(request)
    read_into_sync(run, InventoryParameters.model_validate(request.parameters))
    return RunReader(tenant.store.hub, tenant.scope).get(tenant.end(run))


def types_of(server: GraphServer) -> dict[str, str]:
    return {key: slug_of(kind) for kind, bodies in server.policies().items() for key in bodies}


def empty_inside(server: GraphServer) -> dict[str, int]:
    """Administrative template → how many of its settings have no values, each of which may be asked for once more."""
    held = server.policies()["administrative_template"]
    return {
        key: sum(not value["presentationValues"] for value in body["definitionValues"]) for key, body in held.items()
    }


def synced(tenant: Runs, detail: RunDetail) -> dict[str, str]:
    with tenant.store.worker.transaction(tenant.scope) as connection:
        sync_id = UUID(detail.context["sync_id"])
        return {one.policy_id: one.policy_type for one in policies_of(connection, tenant.scope, sync_id)}


def findings(tenant: Runs, run_id: UUID) -> dict[str, Any]:
    document = findings_document(tenant.store.app, tenant.scope, run_id=str(run_id))
    return {"findings": document["findings"], "withheld": document["withheld"]}


def test_a_faulty_graph_is_read_completely_or_says_exactly_what_is_missing(server: GraphServer, tenant: Runs) -> None:
    refused = {"match": "windowsDriverUpdateProfiles", "kind": "forbidden", "times": -1}
    server.control(faults={"rate": 0.08, "seed": 8, "scripts": [refused], "slow_seconds": 0.2})
    detail = graph_sync(tenant)
    injected = server.control()["injected"]
    expected, found = types_of(server), synced(tenant, detail)
    failed = {failure.item_id for failure in detail.failures if failure.item_id in expected}
    assert set(injected) >= {"forbidden", *LASTING}
    assert len(injected) >= len((*TRANSIENT, *LASTING)) - 3
    assert detail.run.status is RunStatus.COMPLETED_WITH_ERRORS
    assert detail.context["unread"]["types"] == ["driver_update_profile"]
    assert sorted(detail.context["unread"]["policies"]) == sorted(failed)
    drivers = {key for key, slug in expected.items() if slug == "driver_update_profile"}
    assert drivers
    assert found.keys() | failed | drivers == expected.keys()
    assert not found.keys() & (failed | drivers)
    assert CANARY not in repr(detail)
    assert "DeviceManagementConfiguration.Read.All" in repr(detail.failures)


def test_a_second_sync_costs_little_and_nothing_has_drifted(server: GraphServer, tenant: Runs) -> None:
    first = graph_sync(tenant)
    assert first.run.status is RunStatus.COMPLETED
    swept = server.counted(reset=True)
    second = graph_sync(tenant)
    counted = server.counted(reset=True)
    assert second.run.counts.succeeded == POLICIES
    # What no list shows (the apps of app protection, role assignments) has no date that moves: it is asked for each time.
    assert sum(counted["by_policy"].values()) < sum(swept["by_policy"].values()) / 10
    assert counted["bytes_sent"] < swept["bytes_sent"] / 4
    assert counted["throttled"] == swept["throttled"] == 0
    assert findings(tenant, tenant.drift()) == NOTHING
    again = graph_sync(tenant, full=True)
    third = server.counted()
    # An empty expansion is believed once another has come with something in it: which of them came first is up to the network.
    may_differ = empty_inside(server)
    sent_again = sum(one.context["graph"]["retries"] for one in (first, again))
    assert third["by_policy"].keys() == swept["by_policy"].keys()
    differ = {key: abs(times - swept["by_policy"][key]) for key, times in third["by_policy"].items()}
    assert [key for key, times in differ.items() if times > may_differ.get(key, 0) + sent_again] == []
    assert again.context["complete"]
    assert findings(tenant, tenant.drift()) == NOTHING
    with tenant.store.worker.transaction(tenant.scope) as connection:
        kinds = [sync.source for sync in list_syncs(connection, tenant.scope)]
        assert find_sync(connection, tenant.scope, UUID(again.context["sync_id"])) is not None
    assert kinds == ["graph", "graph-changes", "graph"]


def test_every_policy_is_accounted_for_once_and_an_export_shows_no_drift(
    server: GraphServer, tenant: Runs, tmp_path: Path
) -> None:
    graph_sync(tenant)
    server.control(faults={"rate": 0.03, "seed": 21, "slow_seconds": 0.2})
    captures = Captures(tenant.store, tenant.scope)
    set_id = captures.set()
    detail = captures.run(set_id, all_policies=True)
    expected = types_of(server)
    items = [item.policy_id for item in set_items(tenant.store.app, tenant.scope, UUID(set_id))]
    failed = [failure.item_id for failure in detail.failures]
    assert sorted(items + failed) == sorted(expected)
    assert detail.run.counts.succeeded == len(items)
    server.control(faults={})
    missing = captures.run(set_id, all_policies=True)
    assert (missing.run.counts.succeeded, missing.run.counts.skipped) == (len(failed), len(items))
    export_set(tenant.store.app, tenant.scope, UUID(set_id), tmp_path / "out")
    tenant.sync(tmp_path / "out")
    assert findings(tenant, tenant.drift()) == NOTHING
