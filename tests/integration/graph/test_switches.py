"""What the service does that its pages do not say, each alone and several at once: everything is the truth or unread."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from flows._policies.types import BY_SLUG
from flows._sources.graph.limits import Lanes
from flows._sources.graph.reader import GraphReader
from flows._sources.graph.settings import GraphSettings, Patience
from runstore.reasons import ReasonedError
from tests.integration.graph.test_source import Stored, assert_whole, read, truth
from tests.support.graph_server import GraphServer
from tests.support.graph_server.directory import CANARY
from tests.support.unread import unenumerated

Policy = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Switch:
    """What the server is told, and what it may cost, for which reason: types that are not complete then, or policies.

    Of several switches at one place the server heeds the first.
    """

    place: str
    scripts: tuple[tuple[str, str], ...] = ()
    quirks: tuple[str, ...] = ()
    refused: int = 0
    reason: str = ""
    types: frozenset[str] = frozenset()
    policy: Callable[[Policy], bool] = field(default=lambda _: False)
    times: int = -1


LISTS = {
    "app": "deviceAppManagement/mobileApps",
    "autopilot_profile": "windowsAutopilotDeploymentProfiles",
    "scope_tag": "deviceManagement/roleScopeTags",
    "assignment_filter": "assignmentFilters",
    "driver_update_profile": "windowsDriverUpdateProfiles",
    "device_category": "deviceCategories",
    "terms_and_conditions": "termsAndConditions",
}
"""Lists that the switches of lists are tried on, in turn; that of apps has several pages."""
NO_LIST, NO_JSON, MOVED, FOREIGN = (
    f"graph_{one}" for one in ("list_missing", "answer_unreadable", "list_unstable", "foreign_link")
)
PERMISSION, LICENCE, OFFER = (f"graph_{one}" for one in ("permission_missing", "not_licensed", "not_offered"))
WAITS = [f"wait_{kind}" for kind in ("negative", "words", "past", "billion", "far", "several", "endless")]
OF_LISTS = {
    "null_list": NO_LIST, "no_list": NO_LIST, "object_list": NO_LIST, "error_inside": "graph_unavailable",
    "html": NO_JSON, "no_content": NO_JSON, "gzip_cut": NO_JSON,
    "links_to_itself": MOVED, "links_elsewhere": FOREIGN, "links_to_half": FOREIGN, "links_to_number": FOREIGN,
    "counts_more": MOVED, "ends_early": MOVED, "repeats": MOVED, "counts_the_page": "",
    "null_element": "graph_item_unreadable", "nameless": "graph_item_unreadable",
    "unlicensed": LICENCE, "not_premium": LICENCE, "b2c": LICENCE,
    "no_scope": PERMISSION, "no_scope_in_token": PERMISSION, "no_privilege": PERMISSION, "no_consent": PERMISSION,
    "no_words": PERMISSION, "blocked": "graph_access_blocked", "no_segment": OFFER, "no_resource": OFFER,
    "wait_301": "graph_wait_too_long",
    **dict.fromkeys(WAITS, "graph_throttled"), **dict.fromkeys(("precondition", "locked", "legal"), "graph_refused"),
    **dict.fromkeys(("text_element", "list_element"), "graph_item_unreadable"),
    **dict.fromkeys(("plain_text", "bom", "said_twice", "unassigned"), ""),
    "error_text": NO_LIST, "twins": MOVED, "links_in_a_ring": MOVED, "number_id": "graph_item_unreadable",
    "utf16": NO_JSON, "no_number": NO_JSON, "trickle": NO_JSON, "null_part": "", "part_goes_on": "",
    "links_relative": FOREIGN, "redirect": NO_JSON, "gone": OFFER, "gzip_bomb": "graph_answer_too_large",
}  # fmt: skip
OF_PAGES = ("ends_early", "links_in_a_ring", "null_part", "part_goes_on")
"""What takes a list of several pages, with a part."""
OF_PARTS = {
    **{kind: OF_LISTS[kind] for kind in ("null_list", "no_list", "object_list", "error_inside", "html", "no_content")},
    **{
        kind: OF_LISTS[kind]
        for kind in ("error_text", "links_to_itself", "links_elsewhere", "links_to_half", "counts_more")
    },
    **{kind: OF_LISTS[kind] for kind in ("repeats", "no_scope", "blocked", "wait_301", "gzip_cut")},
    **{kind: OF_LISTS[kind] for kind in ("redirect", "locked", "wait_negative", "wait_billion")},
    **dict.fromkeys(("null_element", "text_element", "list_element"), "graph_policy_unreadable"),
    **dict.fromkeys(("no_resource", "gone"), "graph_policy_vanished"),
}
OF_POLICIES = {
    **dict.fromkeys(("null_list", "no_list", "object_list", "error_text", "another"), "graph_policy_unreadable"),
    **{kind: OF_LISTS[kind] for kind in ("error_inside", "html", "no_content", "gzip_cut", "no_scope", "blocked")},
    **{kind: OF_LISTS[kind] for kind in ("redirect", "legal", "wait_words")},
    **dict.fromkeys(("no_resource", "gone"), "graph_policy_vanished"),
}
OF_SINGLES = {
    kind: OF_LISTS[kind]
    for kind in ("null_list", "no_list", "error_inside", "html", "no_scope", "blocked", "no_segment")
}


def _on_lists() -> Iterator[tuple[str, Switch]]:
    for number, (kind, reason) in enumerate(OF_LISTS.items()):
        slug = "app" if kind in OF_PAGES else list(LISTS)[number % len(LISTS)]
        script = (rf"/{LISTS[slug]}(\?|$)", kind)
        yield f"{kind} as a list", Switch(slug, (script,), reason=reason, types=frozenset({slug} if reason else ()))


def _of(slug: str) -> Callable[[Policy], bool]:
    return lambda policy: policy[0] == slug


def _on_policies(what: str, slug: str, at: str, reasons: dict[str, str]) -> dict[str, Switch]:
    return {
        f"{kind} as {what}": Switch(slug, ((at, kind),), reason=reason, policy=_of(slug))
        for kind, reason in reasons.items()
    }


SWITCHES: dict[str, Switch] = {
    **{f"expansions answer {status}": Switch("expansions", refused=status) for status in (400, 500, 501)},
    "expansions are empty": Switch("expansions", quirks=("empty_expansions",)),
    **{
        f"envelopes are {how}": Switch("envelopes", quirks=(f"envelopes_{how}",))
        for how in ("refused", "empty", "cut", "small", "doubled")
    },
    "the token wears out": Switch("tokens", quirks=("token_wears_out",)),
    "the clock is an hour ahead": Switch(
        "clock", (("deviceCompliancePolicies", "throttled_date"),), quirks=("clock_ahead",), times=2
    ),
    "half a surrogate pair": Switch(
        "texts", quirks=("lone_surrogates",), reason="graph_policy_unreadable", policy=lambda one: "SURROGATE" in str(one)
    ),
    **dict(_on_lists()),
    **_on_policies("a part", "endpoint_security_intent", "intents/[^/]+/settings", OF_PARTS),
    **_on_policies("a policy", "shell_script", "deviceShellScripts/", OF_POLICIES),
    **{
        f"{kind} as the one": Switch(
            "apns_certificate", (("applePushNotificationCertificate", kind),), reason=reason,
            types=frozenset({"apns_certificate"}),
        )
        for kind, reason in OF_SINGLES.items()
    },
    "the setting count disagrees": Switch(
        "settings_catalog", (("configurationPolicies/[^/]+/settings", "repeats"),), reason="graph_settings_incomplete",
        policy=_of("settings_catalog"),
    ),
    "definitions are absent in the part": Switch(
        "administrative_template", ((r"groupPolicyConfigurations/[^/]+/definitionValues(\?|$)", "inner_absent"),)
    ),
    "definitions are not found": Switch(
        "administrative_template", ((r"/definitionValues(\?|$)", "inner_absent"), ("/definition$", "no_resource")),
        reason="graph_policy_vanished", policy=_of("administrative_template"),
    ),
    "actions are absent in the list": Switch("compliance", ((r"deviceCompliancePolicies(\?|$)", "inner_absent"),)),
}  # fmt: skip


def _set(seed: int) -> list[str]:
    rng = random.Random(seed)
    by_place = {SWITCHES[name].place: name for name in rng.sample(sorted(SWITCHES), len(SWITCHES))}
    return rng.sample(sorted(by_place.values()), rng.randint(2, 7))


@pytest.fixture(scope="module")
def running_server() -> Iterator[GraphServer]:
    with GraphServer.running(policies=100) as running:
        held = running.policies()
        for kind in ("settings_catalog", "powershell_script", "conditional_access", "app_protection"):
            running.control(put=[[kind, next(iter(held[kind].values())) | {"description": "Half of SURROGATE"}]])
        yield running


@pytest.fixture
def settings(settings: GraphSettings) -> GraphSettings:
    return replace(settings, patience=Patience(attempts=4, answer_seconds=2.0, first_pause=0.005, longest_pause=0.02))


@pytest.mark.parametrize("names", [*([name] for name in SWITCHES), *(_set(seed) for seed in range(20))], ids=", ".join)
def test_every_policy_is_the_truth_or_unread_with_the_reason(
    server: GraphServer, reader: GraphReader, names: list[str]
) -> None:
    switches = [SWITCHES[name] for name in names]
    server.control(
        page_size=3,
        quirks=[quirk for switch in switches for quirk in switch.quirks],
        refuse_expansion=max(switch.refused for switch in switches),
        faults={
            "scripts": [{"match": at, "kind": kind, "times": one.times} for one in switches for at, kind in one.scripts]
        },
    )
    expected = truth(server)
    found, failures, _ = read(reader)
    assert_whole(found, {key: expected[key] for key in found})
    unread = unenumerated(failures)
    assert unread == {slug for switch in switches for slug in switch.types}
    costs: dict[str, set[str]] = {}
    for switch in switches:
        for key, policy in expected.items():
            if switch.policy(policy):
                costs.setdefault(key, set()).add(switch.reason)
    missing = {key for key in expected.keys() - found.keys() if expected[key][0] not in unread}
    assert missing == {key for key in costs if expected[key][0] not in unread}
    said = {each.policy_id or each.policy_type: each.failure.reason_code for each in failures}
    assert {key: said.get(key) for key in missing if said.get(key) not in costs[key]} == {}
    assert {slug: said.get(slug) for slug in unread} == {
        slug: switch.reason for switch in switches for slug in switch.types
    }
    assert CANARY not in repr(failures)
    # The second read believes no more than the first.
    if len(names) == 1 and switches[0].place in LISTS:
        return
    again, _, _ = read(reader, known={key: Stored(each) for key, each in found.items()})
    assert again.keys() == found.keys()
    assert_whole(again, {key: expected[key] for key in again})


@pytest.mark.parametrize(
    ("sign_in", "reason"),
    [
        *((code, "graph_sign_in_refused") for code in (7000215, 7000222, 700027)),
        *((code, "graph_consent_missing") for code in (65001, 700016, 7000112)),
        *((code, "graph_access_blocked") for code in (53003, 530003)),
        *((code, "graph_directory_unknown") for code in (90002, 900023)),
        *((code, "graph_sign_in_unavailable") for code in (90033, 500, 503)),
    ],
)
def test_a_sign_in_says_which_desk_to_go_to(
    server: GraphServer, settings: GraphSettings, sign_in: int, reason: str
) -> None:
    server.control(sign_in=sign_in)
    with (
        GraphReader.open(server.directory_id, settings, server.environment, Lanes()) as reader,
        pytest.raises(ReasonedError) as caught,
    ):
        read(reader)
    assert caught.value.failure.reason_code == reason
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("wait", ["wait_an_hour", "wait_ten_hours"])
def test_a_lane_rests_no_longer_than_a_run_waits(server: GraphServer, settings: GraphSettings, wait: str) -> None:
    server.control(faults={"scripts": [{"match": "Management/roleScopeTags", "kind": wait, "times": -1}]})
    short = replace(settings, patience=replace(settings.patience, longest_wait=0.5))
    with GraphReader.open(server.directory_id, short, server.environment, Lanes()) as reader:
        _, failures, _ = read(reader)
        assert reader.traffic.waited < 2
    assert [each.failure.reason_code for each in failures] == ["graph_wait_too_long"]
    assert unenumerated(failures) == {"scope_tag"}


def test_ids_that_are_none_and_a_text_of_ten_megabytes(server: GraphServer, reader: GraphReader) -> None:
    """Each costs itself at most: an id that cannot stand in an address is told to be none, a long text is a text."""
    kind, odd = "device_category", ["a b", "../users", "%2e%2e", "a\x00b", "é", "x" * 200, "{1}", "a/b?c=d#e"]
    whole = {"id": "long", "displayName": "Long", "description": "é" * 5_000_000}
    put = [whole, *({"id": one, "displayName": "Odd"} for one in odd)]
    server.control(put=[[kind, body] for body in put])
    try:
        found, failures, _ = read(reader, types=[BY_SLUG[kind]])
        again, told, _ = read(reader, types=[BY_SLUG[kind]], known={key: Stored(each) for key, each in found.items()})
    finally:
        server.control(delete=[[kind, body["id"]] for body in put])
    assert found["long"].body == whole and again.keys() == found.keys()
    assert kind not in unenumerated(failures)
    for each in (failures, told):
        assert {one.policy_id: one.failure.reason_code for one in each} == dict.fromkeys(odd, "graph_policy_id_invalid")
