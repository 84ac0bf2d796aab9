"""A directory read over real sockets: everything comes, once, as it is; and what does not come is said exactly."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import replace
from typing import Any

import pytest

from flows._policies.protocol import SourceFailure, SourcePolicy
from flows._policies.types import BY_SLUG, POLICY_TYPES
from flows._sources.graph.limits import Lanes, Limit
from flows._sources.graph.reader import GraphReader
from flows._sources.graph.settings import GraphSettings
from flows._sources.graph.source import GraphSource
from runstore.reasons import ReasonedError
from tests.support.graph_server import GraphServer
from tests.support.graph_server.directory import CANARY
from tests.support.graph_server.policies import KINDS, slug_of
from tests.support.unread import unenumerated

PARTS = "olicies/[^/]+/settings"


class Stored:
    """A policy as a snapshot store would hand it back."""

    def __init__(self, policy: SourcePolicy) -> None:
        self.policy_type = policy.policy_type
        self.mark = policy.mark
        self._body = policy.body

    def body(self) -> dict[str, Any]:
        return self._body


def read(reader: GraphReader, **known: Any) -> tuple[dict[str, SourcePolicy], list[SourceFailure], GraphSource]:
    source = GraphSource(reader, **known)
    outcomes = list(source.read())
    policies = [each for each in outcomes if isinstance(each, SourcePolicy)]
    by_id = {each.policy_id: each for each in policies}
    assert len(by_id) == len(policies), "a policy came twice"
    return by_id, [each for each in outcomes if isinstance(each, SourceFailure)], source


def truth(server: GraphServer) -> dict[str, tuple[str, dict[str, Any]]]:
    held = server.policies()
    return {key: (slug_of(kind), body) for kind, bodies in held.items() for key, body in bodies.items()}


def without_context(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if not key.startswith("@odata.context")}


def assert_whole(found: dict[str, SourcePolicy], expected: dict[str, tuple[str, dict[str, Any]]]) -> None:
    assert found.keys() == expected.keys()
    for key, (slug, body) in expected.items():
        assert found[key].policy_type == slug
        assert without_context(found[key].body) == body


def test_a_sweep_brings_every_policy_whole(server: GraphServer, reader: GraphReader) -> None:
    found, failures, _ = read(reader)
    assert failures == []
    assert_whole(found, truth(server))
    assert {each.policy_type for each in found.values()} == {entry.slug for entry in POLICY_TYPES}
    assert unenumerated(failures) == set()
    assert server.counted()["tokens"] == 1


@pytest.mark.parametrize("size", [4, 1000])
def test_the_size_of_a_page_changes_nothing(server: GraphServer, reader: GraphReader, size: int) -> None:
    server.control(page_size=size)
    found, failures, _ = read(reader)
    assert failures == []
    assert_whole(found, truth(server))


def test_a_refused_expansion_is_met_by_asking_for_the_part(server: GraphServer, reader: GraphReader) -> None:
    server.control(refuse_expansion=400)
    found, failures, _ = read(reader)
    assert failures == []
    assert_whole(found, truth(server))


@pytest.mark.parametrize(
    "kind",
    [
        "throttled",
        "throttled_bare",
        "throttled_date",
        "unavailable",
        "unavailable_wait",
        "unauthorized",
        "truncated",
        "cut_off",
        "dropped",
        "empty_page",
        "slow",
    ],
)
def test_what_passes_costs_nothing_but_time(server: GraphServer, reader: GraphReader, kind: str) -> None:
    scripts = [{"match": "", "kind": kind, "times": 3, "skip": 2}, {"match": PARTS, "kind": kind, "times": 2}]
    if kind == "dropped":
        scripts = [{"match": PARTS, "kind": kind, "times": 5}]
    server.control(faults={"scripts": scripts, "slow_seconds": 2.5})
    found, failures, _ = read(reader)
    assert failures == []
    assert_whole(found, truth(server))
    injected = server.control()["injected"]
    assert injected[kind] == 5
    assert reader.traffic.retries >= (0 if kind == "empty_page" else 1)


def test_an_expired_token_is_renewed_once_for_all(server: GraphServer, reader: GraphReader) -> None:
    list(reader.list([BY_SLUG["compliance"]]))
    server.control(expire_tokens=True)
    found, failures, _ = read(reader)
    assert failures == []
    assert_whole(found, truth(server))
    assert server.counted()["tokens"] == 2


def test_a_token_refused_for_good_is_no_endless_loop(server: GraphServer, reader: GraphReader) -> None:
    server.control(faults={"scripts": [{"match": "Management/roleScopeTags", "kind": "unauthorized", "times": -1}]})
    _, failures, _ = read(reader)
    assert [each.failure.reason_code for each in failures] == ["graph_token_refused"]
    assert "scope_tag" in unenumerated(failures)


def test_tokens_taken_back_again_while_a_read_waits(server: GraphServer, reader: GraphReader) -> None:
    kinds = ("unauthorized", "unavailable", "unauthorized")
    server.control(
        faults={"scripts": [{"match": "Management/roleScopeTags", "kind": kind, "times": 1} for kind in kinds]}
    )
    found, failures, _ = read(reader)
    assert failures == []
    assert_whole(found, truth(server))


def test_a_missing_permission_fails_its_type_and_names_the_permission(server: GraphServer, reader: GraphReader) -> None:
    server.control(faults={"scripts": [{"match": "managedAppPolicies", "kind": "forbidden", "times": -1}]})
    found, failures, _ = read(reader)
    assert [(each.policy_type, each.failure.reason_code) for each in failures] == [
        ("app_protection", "graph_permission_missing")
    ]
    assert "DeviceManagementApps.Read.All" in failures[0].failure.message
    assert unenumerated(failures) == {"app_protection"}
    others = {key: each for key, each in truth(server).items() if each[0] != "app_protection"}
    assert_whole(found, others)


def test_a_type_that_stays_unavailable_is_incomplete_and_no_more(server: GraphServer, reader: GraphReader) -> None:
    scripts = [{"match": "deviceConfigurations.*skiptoken", "kind": "unavailable", "times": -1}]
    server.control(page_size=5, faults={"scripts": scripts})
    _, failures, _ = read(reader)
    assert [each.failure.reason_code for each in failures] == ["graph_unavailable"]
    assert "device_configuration" in unenumerated(failures)


def test_no_text_of_an_error_gets_through(server: GraphServer, reader: GraphReader) -> None:
    lasting = {"rate": 0.5, "kinds": ["forbidden", "not_found", "gone"], "seed": 5}
    server.control(faults=lasting)
    _, failures, _ = read(reader)
    assert failures
    assert all(CANARY not in repr(each) for each in failures)


def test_every_listed_policy_is_a_policy_or_a_failure_under_many_faults(
    server: GraphServer, reader: GraphReader
) -> None:
    server.control(faults={"rate": 0.15, "seed": 11, "slow_seconds": 0.1})
    found, failures, _ = read(reader)
    server.control(faults={})
    expected = truth(server)
    incomplete = unenumerated(failures)
    missing = {key for key, (slug, _) in expected.items() if key not in found and slug not in incomplete}
    assert missing == {each.policy_id for each in failures if each.policy_id and each.policy_type not in incomplete}
    assert_whole(found, {key: expected[key] for key in found})


def test_a_list_that_moves_is_read_again(server: GraphServer, settings: GraphSettings) -> None:
    kind = "device_configuration"
    expected = truth(server)
    new = KINDS[kind].make(random.Random(99), 4711)
    held = server.policies()[kind]
    assert len(held) > 10
    server.control(page_size=5, latency=0.15)
    with GraphReader.open(server.directory_id, settings, server.environment, Lanes()) as reader:

        def insert_in_front() -> None:
            server.control(delete=[[kind, key] for key in held])
            server.control(put=[[kind, new], *([kind, body] for body in held.values())])

        timer = threading.Timer(0.35, insert_in_front)
        timer.start()
        source = GraphSource(reader, types=[BY_SLUG[kind]])
        found = {each.policy_id for each in source.read() if isinstance(each, SourcePolicy)}
        timer.join()
    server.control(delete=[[kind, new["id"]]])
    assert {key for key, (slug, _) in expected.items() if slug == kind} <= found


def test_a_known_policy_that_slipped_between_pages_is_found_by_id(server: GraphServer, reader: GraphReader) -> None:
    found, _, _ = read(reader)
    known = {key: Stored(each) for key, each in found.items()}
    gone = Stored(next(iter(found.values())))
    known["0f0f0f0f-0000-4000-8000-000000000000"] = gone
    slipped = next(key for key, each in found.items() if each.policy_type == "compliance")
    body = server.policies()["compliance"][slipped]
    server.control(delete=[["compliance", slipped]])
    listings = {each.entry.slug: each for each in reader.list()}
    assert slipped not in listings["compliance"].items
    server.control(put=[["compliance", body]])
    source = GraphSource(reader, known)
    plan = source._plan(BY_SLUG["compliance"], [listings["compliance"]])  # pyright: ignore[reportPrivateUsage]
    assert plan.absent == [slipped]
    again, failures, _ = read(reader, known=known)
    assert failures == []
    assert again.keys() == found.keys()


def test_a_second_read_asks_only_for_what_moved(server: GraphServer, reader: GraphReader) -> None:
    found, _, _ = read(reader)
    first = server.counted(reset=True)
    known = {key: Stored(each) for key, each in found.items()}
    again, failures, source = read(reader, known=known)
    second = server.counted(reset=True)
    assert failures == []
    # What no list shows of them, such as assignments of intents and profiles of tokens.
    asked = {truth(server)[key][0] for key in second["by_policy"]}
    assert asked == {"dep_token", "endpoint_security_intent", "role_assignment"}
    assert set(second["by_policy"].values()) == {1}
    assert second["bytes_sent"] < first["bytes_sent"] / 4
    assert_whole(again, truth(server))
    assert source.reused == len(found)

    edited = next(body for body in server.policies()["settings_catalog"].values() if body["settingCount"] > 3)
    edited["settings"].pop()
    edited["settingCount"] -= 1
    server.control(put=[["settings_catalog", edited]])
    after, failures, _ = read(reader, known=known)
    counted = server.counted(reset=True)
    assert failures == []
    assert set(counted["by_policy"]) - set(second["by_policy"]) == {edited["id"]}
    assert without_context(after[edited["id"]].body) == edited


def test_an_edit_of_assignments_alone_is_seen_by_the_second_read(server: GraphServer, reader: GraphReader) -> None:
    found, _, _ = read(reader)
    known = {key: Stored(each) for key, each in found.items()}
    kind = "settings_catalog"
    edited = next(iter(server.policies()[kind].values()))
    edited["assignments"] = [{"id": "1", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]
    server.control(put=[[kind, edited]])
    after, _, _ = read(reader, known=known)
    assert after[edited["id"]].body["assignments"] == edited["assignments"]


def test_many_assignments_are_read_from_their_own_collection(server: GraphServer, reader: GraphReader) -> None:
    kind = "settings_catalog"
    edited = next(iter(server.policies()[kind].values()))
    target = {"@odata.type": "#microsoft.graph.groupAssignmentTarget"}
    edited["assignments"] = [{"id": str(each), "target": target | {"groupId": str(each)}} for each in range(60)]
    server.control(put=[[kind, edited]])
    found, failures, _ = read(reader, types=[BY_SLUG[kind]])
    assert failures == []
    assert len(found[edited["id"]].body["assignments"]) == 60
    known = {key: Stored(each) for key, each in found.items()}
    edited["assignments"][59]["target"]["groupId"] = "another"
    server.control(put=[[kind, edited]])
    again, _, source = read(reader, known=known, types=[BY_SLUG[kind]])
    assert again[edited["id"]].body["assignments"] == edited["assignments"], "a capped list cannot show every change"
    assert source.reused == len(found) - 1


def test_a_setting_count_that_does_not_match_is_a_failure_of_that_policy(
    server: GraphServer, reader: GraphReader
) -> None:
    kind = "settings_catalog"
    policies = list(server.policies()[kind].values())
    lying = policies[1]
    server.control(put=[[kind, lying | {"settingCount": lying["settingCount"] + 1}]])
    found, failures, _ = read(reader, types=[BY_SLUG[kind]])
    server.control(put=[[kind, lying]])
    assert [(each.policy_id, each.failure.reason_code) for each in failures] == [
        (lying["id"], "graph_settings_incomplete")
    ]
    assert lying["id"] not in found
    assert kind not in unenumerated(failures)


def test_the_lanes_limit_is_kept_without_being_told(server: GraphServer, settings: GraphSettings) -> None:
    server.control(limits=True)
    with GraphReader.open(server.directory_id, settings, server.environment, Lanes()) as reader:
        list(reader.list([BY_SLUG["conditional_access"]]))
        ids = [(key, "conditional_access") for key in server.policies()["conditional_access"]][:3]
        assert all(each.body for each in reader.fetch_ids(ids))
        one = ids[0]
        assert next(reader.fetch_ids([one])).body
        assert reader.traffic.throttled == 0
        assert reader.traffic.waited > 0.5
    assert server.counted()["throttled"] == 0


def test_a_tight_limit_slows_down_and_loses_nothing(server: GraphServer, settings: GraphSettings) -> None:
    lanes = Lanes({lane: Limit(40, 0.2) for lane in {entry.lane for entry in POLICY_TYPES}})
    with GraphReader.open(server.directory_id, settings, server.environment, lanes) as reader:
        found, failures, _ = read(reader)
    assert failures == []
    assert_whole(found, truth(server))


def test_at_most_so_many_requests_are_in_flight(server: GraphServer, reader: GraphReader) -> None:
    server.control(latency=0.03)
    read(reader)
    assert 1 < server.counted()["most_at_once"] <= 6


def test_wrong_credentials_end_the_reading_with_entras_number(server: GraphServer, settings: GraphSettings) -> None:
    environ = server.environment | {"AZURE_CLIENT_SECRET": "wrong"}
    with (
        GraphReader.open(server.directory_id, settings, environ) as reader,
        pytest.raises(ReasonedError) as caught,
    ):
        read(reader)
    assert caught.value.failure.reason_code == "graph_sign_in_refused"
    assert "AADSTS7000215" in caught.value.failure.message
    assert CANARY not in str(caught.value)


def test_an_unknown_directory_ends_the_reading(server: GraphServer, settings: GraphSettings) -> None:
    other = "99999999-2222-3333-4444-555555555555"
    with (
        GraphReader.open(other, settings, server.environment) as reader,
        pytest.raises(ReasonedError) as caught,
    ):
        read(reader)
    assert caught.value.failure.reason_code == "graph_directory_unknown"
    assert other in caught.value.failure.message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"authority": "https://127.0.0.1:9"}, "graph_unreachable"),
        ({"ca_file": None}, "graph_ca_unknown"),
    ],
)
def test_a_sign_in_that_is_not_reached_is_no_refused_secret(
    server: GraphServer, settings: GraphSettings, change: dict[str, Any], reason: str
) -> None:
    with (
        GraphReader.open(server.directory_id, replace(settings, **change), server.environment, Lanes()) as reader,
        pytest.raises(ReasonedError) as caught,
    ):
        read(reader)
    assert caught.value.failure.reason_code == reason


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("unlicensed", "graph_not_licensed"),
        ("not_premium", "graph_not_licensed"),
        ("wait_an_hour", "graph_wait_too_long"),
    ],
)
def test_a_reason_leads_to_the_right_desk(server: GraphServer, settings: GraphSettings, kind: str, reason: str) -> None:
    server.control(faults={"scripts": [{"match": "notificationMessageTemplates", "kind": kind, "times": -1}]})
    short = replace(settings, patience=replace(settings.patience, longest_wait=0.5))
    with GraphReader.open(server.directory_id, short, server.environment, Lanes()) as reader:
        _, failures, _ = read(reader)
    assert [(each.policy_type, each.failure.reason_code) for each in failures] == [("notification_template", reason)]
    assert "notification_template" in unenumerated(failures)


def test_whoever_waits_is_told_for_what_and_until_when(
    server: GraphServer, settings: GraphSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows._sources.graph.pump._WAIT_TOLD", 0.5)
    server.control(faults={"scripts": [{"match": "notificationMessageTemplates", "kind": "throttled", "times": 1}]})
    told: list[str] = []
    with GraphReader.open(server.directory_id, settings, server.environment, Lanes(), told.append) as reader:
        read(reader, types=[BY_SLUG["notification_template"]])
    assert len(told) == 1
    assert re.fullmatch(r"waiting for Microsoft until \d\d:\d\d UTC \(notification templates\)", told[0])


def test_a_graph_that_is_not_there_ends_the_reading(server: GraphServer, settings: GraphSettings) -> None:
    nowhere = replace(settings, endpoint="http://127.0.0.1:9")
    with (
        GraphReader.open(server.directory_id, nowhere, server.environment, Lanes()) as reader,
        pytest.raises(ReasonedError) as caught,
    ):
        read(reader)
    assert caught.value.failure.reason_code == "graph_unreachable"


def test_ids_come_back_each_once(server: GraphServer, reader: GraphReader) -> None:
    held = truth(server)
    asked = [(key, slug) for key, (slug, _) in held.items()]
    asked[3:3] = [("not an id!", "compliance"), ("0f0f0f0f-0000-4000-8000-000000000000", "compliance")]
    asked += [("0f0f0f0f-0000-4000-8000-000000000000", "conditional_access"), ("x", "unknown")]
    fetched = list(reader.fetch_ids(asked))
    assert sorted(each.wanted.policy_id for each in fetched) == sorted(key for key, _ in asked)
    failed = {each.wanted.policy_id: each.problem.reason.code for each in fetched if each.problem}
    assert failed == {
        "not an id!": "graph_policy_id_invalid",
        "0f0f0f0f-0000-4000-8000-000000000000": "graph_policy_not_found",
        "x": "graph_policy_not_found",
    }
    for each in fetched:
        if each.body is not None:
            assert without_context(each.body) == held[each.wanted.policy_id][1]
