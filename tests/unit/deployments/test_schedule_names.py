"""Which deployment is whose, what it is called, and which work it does: not what a release takes by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from deployments.orchestration.our_deployments import Deployment, checked_name, free_name, tags_for
from flows.producer import FlowParameters, Operation
from runstore.errors import BadInputError
from runstore.runs.operation import OperationType

SLUGS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
NAMES = st.none() | st.from_regex(r"[a-z0-9][a-z0-9-]{0,29}", fullmatch=True)


class Parameters(FlowParameters):
    """Of one release."""

    source: str
    scope: str = "default"
    full: bool = False


class NextRelease(Parameters):
    """Of the next one."""

    depth: int = 3
    kinds: list[str] = Field(default_factory=list)


NOW = Operation(OperationType("a", "b"), "flows.a:b", Parameters, "")
LATER = replace(NOW, parameters=NextRelease)


def deployment(name: str, *tags: str, **parameters: Any) -> Deployment:
    return Deployment("a.b", {"id": str(uuid4()), "name": name, "tags": list(tags), "parameters": parameters})


def test_what_an_operation_takes_by_itself_makes_no_other_work() -> None:
    told = NOW.essence({"source": "graph"})
    assert told == NOW.essence({"source": "graph", "scope": "default", "full": "false"}) == {"source": "graph"}
    assert told != NOW.essence({"source": "graph", "full": True})
    assert told == LATER.essence({"source": "graph"}) == LATER.essence({"source": "graph", "depth": 3, "kinds": []})
    assert told != LATER.essence({"source": "graph", "depth": 4})
    assert NOW.essence({"source": "graph", "depth": 3}) == {"source": "graph", "depth": 3}


@given(SLUGS, st.text(max_size=150) | st.none(), NAMES, st.lists(SLUGS, max_size=5))
def test_tenant_and_name_are_read_from_every_name_that_is_given(
    tenant: str, scope: str | None, name: str | None, others: list[str]
) -> None:
    first = free_name(tenant, scope, name, others)
    second = free_name(tenant, scope, name, [*others, first])
    assert len({first, second, "tenantatlas", *others}) == len({"tenantatlas", *others}) + 2
    for found in (first, second):
        assert not set(found) & set("/%&<>"), "Prefect takes none of these"
        mine = deployment(found, *tags_for("a.b", tenant, {"scope": scope}))
        assert (mine.tenant, mine.schedule_name) == (tenant, name)


@pytest.mark.parametrize(
    ("name", "tags", "parameters", "tenant"),
    [
        ("contoso", ["tenantatlas", "tenant:contoso"], {}, "contoso"),
        ("contoso.windows@weekends", ["tenantatlas"], {"tenant": "contoso"}, "contoso"),
        ("contoso", ["tenantatlas"], {}, None),
        ("contoso", ["tenant:contoso"], {"tenant": "contoso"}, None),
        ("contoso copy", ["tenantatlas", "tenant:contoso"], {"tenant": "contoso"}, None),
        ("mine", ["tenantatlas"], {"tenant": "contoso"}, None),
        ("tenantatlas", ["tenantatlas"], {"tenant": "tenantatlas"}, None),
        ("tenantatlas.2", ["tenantatlas", "tenant:tenantatlas"], {}, "tenantatlas"),
    ],
)
def test_ours_has_our_tag_and_says_its_tenant_twice(
    name: str, tags: list[str], parameters: dict[str, Any], tenant: str | None
) -> None:
    assert deployment(name, *tags, **parameters).tenant == tenant


def test_the_tags_say_operation_tenant_and_scope() -> None:
    assert tags_for("a.b", "contoso", {"scope": "windows"}) == ["tenantatlas", "a.b", "tenant:contoso", "scope:windows"]
    assert tags_for("a.b", "contoso", {}) == ["tenantatlas", "a.b", "tenant:contoso"]


@pytest.mark.parametrize("name", ["", "Weekends", "-a", "a" * 31, "a b", "a/b", "ä"])
def test_a_name_is_short_and_plain(name: str) -> None:
    with pytest.raises(BadInputError, match="not a schedule's name"):
        checked_name(name)
    assert (checked_name("weekends-9"), checked_name(None)) == ("weekends-9", None)
