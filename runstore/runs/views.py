"""Views of finished runs, for questions whose index row-level security would keep from being used."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnClause, DateTime, TableClause, Text, Uuid, column, table
from sqlalchemy.dialects.postgresql import ARRAY

MAX_SCOPE = 200
"""Scopes are told apart by this many characters."""


def _view(name: str, *own: ColumnClause[Any]) -> TableClause:
    ids: list[ColumnClause[Any]] = [column(each, Uuid) for each in ("id", "tenant_id")]
    texts = [column(each, Text) for each in ("resource", "action", "bucket", "initiated_by")]
    moments = [column(each, DateTime(timezone=True)) for each in ("created_at", "started_at", "finished_at")]
    return table(name, *ids, *texts, *moments, *own)


FINISHED_RUNS = _view("finished_runs", column("item_keys", ARRAY(Text)))
"""A view of the set tenant's finished runs with their item ids as an array.

PostgreSQL uses an index for "this array holds …", and one on an expression, only where no row-level security stands before the
table. The view names the tenant itself, belongs to a role that sees all, and so is a fence of the same height: with no tenant set
it is empty.
"""

ENDED_RUNS = _view("ended_runs", column("scope", Text), column("reason", Text))
"""The same, with their scope and why they failed."""
