"""Applies found changes to a canonical form: what a comparison says must be enough to make the other side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from flows._policies.canonical import ASSIGNMENTS, PROPERTIES, SCOPE_TAGS, SETTINGS
from flows._policies.tree import EACH, OWN, comparable_tree, dumps
from flows.drift.comparison.changes import MISSING, Change, Element, Facet
from flows.drift.comparison.policy_diff import identity_of


def applied(form: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """The form after the changes; the one given stays as it is."""
    result: dict[str, Any] = orjson.loads(dumps(dict(form)))
    found: dict[tuple[int, tuple[str, ...], tuple[str, ...]], dict[str, Any]] = {}
    for change in sorted(changes, key=lambda one: one.after is not MISSING and one.before is MISSING):
        part = {Facet.PROPERTY: PROPERTIES, Facet.SETTING: SETTINGS}.get(change.facet)
        steps = (part, *change.steps) if part else change.steps
        _put(result, steps, change, found)
    cleaned = _pruned(result)
    return {
        "type": form["type"],
        PROPERTIES: cleaned.get(PROPERTIES, {}),
        SETTINGS: cleaned.get(SETTINGS, {}),
        ASSIGNMENTS: cleaned.get(ASSIGNMENTS, {EACH: []}),
        SCOPE_TAGS: cleaned[SCOPE_TAGS],
    }


def _put(node: dict[str, Any], steps: tuple[Any, ...], change: Change, found: dict[Any, dict[str, Any]]) -> None:
    holder, key = node, steps[0]
    for position, step in enumerate(steps[1:], start=1):
        last = position == len(steps) - 1
        if isinstance(step, Element):
            collection = holder.setdefault(key, {EACH: []})
            if last:
                _member(collection[EACH], step, change, found)
                return
            holder = _element(collection[EACH], step, found)
            key = None
        elif key is None:
            key = step
        else:
            inner = holder.get(key)
            if not isinstance(inner, dict):
                holder[key] = {} if inner is None else {OWN: inner}
            holder, key = holder[key], step
    if change.after is MISSING:
        holder.pop(key, None)
    elif isinstance(holder.get(key), dict) and OWN in holder[key] and not isinstance(change.after, dict):
        holder[key][OWN] = change.after
    else:
        holder[key] = change.after


def _element(elements: list[Any], step: Element, found: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    where = (id(elements), step.properties, step.values)
    if where not in found:
        match = elements[0] if step.single and elements else None
        for element in elements:
            if not step.single and identity_of(element, step.properties) == step.values:
                match = element
        if match is None or not isinstance(match, dict):
            fresh: dict[str, Any] = {} if match is None else {OWN: match}
            if match is None:
                elements.append(fresh)
            else:
                elements[0] = fresh
            match = fresh
        found[where] = match
    return found[where]


def _member(elements: list[Any], step: Element, change: Change, found: dict[Any, dict[str, Any]]) -> None:
    if step.single:
        elements[:] = [] if change.after is MISSING else [change.after]
        return
    if change.before is not MISSING:
        for index, element in enumerate(elements):
            if dumps(comparable_tree(element)) == dumps(comparable_tree(change.before)):
                del elements[index]
                break
    if change.after is not MISSING:
        elements.append(change.after)


def _pruned(tree: Any) -> Any:
    if isinstance(tree, dict):
        pruned = {key: _pruned(value) for key, value in tree.items()}
        return {key: value for key, value in pruned.items() if value not in ({}, {EACH: []})}
    if isinstance(tree, list):
        return [item for item in map(_pruned, tree) if item not in ({}, {EACH: []})]
    return tree
