"""A finding and a change in one line each, for reports that have no room for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flows._policies.names import GUID
from flows._policies.secrets import is_secret
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
    """The place by name and by ids, and what differs there."""
    way, path = way_of(change), change["path"] or change["setting"]
    return f"{way if way == path else f'{way} ({path})'}: {in_line(change, LONGEST)}"


def change_words(change: Mapping[str, Any], limit: int = SHORT) -> str:
    """The name people know the setting by, and what differs."""
    return f"{place_of(change)}: {in_line(change, limit)}"


def place_of(change: Mapping[str, Any]) -> str:
    """The setting's name, and the way to it where only that tells which one is meant."""
    name, path = str(change.get("name") or change["setting"]), str(change["path"])
    # A whole assignment says itself whose it is.
    is_told = change["facet"] == "assignment" and path.endswith("]")
    return way_of(change) if ("[" in path and not is_told) or GUID.fullmatch(name) else name


def way_of(change: Mapping[str, Any]) -> str:
    """The whole way to the setting by names, for where there is room."""
    return str(change.get("path_name") or change.get("name") or change["setting"])


def ids_line(change: Mapping[str, Any]) -> str:
    """The ids of options that are shown by name, `before → after`; empty where no id is left out."""
    sides = [(change[word], change.get(f"{word}_name")) for word in ("before", "after")]
    ids = [
        value if isinstance(value, str) and name is not None and value not in name and not is_secret(value) else ""
        for value, name in sides
    ]
    return " → ".join(one or "none" for one in ids) if any(ids) else ""


def some_changes(changes: Sequence[Mapping[str, Any]]) -> str:
    """The first three changes, a line each, and how many more there are."""
    shown = [change_words(change, SHORTEST) for change in changes[:FIRST_CHANGES]]
    more = len(changes) - len(shown)
    return "\n".join([*shown, *([f"and {more} more"] if more > 0 else [])])
