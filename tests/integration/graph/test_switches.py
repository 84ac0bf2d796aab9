"""What the service does that its pages do not say, each alone and several at once: everything is the truth or unread."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from flows._sources.graph.reader import GraphReader
from tests.integration.graph.test_source import Stored, assert_whole, read, truth
from tests.support.graph_server import GraphServer
from tests.support.graph_server.directory import CANARY

Policy = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Switch:
    """What the server is told, and which policies it may cost, for which reason."""

    scripts: tuple[tuple[str, str], ...] = ()
    quirks: tuple[str, ...] = ()
    refused: int = 0
    reason: str = ""
    types: frozenset[str] = frozenset()
    policy: Callable[[Policy], bool] = field(default=lambda _: False)


def _shape(kind: str) -> dict[str, Switch]:
    reason = "graph_unavailable" if kind == "error_inside" else "graph_list_missing"
    other = reason if kind == "error_inside" else "graph_policy_unreadable"
    autopilot = frozenset({"autopilot_profile"})
    return {
        f"{kind} as a list": Switch(((r"/windowsAutopilotDeploymentProfiles", kind),), reason=reason, types=autopilot),
        f"{kind} as a part": Switch(
            ((r"(configurationPolicies|compliancePolicies)/[^/]+/settings", kind),),
            reason=reason,
            policy=lambda policy: policy[0] in ("settings_catalog", "settings_catalog_compliance"),
        ),
        f"{kind} as a policy": Switch(
            ((r"deviceShellScripts/", kind),), reason=other, policy=lambda policy: policy[0] == "shell_script"
        ),
    }


SWITCHES: dict[str, Switch] = {
    **{f"expansions answer {status}": Switch(refused=status) for status in (400, 500, 501)},
    "expansions are empty": Switch(quirks=("empty_expansions",)),
    "envelopes are refused": Switch(quirks=("envelopes_refused",)),
    "half a surrogate pair": Switch(
        quirks=("lone_surrogates",), reason="graph_policy_unreadable", policy=lambda policy: "SURROGATE" in str(policy)
    ),
    **_shape("null_list"),
    **_shape("no_list"),
    **_shape("object_list"),
    **_shape("error_inside"),
}
SETS = [random.Random(seed).sample(sorted(SWITCHES), random.Random(seed).randint(2, 5)) for seed in range(6)]


@pytest.fixture(scope="module", autouse=True)
def odd_names(running_server: GraphServer) -> None:
    for kind in ("settings_catalog", "powershell_script", "conditional_access", "app_protection"):
        body = next(iter(running_server.policies()[kind].values()))
        running_server.control(put=[[kind, body | {"description": "Half of SURROGATE"}]])


@pytest.mark.parametrize("names", [*([name] for name in SWITCHES), *SETS], ids=", ".join)
def test_every_policy_is_the_truth_or_unread_with_the_reason(
    server: GraphServer, reader: GraphReader, names: list[str]
) -> None:
    switches = [SWITCHES[name] for name in names]
    server.control(
        quirks=[quirk for switch in switches for quirk in switch.quirks],
        refuse_expansion=max(switch.refused for switch in switches),
        faults={"scripts": [{"match": at, "kind": kind, "times": -1} for one in switches for at, kind in one.scripts]},
    )
    expected = truth(server)
    found, failures, source = read(reader)
    assert_whole(found, {key: expected[key] for key in found})
    costs: dict[str, set[str]] = {}
    for switch in switches:
        for key, policy in expected.items():
            if switch.policy(policy) or policy[0] in switch.types:
                costs.setdefault(key, set()).add(switch.reason)
    assert expected.keys() - found.keys() == costs.keys()
    unread = {slug for slug, complete in source.ledger().items() if not complete}
    assert unread == {slug for switch in switches for slug in switch.types}
    said = {each.policy_id or each.policy_type: each.failure.reason_code for each in failures}
    for key, reasons in costs.items():
        slug = expected[key][0]
        assert said.get(key, said.get(slug)) in reasons
    assert CANARY not in repr(failures)
    # The second read believes no more than the first.
    again, _, _ = read(reader, known={key: Stored(each) for key, each in found.items()})
    assert again.keys() == found.keys()
