"""Views of finished runs, for questions whose index row-level security would keep from being used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import DateTime, Text, Uuid, column, table
from sqlalchemy.dialects.postgresql import ARRAY

MAX_SCOPE = 200
"""Scopes are told apart by this many characters."""

_SHOWN: Sequence[tuple[str, Any]] = (
    ("id", Uuid), ("tenant_id", Uuid), ("resource", Text), ("action", Text), ("bucket", Text), ("initiated_by", Text),
    ("created_at", DateTime(timezone=True)), ("started_at", DateTime(timezone=True)), ("finished_at", DateTime(timezone=True)),
)  # fmt: skip

FINISHED_RUNS = table("finished_runs", *(column(name, kind) for name, kind in _SHOWN), column("item_keys", ARRAY(Text)))
"""A view of the set tenant's finished runs with their item ids as an array.

PostgreSQL uses an index for "this array holds …", and one on an expression, only where no row-level security stands before the
table. The view names the tenant itself, belongs to a role that sees all, and so is a fence of the same height: with no tenant set
it is empty.
"""

ENDED_RUNS = table(
    "ended_runs", *(column(name, kind) for name, kind in _SHOWN), column("scope", Text), column("reason", Text)
)
"""The same, with their scope and why they failed."""
