"""The runs of the same operation and scope around one, and what is other in one of them: as statements."""

from __future__ import annotations

from sqlalchemy import text

from runstore.schema import SCOPE_SQL


def _nearest(which: str, comparison: str, order: str, condition: str = "") -> str:
    """SQL: the nearest run of `me`'s operation and scope, of those that have ended and of those that have not."""
    # The scope is in the order as it is in the index's: see `branches`.
    first = f"scope {'ASC' if order == 'DESC' else 'DESC'}"
    beside = f"(created_at, id) {comparison} (me.created_at, me.id) {condition}"
    newest = f"created_at {order}, id {order} LIMIT 1"
    kind = "tenant_id = :tenant AND resource = me.resource AND action = me.action"
    return f"""
      (SELECT '{which}' AS which, n.* FROM (
        (SELECT id, bucket, created_at FROM ended_runs WHERE {kind} AND scope = me.scope AND {beside} ORDER BY {first}, {newest})
        UNION ALL
        (SELECT id, bucket, created_at FROM operation_runs
         WHERE {kind} AND finished_at IS NULL AND {SCOPE_SQL} = me.scope AND {beside} ORDER BY {newest})) n
       ORDER BY {newest})
    """


KIN = text(
    f"""
    SELECT found.*
    FROM (SELECT id, created_at, resource, action, {SCOPE_SQL} AS scope FROM operation_runs
          WHERE tenant_id = :tenant AND id = :run) me
    CROSS JOIN LATERAL (
      {_nearest("previous", "<", "DESC")} UNION ALL {_nearest("next", ">", "ASC")}
      UNION ALL {_nearest("last_good", "<", "DESC", "AND bucket = 'succeeded'")}) found
    LIMIT 3
    """
)

# As for a list, failures that take more than this many bytes are not taken apart.
AGAINST = text(
    """
    SELECT counted.new, counted.same, counted.gone, me.finished_at - me.started_at, other.finished_at - other.started_at
    FROM operation_runs me JOIN operation_runs other ON other.tenant_id = me.tenant_id AND other.id = CAST(:other AS uuid)
    LEFT JOIN LATERAL (
      SELECT count(*) FILTER (WHERE there IS NULL) AS new, count(*) FILTER (WHERE here = there) AS same,
             count(*) FILTER (WHERE here IS NULL) AS gone
      FROM (SELECT DISTINCT f ->> 'item_id' FROM jsonb_array_elements(me.failures) f) a(here)
      FULL JOIN (SELECT DISTINCT f ->> 'item_id' FROM jsonb_array_elements(other.failures) f) b(there) ON here = there
    ) counted ON greatest(pg_column_size(me.failures), pg_column_size(other.failures)) < 65536
    WHERE me.tenant_id = :tenant AND me.id = :run LIMIT 1
    """
)
