"""Who changed what is drifting, read from Graph's audit logs over a socket and shown wherever findings are."""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flows._policies.audit import MOST_ACTORS, changes_told
from flows._policies.known_names import item_names
from flows.drift.commands import findings_table
from flows.drift.finding_page import entry as on_the_page
from flows.drift.register.reading import findings_document
from flows.drift.reports.report import csv_report, html_report
from flows.drift.reports.summary import told
from flows.inventory.flow import read_into_sync
from flows.inventory.operation import InventoryParameters
from flows.inventory.start import sync_request
from runstore.directory import Directory
from runstore.runs.reader import RunReader
from runstore.runs.run import RunDetail
from tests.conftest import Store
from tests.support.drift_runs import Runs, export, policy
from tests.support.graph_server import GraphServer
from tests.support.graph_server.directory import CANARY
from tests.support.nodes import text_of

INTUNE, ENTRA = "v1.0/deviceManagement/auditEvents", "v1.0/auditLogs/directoryAudits"
REFUSED = {"kind": "forbidden", "times": -1}
CA_KIND, INTUNE_KIND = "conditional_access", "compliance"


@pytest.fixture(scope="module")
def running_server() -> Iterator[GraphServer]:
    with GraphServer.running(policies=60) as running:
        yield running


@pytest.fixture
def server(running_server: GraphServer, monkeypatch: pytest.MonkeyPatch) -> GraphServer:
    for name, value in running_server.environment.items():
        monkeypatch.setenv(name, value)
    running_server.control(faults={}, page_size=2, logs={INTUNE: [], ENTRA: []}, reset=True)
    return running_server


@pytest.fixture
def runs(server: GraphServer, store: Store) -> Runs:
    store.directory.add_tenant("graph", "Graph", server.directory_id)
    return Runs(store, Directory(store.app).for_operator("graph"))


def sync(runs: Runs) -> RunDetail:
    request = sync_request("graph")
    run = runs.begin(request)
    read_into_sync(run, InventoryParameters.model_validate(request.parameters))
    return RunReader(runs.store.hub, runs.scope).get(runs.end(run))


def moment(**before: float) -> str:
    # As Graph writes it, with seven digits.
    return (datetime.now(UTC) - timedelta(**before)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def intune_event(policy_id: str, who: str | None, *, at: str, app: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "e",
        "displayName": "Patch DeviceCompliancePolicy",
        "activityType": "Patch DeviceCompliancePolicy",
        "activityOperationType": "Patch",
        "activityResult": "Success",
        "activityDateTime": at,
        "actor": {
            "userPrincipalName": who,
            "applicationDisplayName": app or "Microsoft Intune portal extension",
            "ipAddress": "203.0.113.9",
            "userId": CANARY,
        },
        "resources": [
            {
                "displayName": CANARY,
                "resourceId": policy_id,
                "modifiedProperties": [{"displayName": "x", "oldValue": CANARY, "newValue": CANARY}],
            }
        ],
        **more,
    }


def entra_event(policy_id: str, who: str, at: str, service: str = "Conditional Access") -> dict[str, Any]:
    return {
        "activityDisplayName": "Update conditional access policy",
        "activityDateTime": at,
        "loggedByService": service,
        "result": "success",
        "initiatedBy": {"user": {"userPrincipalName": who, "id": CANARY, "ipAddress": "203.0.113.9"}, "app": None},
        "targetResources": [{"id": policy_id, "type": "Policy", "displayName": CANARY}],
    }


def edited(server: GraphServer, kind: str) -> str:
    """The id of a policy of this kind that was just edited."""
    body = copy.deepcopy(next(iter(server.policies()[kind].values())))
    body["description"] = f"edited at {moment()}"
    server.control(put=[[kind, body]])
    return body["id"]


def by_whom(runs: Runs) -> dict[str, dict[str, Any]]:
    runs.drift()
    document = runs.found()
    return {one["policy_id"]: one["changed_by"] for one in document["findings"]}


def test_who_changed_it_last_is_said_everywhere_and_nothing_else_of_the_log_is_kept(
    server: GraphServer, runs: Runs
) -> None:
    first = sync(runs)
    assert first.context["audit"] == {"intune": "read", "conditional_access": "read"}
    one, other = edited(server, INTUNE_KIND), edited(server, CA_KIND)
    at = moment(seconds=0)
    events = [intune_event(f"device-{n}", "noise@contoso.example", at=at) for n in range(7)]
    events += [
        intune_event(one, "early@contoso.example", at=moment(days=3)),
        intune_event(one, "kim@contoso.example", at=at),
        intune_event(one, "failed@contoso.example", at=moment(seconds=-1), activityResult="Failure"),
        {"activityDateTime": "never"},
        {"nothing": 1, "activityDateTime": at},
    ]
    events[-2]["activityDateTime"] = at
    directory = [entra_event(other, "lee@contoso.example", at), entra_event(other, "x@contoso.example", at, "Core")]
    server.control(logs={INTUNE: events, ENTRA: directory})
    second = sync(runs).run.created_at
    begun, names = first.run.created_at, item_names(runs.store.hub, runs.scope, [one, other])
    by_each = [
        f"{who}@contoso.example changed {names[policy]} ({policy})" for who, policy in (("kim", one), ("lee", other))
    ]
    assert changes_told(runs.store.hub, runs.scope, begun, second) == by_each
    unknown = "who else changed policies is not known"
    assert changes_told(runs.store.hub, runs.scope, begun, second + timedelta(days=1)) == [*by_each, unknown]
    assert changes_told(runs.store.hub, runs.store.tenant("globex"), begun, second) == []
    found = by_whom(runs)
    assert {key: (value["status"], value["who"]) for key, value in found.items()} == {
        one: ("known", "kim@contoso.example"),
        other: ("known", "lee@contoso.example"),
    }
    assert found[one]["activity"] == "Patch DeviceCompliancePolicy"
    document = findings_document(runs.store.app, runs.scope)
    rows = list(csv.DictReader(io.StringIO(csv_report(document).removeprefix("\ufeff"))))
    assert {row["changed_by"] for row in rows} == {"kim@contoso.example", "lee@contoso.example"}
    said = f"kim@contoso.example, {datetime.fromisoformat(found[one]['at']):%Y-%m-%d %H:%M UTC}"
    assert said in html_report(document, "graph")
    assert any(said in row for row in findings_table(document, "").rows)
    assert any(said in text_of(on_the_page("graph", one)) for one in told(document["findings"]))
    with runs.store.admin.transaction(runs.scope) as connection:
        kept = connection.execute(text("SELECT * FROM policy_audit_events")).all()
        trails = connection.execute(text("SELECT audit::text FROM inventory_syncs")).all()
    assert len(kept) == 2
    assert CANARY not in repr((kept, trails)) and "203.0.113.9" not in repr((kept, trails))


def test_of_many_who_changed_policies_the_first_are_named_and_the_rest_is_told(server: GraphServer, runs: Runs) -> None:
    begun = sync(runs).run.created_at
    one, other, at = edited(server, INTUNE_KIND), edited(server, CA_KIND), moment(seconds=0)
    people = [f"p{n}@contoso.example" for n in range(MOST_ACTORS + 1)]
    both = [entra_event(other, people[-1], at)]
    server.control(logs={INTUNE: [intune_event(one, who, at=at) for who in people], ENTRA: both})
    told = changes_told(runs.store.hub, runs.scope, begun, sync(runs).run.created_at)
    assert [line.split(" ")[0] for line in told[:-1]] == [people[-1], *people[: MOST_ACTORS - 1]]
    assert told[-1] == "others changed policies as well"


def test_an_application_is_named_and_an_assignments_event_is_its_policys(server: GraphServer, runs: Runs) -> None:
    sync(runs)
    one = edited(server, INTUNE_KIND)
    group = "99999999-0000-4000-8000-000000000000"
    event = intune_event(f"{one}_{group}", None, at=moment(seconds=0), app="Pipeline\u202e\x00")
    server.control(logs={INTUNE: [event]})
    sync(runs)
    assert by_whom(runs)[one]["who"] == "Pipeline"


@pytest.mark.parametrize(
    ("log", "kind", "fault", "status"),
    [
        ("deviceManagement/auditEvents", INTUNE_KIND, REFUSED, "permission_missing"),
        pytest.param("auditLogs/directoryAudits", CA_KIND, REFUSED, "permission_missing", marks=pytest.mark.long),
        ("deviceManagement/auditEvents", INTUNE_KIND, {"kind": "gone", "times": -1}, "not_read"),
    ],
)
def test_what_is_not_known_says_why_and_is_caught_up_with_later(
    server: GraphServer, runs: Runs, log: str, kind: str, fault: dict[str, Any], status: str
) -> None:
    sync(runs)
    one, other = edited(server, kind), edited(server, CA_KIND if kind == INTUNE_KIND else INTUNE_KIND)
    build = entra_event if kind == CA_KIND else intune_event
    server.control(
        logs={ENTRA if kind == CA_KIND else INTUNE: [build(one, "kim@contoso.example", at=moment(seconds=0))]},
        faults={"scripts": [{"match": log, **fault}]},
    )
    detail = sync(runs)
    assert detail.run.status.value == "completed"
    assert by_whom(runs) == {one: {"status": status}, other: {"status": "no_event"}}
    document = findings_document(runs.store.app, runs.scope)
    words = "permission missing" if status == "permission_missing" else "the audit log was not read"
    assert words in html_report(document, "graph") and "no event found" in html_report(document, "graph")
    server.control(faults={})
    assert set(sync(runs).context["audit"].values()) == {"read"}
    one_again = edited(server, kind)
    assert one_again == one
    sync(runs)
    # The event of back then is there now; it belongs to the change before, and this one has none.
    assert by_whom(runs) == {one: {"status": "no_event"}}


def test_a_throttled_log_is_waited_for(server: GraphServer, runs: Runs) -> None:
    sync(runs)
    one = edited(server, INTUNE_KIND)
    server.control(
        logs={INTUNE: [intune_event(one, "kim@contoso.example", at=moment(seconds=0))]},
        faults={"scripts": [{"match": "auditEvents", "kind": "throttled", "times": 1}]},
    )
    sync(runs)
    assert by_whom(runs)[one]["who"] == "kim@contoso.example"


def test_a_folder_has_no_audit_log_and_says_nothing_of_it_to_people(store: Store, tmp_path: Path) -> None:
    runs = Runs(store, store.tenant())
    one = "10000000-0000-4000-8000-000000000000"
    for name, value in (("a", 1), ("b", 2)):
        runs.sync(export(tmp_path / name, [policy(one, value=value)]))
    assert by_whom(runs) == {one: {"status": "no_audit_log"}}
    document = findings_document(store.app, runs.scope)
    assert "last changed" not in html_report(document, "acme")
    assert "By whom" not in findings_table(document, "").columns
