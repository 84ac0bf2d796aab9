"""What must hold for any two policies, whatever they contain."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows._policies.canonical import canonical, content_hash
from flows._policies.tree import comparable_tree, dumps
from flows.drift.diff import diff
from tests.support.drift_apply import applied
from tests.support.policy_strategies import catalog_policies, noisy, policies, property_policies

many = settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
pairs = st.one_of(
    st.tuples(st.just("settings_catalog"), catalog_policies(), catalog_policies(), catalog_policies()),
    st.tuples(st.just("device_configuration"), property_policies(), property_policies(), property_policies()),
)


def same(one: Any, other: Any) -> bool:
    return dumps(comparable_tree(one)) == dumps(comparable_tree(other))


@many
@given(policies, st.integers(0, 10**6))
def test_another_read_of_the_same_policy_shows_nothing(policy: tuple[str, dict[str, Any]], seed: int) -> None:
    policy_type, body = policy
    one, other = canonical(policy_type, body), canonical(policy_type, noisy(body, seed))
    assert content_hash(one) == content_hash(other)
    assert diff(one, other) == []


@many
@given(pairs)
def test_hashes_are_equal_exactly_if_nothing_differs(pair: tuple[str, Any, Any, Any]) -> None:
    policy_type, first, second, _ = pair
    one, other = canonical(policy_type, first), canonical(policy_type, second)
    assert (content_hash(one) == content_hash(other)) == (diff(one, other) == [])


@many
@given(pairs)
def test_the_way_back_mirrors_the_way_there(pair: tuple[str, Any, Any, Any]) -> None:
    policy_type, first, second, _ = pair
    one, other = canonical(policy_type, first), canonical(policy_type, second)
    there = {(c.facet, c.path, dumps(_side(c.before)), dumps(_side(c.after))) for c in diff(one, other)}
    back = {(c.facet, c.path, dumps(_side(c.after)), dumps(_side(c.before))) for c in diff(other, one)}
    assert there == back


@many
@given(pairs)
def test_the_changes_make_the_other_side(pair: tuple[str, Any, Any, Any]) -> None:
    policy_type, first, second, _ = pair
    one, other = canonical(policy_type, first), canonical(policy_type, second)
    assert same(applied(one, diff(one, other)), other)


@many
@given(pairs)
def test_two_steps_lose_nothing(pair: tuple[str, Any, Any, Any]) -> None:
    policy_type, *bodies = pair
    first, second, third = (canonical(policy_type, body) for body in bodies)
    assert same(applied(applied(first, diff(first, second)), diff(second, third)), third)


def _side(tree: Any) -> Any:
    return ["nothing"] if repr(tree) == "MISSING" else comparable_tree(tree)
