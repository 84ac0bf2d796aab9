"""What the hub asks beside the list and for one run, as statements: see `insights`, which says what each answers."""

from sqlalchemy import text

from runstore.runs.rows import list_of_runs
from runstore.schema import ENDED_BADLY_SQL, SCOPE_SQL

USUAL_FROM = 30
"""A run is compared with at most this many earlier ones of its type."""

THESE = text(f"{list_of_runs()} WHERE r.tenant_id = :tenant AND r.id = ANY(CAST(:ids AS uuid[])) LIMIT :size")

NEWER = text(
    """
    SELECT count(*) AS n FROM (
      SELECT FROM operation_runs WHERE tenant_id = :tenant AND (created_at, id) > (:place_at, :place_id) LIMIT :size) capped
    """
)

_WITHOUT_LISTS = """
  r.context, r.related, r.history, '[]'::jsonb AS item_ids, '[]'::jsonb AS failures, jsonb_array_length(r.item_ids) AS items,
  jsonb_array_length(r.failures) AS failed_items,
"""
OVERVIEW = text(f"{list_of_runs(_WITHOUT_LISTS)} WHERE r.tenant_id = :tenant AND r.id = :run LIMIT 1")

# Types, scopes and reasons are walked from one to the next in their index, however many runs have each.
CHOICES = text(
    f"""
    WITH RECURSIVE scopes (value, n) AS (
      (SELECT scope, 1 FROM ended_runs WHERE tenant_id = :tenant ORDER BY scope LIMIT 1)
      UNION ALL
      SELECT f.scope, s.n + 1 FROM scopes s CROSS JOIN LATERAL (
        SELECT scope FROM ended_runs WHERE tenant_id = :tenant AND scope > s.value ORDER BY scope LIMIT 1) f WHERE s.n < 201
    ), reasons (value, n) AS (
      (SELECT reason, 1 FROM ended_runs WHERE tenant_id = :tenant AND {ENDED_BADLY_SQL} AND reason IS NOT NULL
       ORDER BY reason LIMIT 1)
      UNION ALL
      SELECT f.reason, r.n + 1 FROM reasons r CROSS JOIN LATERAL (
        SELECT reason FROM ended_runs WHERE tenant_id = :tenant AND {ENDED_BADLY_SQL} AND reason > r.value
        ORDER BY reason LIMIT 1) f WHERE r.n < 200
    ), people AS (
      SELECT DISTINCT initiated_by AS value FROM (
        SELECT initiated_by FROM operation_runs WHERE tenant_id = :tenant
        ORDER BY created_at DESC, id DESC LIMIT 1000) newest
      ORDER BY value LIMIT 200
    ), types (resource, action) AS (
      (SELECT resource, action FROM operation_runs WHERE tenant_id = :tenant ORDER BY resource, action LIMIT 1)
      UNION ALL
      SELECT f.resource, f.action FROM types t CROSS JOIN LATERAL (
        SELECT resource, action FROM operation_runs
        WHERE tenant_id = :tenant AND (resource, action) > (t.resource, t.action) ORDER BY resource, action LIMIT 1) f
    )
    SELECT * FROM (
      SELECT 'by' AS kind, value FROM people UNION ALL
      (SELECT 'type', resource || '.' || action FROM types LIMIT 200) UNION ALL
      SELECT 'scope', value FROM scopes WHERE value <> '' UNION ALL
      SELECT 'reason', value FROM reasons) every
    ORDER BY kind, value LIMIT 800
    """
)

# A list reads no failures that take more than this many bytes where they are stored.
NOTES = text(
    """
    SELECT r.id, told.names, told.said,
           CASE WHEN r.bucket IN ('failed', 'partial') AND pg_column_size(r.failures) < 65536 THEN coalesce(
             jsonb_path_query_first(r.failures, '$[*] ? (@.item_id == "run").reason_code') #>> '{}',
             r.failures -> 0 ->> 'reason_code') END AS reason
    FROM operation_runs r LEFT JOIN LATERAL (
      SELECT array_agg(k) AS names, array_agg(left(r.context ->> k, 200)) AS said
      FROM unnest(CAST(:keys AS text[])) AS k
      WHERE pg_column_size(r.context) < 65536 AND r.context ->> k IS NOT NULL) told ON true
    WHERE r.tenant_id = :tenant AND r.id = ANY(CAST(:ids AS uuid[])) LIMIT :size
    """
)

# One walk of the index for each type and bucket.
USUAL = text(
    f"""
    SELECT t.resource, t.action,
           CAST(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY latest.lasted)) AS double precision) AS seconds
    FROM (SELECT DISTINCT * FROM unnest(CAST(:resources AS text[]), CAST(:actions AS text[])) AS n(resource, action)) t
    CROSS JOIN LATERAL (
      SELECT one.lasted FROM (VALUES ('succeeded'), ('partial')) AS b(bucket) CROSS JOIN LATERAL (
        SELECT created_at, finished_at - started_at AS lasted FROM operation_runs
        WHERE tenant_id = :tenant AND resource = t.resource AND action = t.action AND bucket = b.bucket
          AND started_at IS NOT NULL AND id IS DISTINCT FROM CAST(:besides AS uuid)
        ORDER BY created_at DESC, id DESC LIMIT {USUAL_FROM}) one
      ORDER BY one.created_at DESC LIMIT {USUAL_FROM}) latest
    GROUP BY t.resource, t.action HAVING count(*) >= 3 LIMIT 200
    """
)

GROUPS = text(
    """
    WITH listed AS (
      SELECT f.n, f.entry->>'reason_code' AS code, f.entry->>'item_id' AS item, f.entry->>'message' AS message
      FROM operation_runs r, jsonb_array_elements(r.failures) WITH ORDINALITY AS f(entry, n)
      WHERE r.tenant_id = :tenant AND r.id = :run),
    grouped AS (SELECT code, count(*) AS n, min(n) AS first, max(n) AS last FROM listed GROUP BY code)
    SELECT g.code, g.n, a.item, z.item, a.message
    FROM grouped g JOIN listed a ON a.n = g.first JOIN listed z ON z.n = g.last
    ORDER BY g.n DESC, g.code LIMIT 200
    """
)

FAILURES = text(
    """
    SELECT f.entry->>'item_id' AS item_id, f.entry->>'reason_code' AS reason_code, f.entry->>'message' AS message,
           count(*) OVER () AS total
    FROM operation_runs r, jsonb_array_elements(r.failures) WITH ORDINALITY AS f(entry, n)
    WHERE r.tenant_id = :tenant AND r.id = :run
      AND (CAST(:code AS text) IS NULL OR f.entry->>'reason_code' = :code)
      AND (CAST(:search AS text) IS NULL OR strpos(lower(f.entry->>'item_id'), :search) > 0)
    ORDER BY f.n LIMIT :limit OFFSET :offset
    """
)

ITEMS = text(
    """
    SELECT i.item AS item_id, count(*) OVER () AS total
    FROM operation_runs r, jsonb_array_elements_text(r.item_ids) WITH ORDINALITY AS i(item, n)
    WHERE r.tenant_id = :tenant AND r.id = :run
      AND (CAST(:search AS text) IS NULL OR strpos(lower(i.item), :search) > 0)
    ORDER BY i.n LIMIT :limit OFFSET :offset
    """
)


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
    SELECT counted.new, counted.same, counted.gone, me.finished_at - me.started_at, other.finished_at - other.started_at,
           me.context ->> 'version', other.context ->> 'version', coalesce(counted.reasons, '{}')
    FROM operation_runs me JOIN operation_runs other ON other.tenant_id = me.tenant_id AND other.id = CAST(:other AS uuid)
    LEFT JOIN LATERAL (
      SELECT count(*) FILTER (WHERE there IS NULL) AS new, count(*) FILTER (WHERE here = there) AS same,
             count(*) FILTER (WHERE here IS NULL) AS gone,
             (SELECT array_agg(code ORDER BY code) FROM (
               SELECT f ->> 'reason_code' FROM jsonb_array_elements(me.failures) f EXCEPT
               SELECT f ->> 'reason_code' FROM jsonb_array_elements(other.failures) f LIMIT 5) fresh(code)) AS reasons
      FROM (SELECT DISTINCT f ->> 'item_id' FROM jsonb_array_elements(me.failures) f) a(here)
      FULL JOIN (SELECT DISTINCT f ->> 'item_id' FROM jsonb_array_elements(other.failures) f) b(there) ON here = there
    ) counted ON greatest(pg_column_size(me.failures), pg_column_size(other.failures)) < 65536
    WHERE me.tenant_id = :tenant AND me.id = :run LIMIT 1
    """
)
