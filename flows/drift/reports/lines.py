"""A finding and a change in one line each, for reports that have no room for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flows.drift.reports.shape import in_line

LONGEST: Final = 300
SHORT: Final = 60
SHORTEST: Final = 40
FIRST_CHANGES: Final = 3


def title(finding: Mapping[str, Any]) -> str:
    """What happened to which policy."""
    name = finding["policy_name"] or f"{len(finding.get('policies', ()))} policies"
    return f"{name}: {finding['kind'].removeprefix('policy_').replace('_', ' ')}"


def change_line(change: Mapping[str, Any]) -> str:
    """The place, and what differs there."""
    return f"{change['path'] or change['setting']}: {in_line(change, LONGEST)}"


def change_words(change: Mapping[str, Any], limit: int = SHORT) -> str:
    """The name people know the setting by, and what differs."""
    return f"{change.get('name') or change['setting']}: {in_line(change, limit)}"


def some_changes(changes: Sequence[Mapping[str, Any]]) -> str:
    """The first three changes, a line each, and how many more there are."""
    shown = [change_words(change, SHORTEST) for change in changes[:FIRST_CHANGES]]
    more = len(changes) - len(shown)
    return "\n".join([*shown, *([f"and {more} more"] if more > 0 else [])])
