"""The list that stands there first is the page's own: the same nodes for every address, for everyone, in every zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitoring_app.operations.list_page import FIRST_ROWS
from runstore.runs.filters import Cursor
from tests.integration.hub.conftest import Site
from tests.support.examples import examples
from tests.support.hub_sample import sample_id
from tests.support.page_client import PageClient, tab

NOW = datetime.now(UTC)
PEOPLE = {
    "ada@northwind.example": "northwind",
    "linus@northwind.example": "northwind",
    "frank@fabrikam.example": "fabrikam",
}
Params = list[tuple[str, str]]


def _ago(hours: int) -> str:
    return (NOW - timedelta(hours=hours)).isoformat()


def _place(hours: int, newer: bool) -> str:
    return Cursor(NOW - timedelta(hours=hours), UUID(int=0), newer).encode()


MOMENTS = st.integers(0, 400).map(_ago)
JUNK = st.sampled_from(["", "x", "\x00", "9" * 400, "\u202eab", "<b>", "{}", "0"])
VALUES: dict[str, st.SearchStrategy[str]] = {
    "type": st.sampled_from(["drift.generate", "inventory.sync", "nothing.known"]),
    "bucket": st.sampled_from(["failed", "failed,partial", "running", "queued", "aborted", "succeeded"]),
    "range": st.sampled_from(["1h", "24h", "7d", "30d"]),
    "since": MOMENTS,
    "until": MOMENTS,
    "at": MOMENTS,
    "created": st.tuples(MOMENTS, MOMENTS).map("/".join),
    "by": st.sampled_from(["ada@northwind.example", "schedule", "<img src=x>"]),
    "q": st.sampled_from(["item", "policy-00", str(sample_id("partial"))[:8], "timed_out", "*a* <b> \u202e", "none"]),
    "scope": st.sampled_from(["windows", "default", "nowhere"]),
    "reason": st.sampled_from(["timed_out", "crashed", "unheard_of"]),
    "attention": st.just("1"),
    "sort": st.just("duration"),
    "cursor": st.builds(_place, st.integers(-1, 400), st.booleans()),
    "rows": st.sampled_from(["25", "50", "100", "250"]),
    "refresh": st.sampled_from(["0", "5", "15", "60"]),
    "other": st.just("1"),
}
PAIRS = st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name] | JUNK))
GOING_UP = _place(200, newer=True)
"""A page that is told by its last row: its first ones are not the ones nearest to that."""


@pytest.fixture(scope="module")
def people(site: Site) -> Iterator[dict[str, tuple[httpx.Client, PageClient]]]:
    """Everyone's browser, before and after Streamlit's code runs in it. Their zone is that of `PageClient`."""
    with ExitStack() as stack:
        found: dict[str, tuple[httpx.Client, PageClient]] = {}
        for email in PEOPLE:
            client = site.visitor(email)
            client.cookies.set("tenantatlas_zone", "Europe/Berlin")
            found[email] = client, stack.enter_context(tab(site.hub.url, site.sessions.open(site.user_id(email))))
        yield found


def shown(page: PageClient, address: str) -> Any:
    """The page's two elements as one tree, with as many rows as stand there first."""
    found = page.open(address)
    assert not found.failed, address
    elements = (element.new_element.bidi_component for element in found.elements)
    trees = [orjson.loads(element.bytes) for element in elements if element.bytes]
    head, listed = ([tree for tree in trees if tree[1].get("key") == key] for key in ("head", "list"))
    return cut(["div", {"class": "stack"}, *head, *listed])


def cut(node: Any) -> Any:
    if isinstance(node, str):
        return node
    children = node[2:][:FIRST_ROWS] if node[0] == "tbody" else node[2:]
    return [*node[:2], *map(cut, children)]


@given(st.sampled_from(sorted(PEOPLE)), st.lists(PAIRS, max_size=5))
@example("ada@northwind.example", [("cursor", GOING_UP)])
@example("ada@northwind.example", [("sort", "duration"), ("q", "a"), ("q", "item")])
@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
def test_what_stands_there_first_is_what_the_page_then_shows(
    people: dict[str, tuple[httpx.Client, PageClient]], email: str, params: Params
) -> None:
    client, page = people[email]
    query = urlencode([("tenant", PEOPLE[email]), *params])
    before = shown(page, f"/operations?{query}")
    answer = client.get(f"/first.json?{query}")
    assert answer.status_code == 200, answer.text
    # Twice, as a minute may end meanwhile, and with it what a field offers.
    if answer.json() != before:
        assert answer.json() == shown(page, f"/operations?{query}")
