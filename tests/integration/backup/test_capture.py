"""Every policy asked for is accounted for once: captured, skipped, or failed with its reason."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from flows._policies.protocol import SourceFailure, SourcePolicy
from flows._policies.sealing import EncryptionKeyError
from flows._policies.snapshots import fingerprint_of
from flows._policies.stored import stored
from flows._sources.folder import FolderSource
from flows.backup.export import export_set
from flows.backup.operation import OPERATION
from flows.backup.sets import add_policies_request, create_set, get_set, list_sets, set_items
from flows.backup.tables import BackupItem
from runstore.directory import Directory
from runstore.errors import BadInputError, ForbiddenError
from runstore.reasons import ReasonedError
from runstore.runs.starter import start
from runstore.runs.status import RunStatus
from runstore.tenancy import Role, TenantScope
from tests.conftest import Store
from tests.integration.backup.conftest import Captures
from tests.support.graph_server import GraphServer
from tests.support.graph_server.policies import slug_of


def ids(server: GraphServer) -> dict[str, str]:
    return {key: slug_of(kind) for kind, bodies in server.policies().items() for key in bodies}


def test_all_policies_are_captured_as_they_are(
    server: GraphServer, store: Store, tenant: TenantScope, captures: Captures
) -> None:
    set_id = captures.set()
    detail = captures.run(set_id, all_policies=True)
    expected = ids(server)
    assert detail.run.status is RunStatus.COMPLETED
    assert (detail.run.counts.total, detail.run.counts.succeeded) == (len(expected), len(expected))
    assert sorted(detail.item_ids) == sorted(expected)
    assert "waited" in detail.context["graph"]["summary"]
    items = set_items(store.app, tenant, UUID(set_id))
    assert {item.policy_id: item.policy_type for item in items} == expected
    view = get_set(store.app, tenant, UUID(set_id))
    assert (view.policies, view.items) == (len(expected), len(expected))
    assert [one.id for one in list_sets(store.app, tenant)] == [view.id]


def test_adding_again_skips_what_is_unchanged_and_captures_what_changed(
    server: GraphServer, store: Store, tenant: TenantScope, captures: Captures
) -> None:
    set_id = captures.set()
    chosen = sorted(ids(server))[:20]
    captures.run(set_id, chosen)
    kind, edited = next(
        (kind, body)
        for kind, bodies in server.policies().items()
        for key, body in bodies.items()
        if key in chosen and "description" in body
    )
    server.control(put=[[kind, edited | {"description": "edited"}]])
    detail = captures.run(set_id, chosen)
    server.control(put=[[kind, edited]])
    assert (detail.run.counts.succeeded, detail.run.counts.skipped) == (1, 19)
    versions = [one for one in set_items(store.app, tenant, UUID(set_id)) if one.policy_id == edited["id"]]
    assert len({one.content_hash for one in versions}) == 2


def test_each_failing_id_has_its_reason_and_the_rest_is_there(server: GraphServer, captures: Captures) -> None:
    known = ids(server)
    catalogs = sorted(key for key, slug in known.items() if slug == "settings_catalog")
    refused, broken = catalogs[0], catalogs[1]
    server.control(
        faults={
            "scripts": [
                {"match": refused, "kind": "forbidden", "times": -1},
                {"match": broken, "kind": "gone", "times": -1},
            ]
        }
    )
    absent = str(uuid4())
    detail = captures.run(captures.set(), [*sorted(known), "not an id!", absent])
    assert detail.run.status is RunStatus.COMPLETED_WITH_ERRORS
    assert detail.run.counts.total == len(known) + 2
    assert detail.run.counts.succeeded == len(known) - 2
    assert {failure.item_id: failure.reason_code for failure in detail.failures} == {
        refused: "graph_permission_missing",
        broken: "graph_policy_vanished",
        "not an id!": "graph_policy_id_invalid",
        absent: "graph_policy_not_found",
    }


def test_a_killed_capture_goes_on_with_what_is_missing(
    server: GraphServer, store: Store, tenant: TenantScope, captures: Captures
) -> None:
    set_id = captures.set()
    died = captures.run(set_id, all_policies=True, kill_after=70)
    assert died.run.status is RunStatus.FAILED
    there = {item.policy_id for item in set_items(store.app, tenant, UUID(set_id))}
    assert 0 < len(there) < len(ids(server))
    server.counted(reset=True)
    detail = captures.run(set_id, all_policies=True)
    counted = server.counted()
    missing = ids(server).keys() - there
    assert detail.run.status is RunStatus.COMPLETED
    assert (detail.run.counts.succeeded, detail.run.counts.skipped) == (len(missing), len(there))
    assert counted["by_policy"].keys() <= missing
    # Conditional Access and its locations are read from their lists; nothing else is listed again.
    assert counted["list_reads"] <= 2
    items = [item.policy_id for item in set_items(store.app, tenant, UUID(set_id))]
    assert sorted(items) == sorted(ids(server))


def test_a_partial_capture_asks_again_only_for_what_failed(server: GraphServer, captures: Captures) -> None:
    set_id = captures.set()
    chosen = sorted(key for key, slug in ids(server).items() if slug == "settings_catalog")[:10]
    server.control(faults={"scripts": [{"match": chosen[0], "kind": "forbidden", "times": -1}]})
    assert captures.run(set_id, chosen).run.status is RunStatus.COMPLETED_WITH_ERRORS
    server.control(faults={}, reset=True)
    detail = captures.run(set_id, chosen)
    assert (detail.run.counts.succeeded, detail.run.counts.skipped) == (1, 9)
    assert list(server.counted()["by_policy"]) == [chosen[0]]


def test_an_exported_set_reads_back_to_the_same_hashes(
    server: GraphServer, store: Store, tenant: TenantScope, captures: Captures, tmp_path: Path
) -> None:
    set_id = captures.set()
    captures.run(set_id, all_policies=True)
    _, exported = export_set(store.app, tenant, UUID(set_id), tmp_path / "out")
    with store.worker.transaction(tenant) as connection:
        fingerprint = fingerprint_of(connection, tenant)
    source = FolderSource(tmp_path / "out")
    read = list(source.read())
    assert [each for each in read if isinstance(each, SourceFailure)] == []
    policies = [each for each in read if isinstance(each, SourcePolicy)]
    assert exported == len(policies) == len(ids(server))
    items = {item.policy_id: item for item in set_items(store.app, tenant, UUID(set_id))}
    for policy in policies:
        item = items[policy.policy_id]
        assert policy.policy_type == item.policy_type
        assert stored(policy, fingerprint).content_hash == item.content_hash, policy.policy_type
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "out").rglob("*"))
    with pytest.raises(BadInputError, match="not empty"):
        export_set(store.app, tenant, UUID(set_id), tmp_path / "out")


SECRET = "zQ7" + "kV2mX9" * 5


def with_secret(server: GraphServer) -> str:
    kind = "device_configuration"
    body = next(iter(server.policies()[kind].values()))
    setting = {
        "@odata.type": "#microsoft.graph.omaSettingString",
        "displayName": "Wi-Fi",
        "omaUri": "./Vendor/MSFT/WiFi/Profile/preSharedKey",
        "value": SECRET,
        "isEncrypted": False,
        "secretReferenceValueId": None,
    }
    server.control(put=[[kind, body | {"omaSettings": [setting]}]])
    return body["id"]


def test_a_live_secret_is_kept_encrypted_and_comes_out_again(
    server: GraphServer,
    store: Store,
    tenant: TenantScope,
    captures: Captures,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy_id, set_id = with_secret(server), captures.set()
    detail = captures.run(set_id, [policy_id])
    assert detail.run.status is RunStatus.COMPLETED
    item = set_items(store.app, tenant, UUID(set_id))[0]
    assert item.encrypted
    with store.app.transaction(tenant) as connection:
        body = bytes(connection.execute(select(BackupItem.body)).scalar_one())
    assert SECRET.encode() not in body
    for wrong in ("", "another key of the tests, of words as well"):
        with monkeypatch.context() as other, pytest.raises(EncryptionKeyError) as refused:
            other.setenv("TENANTATLAS_ENCRYPTION_KEY", wrong)
            export_set(store.app, tenant, UUID(set_id), tmp_path / "refused")
        assert refused.value.exit_code == 6
    assert not (tmp_path / "refused").exists()
    export_set(store.app, tenant, UUID(set_id), tmp_path / "out")
    assert SECRET in next((tmp_path / "out").rglob("*.json")).read_text()


def test_a_capture_without_a_key_is_refused_before_anything_is_read(
    server: GraphServer, captures: Captures, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmless = next(key for key, slug in ids(server).items() if slug == "conditional_access")
    monkeypatch.delenv("TENANTATLAS_ENCRYPTION_KEY")
    monkeypatch.delenv("TENANTATLAS_ENCRYPTION_KEY_FILE", raising=False)
    with pytest.raises(EncryptionKeyError) as refused:
        captures.run(captures.set(), [harmless])
    assert refused.value.failure.reason_code == "encryption_key_missing"
    monkeypatch.setenv("TENANTATLAS_ENCRYPTION_KEY", "short")
    with pytest.raises(EncryptionKeyError, match="TENANTATLAS_ENCRYPTION_KEY, has fewer than 32"):
        captures.run(captures.set("Other"), [harmless])


def test_identical_requests_are_one_run_in_whatever_order(
    store: Store, captures: Captures, tenant: TenantScope
) -> None:
    set_id = captures.set()
    first = start(store.app, tenant, add_policies_request(store.app, tenant, set_id, ["b", "a", "b"]))
    second = start(store.app, tenant, add_policies_request(store.app, tenant, set_id, ["a", "b"]))
    third = start(store.app, tenant, add_policies_request(store.app, tenant, set_id, ["a"]))
    assert (second.run.id, second.reused) == (first.run.id, True)
    assert not third.reused
    assert first.run.counts.total == 2
    assert OPERATION.type == first.run.type


def test_what_cannot_be_asked_for_is_refused_before_there_is_a_run(
    store: Store, captures: Captures, tenant: TenantScope
) -> None:
    set_id = captures.set()
    other = store.tenant("other")
    foreign = create_set(store.app, other, "Theirs").id
    for wanted in (str(foreign), str(uuid4())):
        with pytest.raises(ForbiddenError, match="no such backup set"):
            add_policies_request(store.app, tenant, wanted, ["a"])
    with pytest.raises(BadInputError, match="is not the id of a backup set"):
        add_policies_request(store.app, tenant, "x", ["a"])
    with pytest.raises(BadInputError, match="No policy is selected"):
        add_policies_request(store.app, tenant, set_id, [])
    with pytest.raises(BadInputError, match="one of the two"):
        add_policies_request(store.app, tenant, set_id, ["a"], all_policies=True)
    with pytest.raises(BadInputError, match="At most 10000"):
        add_policies_request(store.app, tenant, set_id, ["a"] * 10_001)
    with pytest.raises(BadInputError, match="already"):
        create_set(store.app, tenant, "Weekly")
    with pytest.raises(BadInputError, match="needs a name"):
        create_set(store.app, tenant, " \x00 ")


def test_a_reader_may_look_and_no_more(store: Store, captures: Captures, tenant: TenantScope) -> None:
    set_id = captures.set()
    reader = store.member(Role.READONLY, "graph")
    assert [str(one.id) for one in list_sets(store.app, reader)] == [set_id]
    with pytest.raises(ForbiddenError):
        create_set(store.app, reader, "No")
    with pytest.raises(ForbiddenError):
        add_policies_request(store.app, reader, set_id, ["a"])
    with pytest.raises(ForbiddenError):
        export_set(store.app, reader, UUID(set_id), Path("/nowhere"))


def test_a_tenant_without_a_directory_and_without_a_folder_is_told_so(store: Store, server: GraphServer) -> None:
    store.directory.add_tenant("bare", "Bare")
    captures = Captures(store, Directory(store.app).for_operator("bare"))
    with pytest.raises(ReasonedError) as caught:
        captures.run(captures.set(), all_policies=True)
    assert caught.value.failure.reason_code == "backup_no_source"
