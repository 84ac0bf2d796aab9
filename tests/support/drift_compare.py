"""Compares two sets of policies in memory, through the same steps a run takes but without a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows._policies.protocol import SourcePolicy
from flows._policies.recognise import recognise
from flows._policies.secrets import tenant_fingerprint
from flows._policies.stored import StoredPolicy, stored
from flows.drift.comparison.findings import Comparison
from flows.drift.comparison.sides import Completeness
from flows.drift.folder_diff import Side, compare_sides, read_side

FINGERPRINT = tenant_fingerprint(b"a key of the tests, thirty-two b")


Snapshot = Side
"""One side: policies by id, and what was not read."""


def snapshot(
    bodies: Iterable[Mapping[str, Any]],
    unread: Completeness | None = None,
    as_read: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> Snapshot:
    """The side that these bodies make, read as a source gives them that knows their types from elsewhere.

    An object that is not a policy fails the test.
    """
    policies: dict[str, StoredPolicy] = {}
    for body in bodies:
        known = recognise(body)
        assert known is not None, body
        source = SourcePolicy(
            known.policy_id, known.policy_type, known.name, known.platform, as_read(dict(body)), "test"
        )
        policies[known.policy_id] = stored(source, FINGERPRINT)
    return Snapshot(policies, unread or Completeness())


def folder_snapshot(path: Path) -> Snapshot:
    """The side that a folder of exports makes."""
    return read_side(path, FINGERPRINT)


def compared(before: Snapshot, after: Snapshot) -> Comparison:
    """What the comparison of two sides finds."""
    return compare_sides(before, after, FINGERPRINT)


def shown(comparison: Comparison) -> list[dict[str, Any]]:
    """The findings as the contract's JSON, only what a written-down truth says of them, in one order."""
    found = [
        {
            "kind": finding.kind.value,
            "policy_id": finding.policy_id,
            **({"previous_policy_id": finding.previous_policy_id} if finding.previous_policy_id else {}),
            "policy_name": finding.policy_name,
            "policy_type": finding.policy_type,
            "changes": in_order([_essential(change) for change in finding.changes_json()]),
        }
        for finding in comparison.findings
    ]
    return sorted(found, key=lambda one: (one["kind"], str(one["policy_id"]), str(one["changes"])))


def in_order(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Changes in the order of their places."""
    return sorted(
        (dict(change) for change in changes), key=lambda one: (one["facet"], one["path"], one["change"], str(one))
    )


def _essential(change: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: change[key] for key in ("facet", "setting", "path", "change", "before", "after")}
    for word in ("moved_to", "moved_from"):
        if word in change:
            kept[word] = change[word]["policy_id"]
    return kept
