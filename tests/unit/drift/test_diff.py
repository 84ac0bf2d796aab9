"""Two canonical forms side by side: places without content, ordered lists, and what names an element."""

from __future__ import annotations

from typing import Any

import pytest

from flows._policies.canonical import PROPERTIES
from flows._policies.content import Content
from flows._policies.tree import EACH, LIST, OWN
from flows._policies.type_contents import CATALOG
from flows.drift.comparison.changes import MISSING, ChangeKind, Facet
from flows.drift.comparison.policy_diff import diff, identity_for, identity_of


@pytest.mark.parametrize("held", [{}, {LIST: [{"id": "1"}]}], ids=["an empty object", "an ordered list"])
def test_what_comes_or_goes_is_one_place(held: dict[str, Any]) -> None:
    sides = {PROPERTIES: {}}, {PROPERTIES: {"a": held}}
    for (before, after), kind in ((sides, ChangeKind.ADDED), (sides[::-1], ChangeKind.REMOVED)):
        (change,) = diff(before, after)
        assert (change.path, change.kind) == ("a", kind)
        there, gone = (change.after, change.before) if kind is ChangeKind.ADDED else (change.before, change.after)
        assert there == held and gone is MISSING


@pytest.mark.parametrize(
    ("element", "properties", "values"),
    [
        ({"a": "x"}, ("a",), ("x",)),
        ({"a": 5.0}, ("a",), ("5",)),
        ({"a": ""}, ("a",), None),
        ({"a": True}, ("a",), None),
        ({}, ("a",), None),
        ({}, ("a", "b"), None),
        ({"a": "x"}, ("a", "b"), ("x", "")),
        ({"b": "x"}, ("a", "b"), ("", "x")),
        ({"a": {OWN: 5}}, ("a",), ("5",)),
        ({"a": {"x": "t"}}, ("a",), ("t",)),
        ({"a": {"x": 5}}, ("a",), None),
        ({"a": {"x": "t", "y": "u"}}, ("a",), None),
        ({"a": "0F0F0F0F-0000-4000-8000-00000000000A"}, ("a",), ("0f0f0f0f-0000-4000-8000-00000000000a",)),
    ],
)
def test_the_values_that_name_an_element(element: Any, properties: Any, values: Any) -> None:
    assert identity_of(element, properties) == values


def test_settings_are_named_by_a_child_and_by_the_one_called_a_name_first() -> None:
    elements = [{"rule_id": str(n), "rule_name": f"Rule {n}", "rule_key": f"k{n}"} for n in range(2)]
    assert identity_for([elements, elements], CATALOG, Facet.SETTING, "rules") == ("rule_name",)
    same = [{**one, "rule_name": "Rule"} for one in elements]
    assert identity_for([same, elements], CATALOG, Facet.SETTING, "rules") == ("rule_key",)
    assert identity_for([elements, elements], Content(), Facet.SETTING, "rules") is None


def test_elements_that_nothing_names_went_or_came_each_by_itself() -> None:
    one, two, three = ({"v": {"w": number}} for number in (1, 2, 3))
    changes = diff({PROPERTIES: {"a": {EACH: [one, one, one, two]}}}, {PROPERTIES: {"a": {EACH: [one, one, three]}}})
    went = [change.before for change in changes if change.kind is ChangeKind.REMOVED]
    came = [change.after for change in changes if change.kind is ChangeKind.ADDED]
    assert (len(changes), sorted(went, key=str), came) == (3, [one, two], [three])


def test_a_named_element_that_came_or_went_is_one_thing_and_one_that_changed_is_told_inside() -> None:
    old, new, other = {"id": "1", "v": 1, "w": 1}, {"id": "1", "v": 2, "w": 1}, {"id": "2", "v": 1, "w": 1}
    for before, after in (([old], [old, other]), ([old, other], [old])):
        (change,) = diff({PROPERTIES: {"a": {EACH: before}}}, {PROPERTIES: {"a": {EACH: after}}})
        assert other in (change.before, change.after)
    for kind in (EACH, LIST):
        (change,) = diff({PROPERTIES: {"a": {kind: [old, other]}}}, {PROPERTIES: {"a": {kind: [new, other]}}})
        assert (change.before, change.after, change.path.rpartition("/")[2]) == (1, 2, "v")
