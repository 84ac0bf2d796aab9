"""A tenant synced from Graph, compared, its groups read, its policies backed up, some of each failing: wherever a person or a
machine is shown an id whose name is known, the name stands beside it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from flows._policies.known_names import item_names
from flows._policies.snapshots import list_syncs, policies_of
from flows._tracking.artifacts import Row, RunArtifacts, outcome_rows
from flows._tracking.tracked_flow import TrackedRun
from flows.backup.page import items_table
from flows.backup.sets import set_items
from flows.drift import flow as drift_flow
from flows.drift.operation import DriftParameters
from flows.drift.policy_history import policy_history
from flows.drift.policy_page import version
from flows.drift.start import generate_request
from flows.groups.flow import read_groups
from flows.groups.operation import OPERATION as GROUP_SYNC
from flows.groups.operation import GroupParameters
from flows.inventory.flow import read_into_sync
from flows.inventory.operation import InventoryParameters
from flows.inventory.page import policies_table
from flows.inventory.start import sync_request
from flows.registry import reasons, told_items
from monitoring_app import audit_page, notifications_page
from monitoring_app.operations import detail_view, list_view
from monitoring_app.presentation.figures import texts_in
from monitoring_app.presentation.nodes import Node
from monitoring_app.settings import HubSettings
from monitoring_app.web.exports import item_rows
from runstore.audit import AuditReader
from runstore.directory import Directory
from runstore.notifications import NotificationReader
from runstore.runs.insights import RunInsights
from runstore.runs.reader import RunReader
from runstore.runs.run import RunDetail
from runstore.runs.starter import StartRequest
from tests.conftest import Store
from tests.integration.backup.conftest import KEY, Captures
from tests.support.bare_ids import bare, renderings
from tests.support.command_line import CommandLine
from tests.support.drift_runs import Runs
from tests.support.graph_server import GraphServer
from tests.support.nodes import text_of

STEM = "device_vendor_msft_policy_config_area1_item0_1"
(POLICY, ACCESS, TEMPLATE, PLACE, FILTER, TOOL, CONFIGURATION, SET, ROLES, METHODS, COMPLIANCE) = (
    f"bbbbbbbb-0000-4000-8000-0000000000{n:02}" for n in range(11)
)
(GROUP, OTHER, GONE, USER, ROLE, APP, SERVICE) = (f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in range(7))
PARTNER = "cccccccc-0000-4000-8000-000000000001"
CALLED = {
    GROUP: "Finance laptops",
    OTHER: "Berlin staff",
    USER: "Kim",
    ROLE: "Helpdesk",
    APP: "Payroll",
    SERVICE: "Robot",
}
POLICIES = {
    POLICY: "ASR", ACCESS: "Require MFA", TEMPLATE: "Please update", PLACE: "Head office", FILTER: "Corporate devices",
    TOOL: "Company Portal", CONFIGURATION: "Portal settings", SET: "Starter kit", ROLES: "Desk in Berlin",
    METHODS: "Methods", COMPLIANCE: "Compliant",
}  # fmt: skip
NAMES = {
    **CALLED, **POLICIES, GONE: "deleted group", "c1": "Confidential", STEM: "Turn On Area1 Item0 1",
    f"{STEM}_0": "Audit", f"{STEM}_1": "Block",
}  # fmt: skip


def bodies(is_new: bool) -> Iterator[list[Any]]:
    """What the tenant holds, as (kind, body): before, and after somebody has put everything to use."""

    def put(kind: str, policy_id: str, **more: Any) -> list[Any]:
        dated = {"lastModifiedDateTime": f"2026-10-0{1 + is_new}T00:00:00Z", "assignments": []}
        return [kind, {"id": policy_id, "displayName": POLICIES.get(policy_id, ""), **dated, **more}]

    def of(*ids: str) -> list[str]:
        return list(ids) if is_new else []

    def targets(kind: str, name: str, *ids: str) -> list[dict[str, str]]:
        return [{"targetType": kind, name: one} for one in of(*ids)]

    instance = {
        "settingDefinitionId": STEM,
        "choiceSettingValue": {"value": f"{STEM}_{int(is_new)}", "children": []},
    }
    chosen = {
        "deviceAndAppManagementAssignmentFilterId": FILTER,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    to_groups = [
        {"id": one, "target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": one, **chosen}}
        for one in of(GROUP, GONE)
    ]
    settings = [{"id": "0", "settingInstance": instance}]
    yield put("settings_catalog", POLICY, name="ASR", platforms="windows10", technologies="mdm", settingCount=1,
              settings=settings, assignments=to_groups)  # fmt: skip
    users = {"includeUsers": of(USER), "includeGroups": of(OTHER), "excludeRoles": of(ROLE)}
    apps = {"includeApplications": of(APP), "includeAuthenticationContextClassReferences": of("c1")}
    services = {"includeServicePrincipals": of(SERVICE)}
    conditions = {"users": users, "applications": apps, "locations": {"includeLocations": of(PLACE)}}
    yield put("conditional_access", ACCESS, conditions={**conditions, "clientApplications": services})
    action = {"id": "1", "actionType": "notification", "gracePeriodHours": 1}
    told = {"notificationTemplateId": TEMPLATE if is_new else "", "notificationMessageCCList": of(OTHER)}
    rule = {"id": "1", "ruleName": "", "scheduledActionConfigurations": [{**action, **told}]}
    yield put("compliance", COMPLIANCE, scheduledActionsForRule=[rule],
              **{"@odata.type": "#microsoft.graph.windows10CompliancePolicy"})  # fmt: skip
    yield put("policy_set", SET, items=[{"id": one, "payloadId": one} for one in of(POLICY)])
    yield put("app_configuration", CONFIGURATION, targetedMobileApps=of(TOOL),
              **{"@odata.type": "#microsoft.graph.iosMobileAppConfiguration"})  # fmt: skip
    yield put("role_assignment", ROLES, members=of(GROUP), resourceScopes=of(OTHER), roleScopeTags=[])
    aimed = {"id": "Fido2", "includeTargets": targets("group", "id", GROUP)}
    yield put("authentication_methods", METHODS, authenticationMethodConfigurations=[aimed])
    inbound = {
        "usersAndGroups": {"accessType": "allowed", "targets": targets("user", "target", USER)},
        "applications": {"accessType": "allowed", "targets": targets("application", "target", APP)},
    }
    yield put("cross_tenant_partner", PARTNER, tenantId=PARTNER, b2bCollaborationInbound=inbound)
    for kind, policy_id in (("assignment_filter", FILTER), ("named_location", PLACE), ("app", TOOL)):
        yield put(kind, policy_id)
    yield put("notification_template", TEMPLATE, localizedNotificationMessages=[])
    yield put("authentication_context", "c1", displayName="Confidential")


@dataclass
class Tables:
    """What a run leaves on Prefect's Artifacts page."""

    rows: list[Row] = field(default_factory=list[Row])

    def table(self, name: str, rows: list[Row], description: str) -> None:
        self.rows += [*rows, {"Description": description}]


@dataclass
class Tenant:
    """The tenant's runs, each with what it showed while it ran, as a tracked flow would have shown it."""

    runs: Runs
    tables: Tables = field(default_factory=Tables)
    ended: list[RunDetail] = field(default_factory=list[RunDetail])

    def work(self, request: StartRequest, body: Callable[[TrackedRun, Any], None], model: Any) -> None:
        run = replace(self.runs.begin(request), artifacts=cast(RunArtifacts, self.tables))
        body(run, model.model_validate(request.parameters))
        called = partial(told_items, self.runs.store.worker, self.runs.scope)
        self.tables.rows += outcome_rows(*run.progress.standing(), called)
        store, scope = self.runs.store, self.runs.scope
        self.ended.append(RunReader(store.hub, scope).get(self.runs.end(run)))

    def sync(self, **more: Any) -> None:
        self.work(sync_request("graph", **more), read_into_sync, InventoryParameters)


@pytest.fixture
def server() -> Iterator[GraphServer]:
    with GraphServer.running(policies=0) as running:
        yield running


@pytest.fixture
def tenant(server: GraphServer, store: Store, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    for name, value in (server.environment | {"TENANTATLAS_ENCRYPTION_KEY": KEY}).items():
        monkeypatch.setenv(name, value)
    store.directory.add_tenant("graph", "Graph", server.directory_id)
    return Tenant(Runs(store, Directory(store.app).for_operator("graph")))


def lines(node: Node) -> list[str]:
    """What stands in a row or in a list's element, each as one piece."""
    if isinstance(node, str):
        return [node]
    inside = any(isinstance(child, str) for child in node[2:]) or node[0] in ("tr", "li", "dd", "p", "summary")
    return [text_of(node)] if inside else [line for child in node[2:] for line in lines(child)]


def test_no_id_stands_alone_where_its_name_is_known(
    server: GraphServer,
    tenant: Tenant,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "tenantatlas")
    store, scope = tenant.runs.store, tenant.runs.scope
    server.control(put=[*bodies(False)], renamed=CALLED, deleted=[GONE], groups={one: {"members": 1} for one in CALLED})
    tenant.sync()
    first = datetime.now(UTC).isoformat()
    server.control(put=[*bodies(True)])
    tenant.sync()
    second = datetime.now(UTC).isoformat()
    request = generate_request(store.app, scope)
    tenant.work(request, drift_flow.compare_and_keep, DriftParameters)
    refused = [{"match": f"groups/{GROUP}", "kind": "forbidden", "times": -1}]
    refused += [{"match": f"{one}/settings", "kind": "null_list", "times": -1} for one in (POLICY,)]
    server.control(faults={"scripts": refused})
    tenant.work(GROUP_SYNC.request({}), read_groups, GroupParameters)
    tenant.sync(full=True)
    captures = Captures(store, scope)
    set_id = captures.set()
    tenant.ended.append(captures.run(set_id, all_policies=True))
    failed = {failure.item_id for one in tenant.ended for failure in one.failures}
    assert failed == {GROUP, POLICY}

    shown: dict[str, list[str]] = {}
    commands = CommandLine(tmp_path / "home", capsys, {"TENANTATLAS_DATABASE_URL": store.url})
    listed = commands("drift", "findings", "--tenant", "graph", "--json").document["findings"]
    assert commands("drift", "acknowledge", "--finding", listed[0]["id"], "--tenant", "graph").code == 0
    command_lines: dict[str, tuple[str, ...]] = {
        "findings": ("drift", "findings"), "inventory": ("inventory", "policies"), "set": ("backup", "show", "--set", set_id),
        "moment": ("inventory", "show"), "versions": ("inventory", "show", "--policy", ACCESS),
        "moments": ("inventory", "diff", "--from", first, "--to", second), "audit": ("audit", "list"),
        "hidden": ("drift", "ignore", "add", "--reason", "known", "--policy-name", "*e*", "--preview"),
        "runs": ("runs", "list"), "sets": ("backup", "list"), "syncs": ("inventory", "list"),
        **{f"history of {one['policy_name']}": ("drift", "history", "--finding", one["id"]) for one in listed},
        **{f"run {one.run.type}": ("runs", "show", str(one.run.id)) for one in tenant.ended},
    }  # fmt: skip
    for what, arguments in command_lines.items():
        text, document = (commands(*arguments, "--tenant", "graph", *more) for more in ((), ("--json",)))
        assert (text.code, document.code) == (0, 0), (what, text.err, document.err)
        # A cell goes on in the next line, below blanks.
        shown[what] = re.sub(r"\n\s{2,}", " ", text.out).splitlines()
        shown[f"{what} --json"] = list(objects(document.document))
        if what in ("findings", "moments"):
            assert len(document.document["findings"]) == 8, "everything that was put to use"
            shown |= {f"{what} as {kind}": found for kind, found in renderings(document.document).items()}
    shown["log"] = [record.getMessage() for record in caplog.records if record.name.startswith("tenantatlas")]
    shown["artifacts"] = [" ".join(map(str, row.values())) for row in tenant.tables.rows]
    told = NotificationReader(store.app, scope).list()
    shown["notifications"] = [sentence for one in told for _, sentence in one.said]
    hub = HubSettings(store.url, demo=True, item_names=item_names, catalogue=reasons())
    insights = RunInsights(store.hub, scope)
    for one in tenant.ended:
        run_id = one.run.id
        shown[f"download {one.run.type}"] = [str(row) for row in item_rows(store.hub, scope, hub, run_id)]
        groups, items = insights.failure_groups(run_id), insights.items(run_id, offset=0, limit=50)
        failures = insights.failures(run_id, offset=0, limit=50)
        listed = [*items.entries, *(each.item_id for each in failures.entries), *texts_in(dict(one.context))]
        names = item_names(store.hub, scope, listed)
        viewer = cast(Any, type("Viewer", (), {"may": lambda *_: False, "tenant": None}))
        page = [
            detail_view.failure_groups(groups, reasons(), names),
            detail_view.items_table(items, False, "", names),
            detail_view.items_table(failures, True, "", names),
            detail_view.facts(viewer, one.run, one.context, None, "", names),
            detail_view.said(one.context) or "",
        ]
        shown[f"page of {one.run.type}"] = [line for node in page for line in lines(node)]
    notes = insights.notes([one.run.id for one in tenant.ended], list_view.told_keys(hub.about))
    noted = list_view.Told(reasons(), hub.about, notes, {})
    looking = cast(Any, type("Viewer", (), {"may": lambda *_: False, "tenant": next(iter(store.directory.tenants()))}))
    pages: dict[str, Node] = {
        "runs page": list_view.runs_table("graph", [one.run for one in tenant.ended], noted),
        "notifications page": notifications_page.notifications(looking, told),
        "audit page": audit_page.entries("graph", {}, AuditReader(store.hub, scope).list(limit=100), None),
        "set page": items_table(set_items(store.hub, scope, UUID(set_id))),
    }
    shown |= {what: lines(node) for what, node in pages.items()}
    history = policy_history(store.hub, scope, ACCESS)
    shown["versions on the page"] = [line for one in history["versions"] for line in lines(version(one, is_open=True))]
    with store.hub.transaction(scope) as connection:
        sync = list_syncs(connection, scope)[1]
        shown["inventory page"] = lines(policies_table("graph", sync, list(policies_of(connection, scope, sync.id))))
    assert {kind: found for kind, pieces in shown.items() if (found := bare(pieces, NAMES))} == {}
    everything = "\n".join(piece for pieces in shown.values() for piece in pieces)
    assert [name for name in NAMES.values() if name not in everything] == []
    for kind in ("log", "artifacts", "page of inventory.sync", "download backup_set.add_policies"):
        assert any(f"ASR ({POLICY})" in piece or {"ASR", POLICY} <= set(piece.split("'")) for piece in shown[kind]), (
            kind
        )


def objects(node: Any) -> Iterator[str]:
    """The objects of a document that speak for themselves: a run, a change, and what holds no further one."""
    if isinstance(node, list):
        for each in node:
            yield from objects(each)
    elif isinstance(node, dict):
        inside = {key: value for key, value in node.items() if isinstance(value, (dict, list))}
        if not inside or "path" in node or "names" in node:
            yield json.dumps(node)
            return
        yield json.dumps({key: value for key, value in node.items() if key not in inside})
        for value in inside.values():
            yield from objects(value)
