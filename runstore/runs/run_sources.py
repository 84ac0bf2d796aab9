"""What a list's branches read runs from: the table, its views, and statements that find some."""

from typing import NamedTuple

from runstore.schema import ENDED_BADLY_SQL, MAX_ITEM_KEY, SCOPE_SQL

SEARCHED_RUNS, SEARCHED_BYTES = 1000, 2_000_000
"""Parts of items' ids, and of their names, are looked for in this many of a tenant's newest runs, and in this much of what they
store: a thousand syncs of some hundred policies would take a fifth of a second."""
_COLUMNS = "id, tenant_id, resource, action, bucket, initiated_by, created_at, started_at, finished_at"
_KIND = ", ".join(f"e.{name}" for name in (*_COLUMNS.split(", "), "scope"))


class Source(NamedTuple):
    """SQL: what stands behind FROM, and how a run's scope and reason are said there; empty where they are not."""

    sql: str
    scope: str = "r.scope"
    reason: str = "r.reason"


RUNS = Source("operation_runs", SCOPE_SQL, "run_reason(failures)")
# Views of the set tenant's finished runs. Behind row-level security PostgreSQL uses no index for "this array holds …", nor one on
# an expression. A view belongs to a role that sees all, and names the tenant itself: with none set it is empty.
FINISHED = Source("finished_runs", "", "")
ENDED = Source("ended_runs")

# From the newest run of one operation and scope the index is walked to the first of the next, however many lie between.
ATTENTION = Source(
    f"""(
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
    FROM kinds k WHERE {ENDED_BADLY_SQL})"""
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
SEARCHED = f"SELECT count(*) AS n FROM ({_LOOKED_AT}) looked_at LIMIT 1"

# The other branches have the runs with an item of exactly that id. Items are taken apart only where it may be worth it.
IN_PART = Source(
    f"""(
    SELECT {_COLUMNS}, {SCOPE_SQL} AS scope, run_reason(failures) AS reason FROM ({_LOOKED_AT}) looked_at
    WHERE (:is_named OR failures <> '[]' OR strpos(lower(item_ids::text), lower(:quoted)) > 0) AND (
      SELECT bool_or(item = ANY(CAST(:named AS text[])) OR strpos(lower(item), lower(:part)) > 0)
             AND NOT bool_or(is_exact AND left(item, {MAX_ITEM_KEY}) = :key)
      FROM (SELECT jsonb_array_elements_text(item_ids) AS item, true AS is_exact
            UNION ALL SELECT jsonb_array_elements(failures) ->> 'item_id', false) items))"""
)
