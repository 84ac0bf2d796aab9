"""A tenant synced from Graph: what its ids are called is read once, looked up when shown, and no rendering shows an id alone. What
`group.sync` reads of its groups is drift of what targets them, once it is known of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from flows._policies.known_names import item_names, items_called
from flows.drift.flow import compare_and_keep
from flows.drift.operation import DriftParameters
from flows.drift.register.reading import findings_document
from flows.drift.start import generate_request
from flows.drift.sync_diff import diff_with_syncs
from flows.groups.flow import read_groups
from flows.groups.operation import OPERATION, GroupParameters
from flows.inventory.flow import read_into_sync
from flows.inventory.operation import InventoryParameters
from flows.inventory.start import sync_request
from monitoring_app.operations.detail_view import items_table
from runstore.directory import Directory
from runstore.reasons import ReasonedError
from runstore.runs.insights import Slice
from runstore.runs.reader import RunReader
from runstore.runs.run import Counts
from runstore.tenancy import Role
from tests.conftest import Store
from tests.integration.drift.test_chain import said_in_three_places, worked_off
from tests.support.bare_ids import bare, renderings
from tests.support.drift_runs import Runs
from tests.support.graph_server import GraphServer
from tests.support.nodes import text_of

STEM = "device_vendor_msft_policy_config_area1_item0_1"
GROUP, GONE, FILTER = (f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
POLICY = "bbbbbbbb-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def server() -> Iterator[GraphServer]:
    with GraphServer.running(policies=0) as running:
        yield running


@pytest.fixture
def tenant(server: GraphServer, store: Store, monkeypatch: pytest.MonkeyPatch) -> Runs:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.control(
        make={"count": 0}, faults={}, deleted=[GONE], groups={}, renamed={GROUP: "Finance laptops"}, reset=True
    )
    kept = {"id": FILTER, "displayName": "Corporate devices", "platform": "windows10AndLater", "rule": "x"}
    server.control(
        put=[["assignment_filter", kept], ["scope_tag", {"id": "3", "displayName": "Berlin", "assignments": []}]]
    )
    store.directory.add_tenant("graph", "Graph", server.directory_id)
    return Runs(store, Directory(store.app).for_operator("graph"))


def catalog(option: int, *groups: str) -> dict[str, Any]:
    instance = {"settingDefinitionId": STEM, "choiceSettingValue": {"value": f"{STEM}_{option}", "children": []}}
    targets = [
        {
            "@odata.type": "#microsoft.graph.groupAssignmentTarget",
            "groupId": one,
            "deviceAndAppManagementAssignmentFilterId": FILTER,
            "deviceAndAppManagementAssignmentFilterType": "include",
        }
        for one in groups
    ]
    return {
        "id": POLICY, "name": "ASR", "platforms": "windows10", "technologies": "mdm", "settingCount": 1,
        "lastModifiedDateTime": f"2026-10-0{option + 1}T00:00:00Z", "roleScopeTagIds": ["0", "3"] if option else ["0"],
        "settings": [{"id": "0", "settingInstance": instance}],
        "assignments": [{"id": one, "target": target} for one, target in zip(groups, targets, strict=True)],
    }  # fmt: skip


def synced(tenant: Runs) -> dict[str, Any]:
    request = sync_request("graph")
    run = tenant.begin(request)
    read_into_sync(run, InventoryParameters.model_validate(request.parameters))
    return dict(RunReader(tenant.store.hub, tenant.scope).get(tenant.end(run)).context)


def compared(tenant: Runs) -> dict[str, Any]:
    request = generate_request(tenant.store.app, tenant.scope)
    run = tenant.begin(request)
    compare_and_keep(run, DriftParameters.model_validate(request.parameters))
    tenant.end(run)
    return findings_document(tenant.store.hub, tenant.scope)


def test_a_type_that_is_left_out_is_neither_unread_nor_removed(server: GraphServer, tenant: Runs) -> None:
    server.control(put=[["settings_catalog", catalog(0, GROUP)]])
    before = synced(tenant)
    tenant.store.directory.change_tenant("graph", without_types=["settings_catalog", "assignment_filter"])
    after = synced(tenant)
    assert after["complete"] == before["complete"] and after["policies"] == before["policies"] - 2
    assert compared(tenant)["findings"] == []
    tenant.store.directory.change_tenant("graph", without_types=[])
    assert synced(tenant)["policies"] == before["policies"]


def test_ids_are_told_by_name_and_a_renamed_group_is_not_drift(server: GraphServer, tenant: Runs) -> None:
    server.control(put=[["settings_catalog", catalog(0)]])
    first = synced(tenant)
    server.control(put=[["settings_catalog", catalog(1, GROUP, GONE)]])
    second = synced(tenant)
    assert first["names"]["read"] > 0 and "notice" not in {**first, **second}
    asked = server.counted()["definitions"]
    document = compared(tenant)
    names = {
        STEM: "Turn On Area1 Item0 1", f"{STEM}_0": "Audit", f"{STEM}_1": "Block", GROUP: "Finance laptops",
        FILTER: "Corporate devices", GONE: "deleted group",
    }  # fmt: skip
    for shown in (document, diff_with_syncs(tenant.store.app, tenant.scope, f"sync:{first['sync_id']}",
                                            f"sync:{second['sync_id']}").document):  # fmt: skip
        for kind, pieces in renderings(shown).items():
            assert bare(pieces, names) == [], kind
            assert any(f"deleted group ({GONE})" in piece for piece in pieces), kind
        assert any("Turn On Area1 Item0 1: Audit → Block" in piece for piece in renderings(shown)["findings"])
        assert any("Berlin (3)" in piece for piece in renderings(shown)["diff"])
    items = [f"policy:{POLICY}", POLICY, "run"]
    called = item_names(tenant.store.hub, tenant.scope, items)
    assert called == {f"policy:{POLICY}": "ASR", POLICY: "ASR"}
    assert items_called(tenant.store.hub, tenant.scope, "sr") == [POLICY, f"policy:{POLICY}"]
    assert items_called(tenant.store.hub, tenant.store.tenant("other"), "sr") == []
    listed = text_of(items_table(Slice(tuple(items), 3), False, "", called))
    assert bare([listed], {POLICY: "ASR"}) == [] and f"ASR ({POLICY})" in listed
    server.control(renamed={GROUP: "Finance devices"}, deleted=[GONE])
    assert server.counted()["definitions"] == asked
    synced(tenant)
    assert server.counted()["definitions"] == asked, "a definition is read once"
    after = compared(tenant)
    assert [one["id"] for one in after["findings"]] == [one["id"] for one in document["findings"]]
    assert f"Finance devices ({GROUP})" in repr(after["findings"])
    server.control(deleted=[GONE, GROUP])
    synced(tenant)
    assert f"Finance devices, deleted ({GROUP})" in repr(findings_document(tenant.store.hub, tenant.scope)["findings"])


def test_one_policy_and_one_permission_that_are_missing_are_withheld_and_nothing_else(
    server: GraphServer, tenant: Runs
) -> None:
    """A night's sync with what follows it: the rest is compared; run, notification and page say what was not."""
    person, other, app = "kim@graph.example", f"{POLICY[:-1]}2", f"{POLICY[:-1]}3"
    tenant.store.directory.grant(tenant.scope, person, Role.OWNER)
    runs = Runs(tenant.store, Directory(tenant.store.app).for_operator("graph", person))
    protection = {"id": app, "displayName": "Phones", "@odata.type": "#microsoft.graph.androidManagedAppProtection"}
    both = [["settings_catalog", {**catalog(option), "id": one}] for option in (0, 1) for one in (POLICY, other)]
    server.control(put=[*both[:2], ["app_protection", protection]])
    for faults in ({}, {"scripts": [{"match": m, "kind": "forbidden", "times": -1} for m in ("managedAppPol", other)]}):
        server.control(faults=faults)
        request = sync_request("graph", then="drift.generate")
        run = runs.begin(request)
        read_into_sync(run, InventoryParameters.model_validate(request.parameters))
        runs.end(run)
        server.control(put=both[2:])
    drift = worked_off(runs)
    assert drift.context["findings"] == 1
    withheld = {one["policy_type"]: one["count"] for one in drift.context["withheld"]}
    assert withheld == {"settings_catalog": 1, "app_protection": 1}
    said = said_in_three_places(runs, drift.run.id)
    assert all("1 Settings catalog: may still be there" in one and "1 App protection" in one for one in said), said


@pytest.mark.parametrize("kind", ["forbidden", "locked"])
def test_without_names_the_run_says_so_and_names_the_permission_if_it_is_that(
    server: GraphServer, tenant: Runs, kind: str
) -> None:
    server.control(put=[["settings_catalog", catalog(1, GROUP)]])
    server.control(faults={"scripts": [{"match": "getByIds", "kind": kind, "times": -1}]})
    context = synced(tenant)
    assert ("Directory.Read.All" in context["notice"]) == (kind == "forbidden")
    assert "names of groups, users, roles and apps" in context["notice"]
    assert context["names"]["refused"] == "groups, users, roles and apps"
    with tenant.store.hub.transaction(tenant.scope) as connection:
        assert connection.execute(text("SELECT count(*) FROM setting_definitions")).scalar_one() > 0
        assert connection.execute(text("SELECT count(*) FROM directory_names")).scalar_one() == 0


def grouped(tenant: Runs, **values: str) -> tuple[Counts, dict[str, Any]]:
    request = OPERATION.request(values)
    run = tenant.begin(request)
    read_groups(run, GroupParameters.model_validate(request.parameters))
    ended = tenant.end(run)
    return tenant.counts[ended], dict(RunReader(tenant.store.hub, tenant.scope).get(ended).context)


def dynamic(rule: str | None) -> dict[str, Any]:
    return {"groupTypes": ["DynamicMembership"], "securityEnabled": True, "membershipRule": rule, "members": 41}


def test_a_changed_rule_is_drift_of_what_targets_the_group(server: GraphServer, tenant: Runs) -> None:
    old, new = '(user.department -eq "Sales")', '(user.department -ne "Guests")'
    server.control(put=[["settings_catalog", catalog(0, GROUP)]], groups={GROUP: dynamic(old)})
    synced(tenant)
    counts, _ = grouped(tenant)
    assert (counts.succeeded, counts.total) == (1, 1)
    synced(tenant)
    assert compared(tenant)["findings"] == [], "what was not known before is not a change"
    asked = server.counted()["detail_reads"]
    synced(tenant)
    assert server.counted()["detail_reads"] == asked, (
        "a rule beside an assignment is not a reason to read the policy again"
    )
    server.control(groups={GROUP: dynamic(new)})
    grouped(tenant)
    synced(tenant)
    (finding,) = compared(tenant)["findings"]
    assert finding["policy_id"] == POLICY
    (change,) = finding["changes"]
    assert (change["facet"], change["change"], change["group"]["name"]) == ("assignment", "changed", "Finance laptops")
    assert (change["before"]["membershipRule"], change["after"]["membershipRule"]) == (old, new)
    assert change["before"] == {**change["after"], "membershipRule": old}, "nothing else of the assignment changed"
    server.control(groups={GROUP: dynamic(None)})
    grouped(tenant)
    synced(tenant)
    (finding,) = compared(tenant)["findings"]
    assert finding["changes"][0]["after"]["membershipRule"] == "", "the group lost its rule"
    with tenant.store.hub.transaction(tenant.scope) as connection:
        kept = connection.execute(text("SELECT group_kind, members, membership_rule FROM directory_names")).one()
    assert (kept.group_kind, kept.members) == ("dynamic security", 41) and b"department" not in bytes(
        kept.membership_rule
    )


def test_a_group_that_is_gone_says_so_and_one_that_is_refused_fails(server: GraphServer, tenant: Runs) -> None:
    refused = GROUP[:-1] + "9"
    server.control(
        put=[["settings_catalog", catalog(0, GROUP, GONE, refused)]],
        groups={GROUP: {"groupTypes": ["Unified"], "members": 3}, refused: dynamic("x")},
        faults={
            "scripts": [
                {"match": f"groups/{refused}", "kind": "forbidden", "times": -1},
                {"match": f"groups/{GROUP}/members", "kind": "forbidden", "times": -1},
            ]
        },
    )
    with pytest.raises(ReasonedError, match="No usable sync"):
        grouped(tenant)
    synced(tenant)
    counts, context = grouped(tenant)
    assert (counts.succeeded, counts.failed) == (2, 1)
    assert context["groups"] == {"read": 2, "gone": 1, "not_counted": 1}
    with tenant.store.hub.transaction(tenant.scope) as connection:
        kept = {
            row.object_id: (row.name, row.group_kind, row.members, row.deleted)
            for row in connection.execute(text("SELECT * FROM directory_names WHERE kind = 'group'"))
        }
    assert kept[GROUP] == ("Finance laptops", "Microsoft 365", None, False)
    assert kept[GONE][3] and kept[refused][1] is None
