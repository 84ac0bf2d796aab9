"""What must hold for any policies, whatever they contain: a thousand from numbers, fewer drawn so that they shrink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows._policies.canonical import canonical, content_hash
from flows._policies.tree import comparable_tree, dumps
from flows.drift.comparison.changes import MISSING
from flows.drift.comparison.policy_diff import diff
from tests.support.drift_apply import applied
from tests.support.examples import examples
from tests.support.policy_strategies import catalog_policies, noisy, property_policies
from tests.support.random_policies import three

slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
numbered = settings(max_examples=examples(150), deadline=None)
drawn = settings(max_examples=examples(30), deadline=None, suppress_health_check=slow)
numbers = st.integers(0, 2**48)
triples = st.one_of(
    st.tuples(st.just("settings_catalog"), st.lists(catalog_policies(), min_size=3, max_size=3)),
    st.tuples(st.just("device_configuration"), st.lists(property_policies(), min_size=3, max_size=3)),
)

Law = Callable[[str, Sequence[dict[str, Any]], int], None]


def another_read_shows_nothing(policy_type: str, bodies: Sequence[dict[str, Any]], seed: int) -> None:
    one, other = canonical(policy_type, bodies[0]), canonical(policy_type, noisy(bodies[0], seed))
    assert content_hash(one) == content_hash(other)
    assert diff(one, other) == []


def hashes_are_equal_exactly_if_nothing_differs(policy_type: str, bodies: Sequence[dict[str, Any]], seed: int) -> None:
    one, other = (canonical(policy_type, body) for body in bodies[:2])
    assert (content_hash(one) == content_hash(other)) == (diff(one, other) == [])


def the_way_back_mirrors_the_way_there(policy_type: str, bodies: Sequence[dict[str, Any]], seed: int) -> None:
    one, other = (canonical(policy_type, body) for body in bodies[:2])
    there = {(c.facet, c.path, dumps(_side(c.before)), dumps(_side(c.after))) for c in diff(one, other)}
    back = {(c.facet, c.path, dumps(_side(c.after)), dumps(_side(c.before))) for c in diff(other, one)}
    assert there == back


def the_changes_make_the_other_side(policy_type: str, bodies: Sequence[dict[str, Any]], seed: int) -> None:
    one, other = (canonical(policy_type, body) for body in bodies[:2])
    assert _same(applied(one, diff(one, other)), other)


def two_steps_lose_nothing(policy_type: str, bodies: Sequence[dict[str, Any]], seed: int) -> None:
    first, second, third = (canonical(policy_type, body) for body in bodies)
    assert _same(applied(applied(first, diff(first, second)), diff(second, third)), third)


LAWS = [
    another_read_shows_nothing,
    hashes_are_equal_exactly_if_nothing_differs,
    the_way_back_mirrors_the_way_there,
    the_changes_make_the_other_side,
    two_steps_lose_nothing,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_for_numbered_policies(law: Law) -> None:
    @numbered
    @given(numbers)
    def holds(seed: int) -> None:
        policy_type, bodies = three(seed)
        law(policy_type, bodies, seed)

    holds()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_for_drawn_policies(law: Law) -> None:
    @drawn
    @given(triples, numbers)
    def holds(triple: tuple[str, list[dict[str, Any]]], seed: int) -> None:
        law(*triple, seed)

    holds()


def _same(one: Any, other: Any) -> bool:
    return dumps(comparable_tree(one)) == dumps(comparable_tree(other))


def _side(tree: Any) -> Any:
    return ["nothing"] if tree is MISSING else comparable_tree(tree)
