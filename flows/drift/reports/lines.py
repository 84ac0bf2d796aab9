"""A finding and a change in one line each, for reports that have no room for more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

LONGEST: Final = 300
SHORT: Final = 60


def title(finding: Mapping[str, Any]) -> str:
    """What happened to which policy."""
    name = finding["policy_name"] or f"{len(finding.get('policies', ()))} policies"
    return f"{name}: {finding['kind'].removeprefix('policy_').replace('_', ' ')}"


def change_line(change: Mapping[str, Any]) -> str:
    """The place, and the value before and after."""
    return f"{change['path'] or change['setting']}: {arrow(change)}"


def change_words(change: Mapping[str, Any], limit: int = SHORT) -> str:
    """The name people know the setting by, and the value before and after."""
    return f"{change.get('name') or change['setting']}: {arrow(change, limit)}"


def arrow(change: Mapping[str, Any], limit: int = LONGEST) -> str:
    """`before → after`, by the names people know the values by, each no longer than `limit` characters."""
    before = change.get("before_name") or change["before"]
    after = change.get("after_name") or change["after"]
    return f"{_shown(before, limit)} → {_shown(after, limit)}"


def _shown(value: Any, limit: int) -> str:
    text = "none" if value is None else value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
