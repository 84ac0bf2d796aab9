"""What a list's branches read runs from: the table, its views, and statements that find some; and the parameters they share."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import DateTime, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from runstore.schema import ENDED_BADLY_SQL, MAX_ITEM_KEY, SCOPE_SQL, OperationRun

_MOMENT = DateTime(timezone=True)
MOMENTS = ("since", "until", "running_at", "created_since", "created_before")
SEARCHED_RUNS, SEARCHED_BYTES = 1000, 2_000_000
"""Parts of items' ids, and of their names, are looked for in this many of a tenant's newest runs, and in this much of what they
store: a thousand syncs of some hundred policies would take a fifth of a second."""
READ: dict[str, Any] = {
    **dict.fromkeys(("id", "tenant_id"), Uuid),
    **dict.fromkeys(("resource", "action", "bucket", "initiated_by"), Text),
    **dict.fromkeys(("created_at", "started_at", "finished_at"), _MOMENT),
}
_TOLD: dict[str, Any] = {"scope": Text, "reason": Text}


def _view(name: str, own: dict[str, Any]) -> Any:
    """A view of the set tenant's finished runs.

    Behind row-level security PostgreSQL uses no index for "this array holds …", nor one on an expression. The view
    belongs to a role that sees all, and names the tenant itself: with none set it is empty.
    """
    return sa.table(name, *(sa.column(each, kind) for each, kind in (READ | own).items())).c


RUNS: Any = OperationRun.__table__.c
FINISHED: Any = _view("finished_runs", {"item_keys": ARRAY(Text)})
ENDED: Any = _view("ended_runs", _TOLD)
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("tenant", "place_id", "first_id", "last_id"), Uuid),
    **dict.fromkeys((*MOMENTS, "long_before", "long_after", "place_at"), _MOMENT),
    **dict.fromkeys(
        ("tenant_text", "initiated_by", "scope", "reason", "resource", "action", "key", "part", "quoted"), Text
    ),
    "size": sa.Integer,
    "item": JSONB,
    "item_key": ARRAY(Text),
    "named": ARRAY(Text),
}


def parameter(name: str) -> sa.BindParameter[Any]:
    """The place of a value of `values_of`, or of `place_at` and `place_id`, a cursor's."""
    return sa.bindparam(name, type_=_TYPES[name])


_KIND = ", ".join(f"e.{name}" for name in (*READ, "scope"))
_COLUMNS = ", ".join(READ)


def _told_by(name: str, sql: str) -> Any:
    names = [one for one in ("tenant", "named", "part", "quoted", "key") if f":{one}" in sql]
    return sa.text(sql).bindparams(*map(parameter, names)).columns(**(READ | _TOLD)).subquery(name).c


# From the newest run of one operation and scope the index is walked to the first of the next, however many lie between.
ATTENTION = _told_by(
    "attention",
    f"""
    WITH RECURSIVE newest AS (
      (SELECT {_KIND} FROM ended_runs e WHERE e.tenant_id = :tenant
       ORDER BY e.resource, e.action, e.scope, e.created_at DESC, e.id DESC LIMIT 1)
      UNION ALL
      SELECT f.* FROM newest n CROSS JOIN LATERAL (
        SELECT {_KIND} FROM ended_runs e
        WHERE e.tenant_id = :tenant AND (e.resource, e.action, e.scope) > (n.resource, n.action, n.scope)
        ORDER BY e.resource, e.action, e.scope, e.created_at DESC, e.id DESC LIMIT 1) f
    ), kinds AS (SELECT * FROM newest LIMIT 2000)
    SELECT k.*, (SELECT e.reason FROM ended_runs e WHERE e.tenant_id = :tenant AND e.id = k.id) AS reason
    FROM kinds k WHERE {ENDED_BADLY_SQL}
    """,
)

# What takes more bytes than this where it is stored is not taken apart, as for a list.
_LOOKED_AT = f"""
  SELECT * FROM (
    SELECT *, sum(bytes) OVER (ORDER BY created_at DESC, id DESC) AS all_bytes FROM (
      SELECT {_COLUMNS}, context, item_ids, failures, pg_column_size(item_ids) + pg_column_size(failures) AS bytes
      FROM operation_runs WHERE tenant_id = :tenant ORDER BY created_at DESC, id DESC LIMIT {SEARCHED_RUNS}) newest
    WHERE bytes < 65536) small
  WHERE all_bytes < {SEARCHED_BYTES}
"""
SEARCHED: Any = sa.text(f"SELECT count(*) AS n FROM ({_LOOKED_AT}) looked_at LIMIT 1")

# The other branches have the runs with an item of exactly that id. Items are taken apart only where it may be worth it.
IN_PART = _told_by(
    "in_part",
    f"""
    SELECT {_COLUMNS}, {SCOPE_SQL} AS scope, run_reason(failures) AS reason FROM ({_LOOKED_AT}) looked_at
    WHERE (cardinality(:named) > 0 OR failures <> '[]' OR strpos(lower(item_ids::text), lower(:quoted)) > 0) AND (
      SELECT bool_or(item = ANY(:named) OR strpos(lower(item), lower(:part)) > 0)
             AND NOT bool_or(is_exact AND left(item, {MAX_ITEM_KEY}) = :key)
      FROM (SELECT jsonb_array_elements_text(item_ids) AS item, true AS is_exact
            UNION ALL SELECT jsonb_array_elements(failures) ->> 'item_id', false) items)
    """,
)
