"""For policies of every type, drawn at random: a changed leaf is found, no spelling is, and what is left out is unread.

Each property runs a few examples by default, 1,000 with TENANTATLAS_EXAMPLES=1000.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows._policies.canonical import ASSIGNMENTS, SCOPE_TAGS
from flows._policies.secrets import PREFIX
from flows._policies.tree import unescaped
from flows._policies.types import BY_SLUG
from flows.drift.comparison.changes import Element
from tests.support.drift_compare import compared, folder_snapshot, snapshot
from tests.support.policy_strategies import without_metadata
from tests.support.realistic_policies import TYPES, realistic
from tests.unit.drift.test_leaves import EXAMPLES, Place, changed, leaves, rewritten

examples = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**48)


def names_of(body: dict[str, Any], place: Place) -> list[set[str]]:
    """The names that may stand for each step of the way: a property, or the definition a setting is known by."""
    way: list[set[str]] = []
    node: Any = body
    for step in place:
        node = node[step]
        if isinstance(node, dict) and (known := {str(node[key]) for key in KEYS if key in node}):
            way.append({name.lower() for name in known})
        elif isinstance(step, str) and step not in WRAPPERS:
            way.append({step.lower()})
    return way


KEYS = ("settingDefinitionId", "definitionId", "definition@odata.bind", "presentation@odata.bind")
WRAPPERS = {
    "settings", "settingInstance", "simpleSettingValue", "simpleSettingCollectionValue", "choiceSettingValue", "value", "children",
    "choiceSettingCollectionValue", "groupSettingCollectionValue", "definitionValues", "presentationValues", "target", "valueJson",
}  # fmt: skip


@examples
@given(seeds)
def test_a_changed_leaf_is_found_at_its_place(seed: int) -> None:
    slug, policy = realistic(seed)
    place = random.Random(seed).choice(list(leaves(policy, of_type=slug)))
    body = json.loads(json.dumps(policy))
    holder = body
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = changed(holder[place[-1]], place[-1])
    findings = compared(snapshot([policy]), snapshot([body])).findings
    assert [finding.policy_id for finding in findings] == [policy[BY_SLUG[slug].collections[0].id_property]], place
    # The path leads as far as there are names. When the name of an element changes, one element is gone and another is new.
    told = [[str(step).lower() for step in change.steps] for change in findings[0].changes]
    ways = [names_of(one, place) for one in (policy, body)]
    for change, steps in zip(findings[0].changes, told, strict=True):
        said = " ".join(unescaped(step) for step in steps)
        if place[0] == ASSIGNMENTS:
            assert change.facet == "assignment"
            continue
        if place[0] in (SCOPE_TAGS, "roleScopeTags"):
            assert change.facet == "scope_tag"
            continue
        way = [names for names in ways if names and any(name in said or _bound(name) in said for name in names[0])]
        assert way, (place, said)
        whole = any(isinstance(step, Element) and not step.single for step in change.steps[-1:])
        # What names an element of an ordered list shows as a change of the list.
        near = [name for names in ways for step in names[-2:] for name in step]
        # A changed definition may read like a secret; then its mark stands at the place.
        assert whole or PREFIX in said or any(name in said or _bound(name) in said for name in near), (place, said)


def _bound(name: str) -> str:
    return name.rpartition("('")[2].rstrip("')") if "('" in name else name


@examples
@given(seeds, seeds, st.sampled_from(["full", "none"]))
def test_a_rewritten_policy_is_the_same(seed: int, other: int, metadata: str) -> None:
    _, policy = realistic(seed)
    bare = metadata == "none"
    again = rewritten(policy, random.Random(other), untyped=bare)
    one, two = snapshot([policy]), snapshot([again], as_read=without_metadata if bare else dict)
    for sides in ((one, two), (two, one)):
        assert compared(*sides).findings == []


PARTS = {
    slug: {part.name: part.in_exports for collection in BY_SLUG[slug].collections for part in collection.parts}
    for slug in TYPES
}
"""Type → part → whether an export without it lacks something, whatever the other side has."""


@examples
@given(seeds, st.booleans(), st.booleans())
def test_a_part_left_out_is_not_read(
    tmp_path_factory: pytest.TempPathFactory, seed: int, backwards: bool, emptied: bool
) -> None:
    slug, policy = realistic(seed)
    lists = [part for part in PARTS[slug] if part in policy]
    if not lists:
        return
    part = random.Random(seed).choice(sorted(lists))
    half = {key: value for key, value in policy.items() if key != part}
    whole = {**policy, part: []} if emptied else policy
    folder = tmp_path_factory.mktemp("parts")
    sides = []
    for name, body in (("a", half), ("b", whole)) if backwards else (("a", whole), ("b", half)):
        (folder / name).mkdir()
        (folder / name / "p.json").write_text(json.dumps(body))
        sides.append(folder_snapshot(folder / name))
    found = compared(*sides)
    assert not found.findings
    expected = [(slug, "part_not_read", part)] if PARTS[slug][part] or whole[part] else []
    assert [(one.policy_type, one.reason_code, one.part) for one in found.withheld] == expected


def test_every_type_is_drawn() -> None:
    assert TYPES.keys() == BY_SLUG.keys()
    assert {realistic(seed)[0] for seed in range(600)} == TYPES.keys()
