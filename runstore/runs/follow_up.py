"""What follows a run: a start request that waits in the run's own row, and becomes a run when this one ends well.

In the context of the run that is followed: `then` names the operation that is to follow; `then_request` is left by the flow
when it found that the operation may follow, `then_why` when it found that it may not. Once the run has ended, `then_run` is
the run that follows, or `then_why` says why none does.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from runstore.notifications import NotificationKind, announce
from runstore.runs.starter import CHANNEL, INSERT_RUN, StartRequest, idempotency_key

LEFT_BY_ATTEMPT = ("then_request", "then_run", "then_why")
"""What a later attempt must not find: it reads everything again, and what the one before had read may be gone."""

# One statement in the transaction of the end: the report that ends the run starts what follows, or nothing does.
# The new run's id is made of the old one's id and attempt, so that an attempt is followed once however often this runs.
_SETTLE = text(
    f"""
    WITH ended AS (
      SELECT r.*, r.context -> 'then_request' AS wanted,
        CAST(md5(r.id || '/' || r.attempt || '/then') AS uuid) AS next_id,
        r.status IN ('completed', 'completed_with_errors') AND r.context ? 'then_request' AS goes_on
      FROM operation_runs r WHERE r.id = :run AND r.tenant_id = :tenant AND r.context ? 'then'
    ), started AS (
      {INSERT_RUN}
      SELECT next_id, tenant_id, wanted ->> 'resource', wanted ->> 'action', 'pending', wanted ->> 'key',
        wanted -> 'context' || jsonb_build_object('after', id), wanted -> 'parameters', wanted -> 'item_ids',
        jsonb_array_length(wanted -> 'item_ids'), wanted -> 'related',
        jsonb_build_array(jsonb_build_object('attempt', 1, 'status', 'pending', 'at', now(), 'source', 'start')),
        trigger, initiated_by, initiated_by_user, 'start', 1, NULL, NULL, NULL
      FROM ended WHERE goes_on
      ON CONFLICT DO NOTHING
      RETURNING id
    ), following AS (
      SELECT coalesce((SELECT id FROM started), (
        SELECT o.id FROM operation_runs o, ended e WHERE o.tenant_id = e.tenant_id AND (o.id = e.next_id OR (
          o.idempotency_key = e.wanted ->> 'key' AND o.status IN ('pending', 'running')))
        ORDER BY o.id = e.next_id DESC LIMIT 1)) AS id
    ), told AS (
      UPDATE operation_runs r SET
        related = r.related || CASE
          WHEN e.goes_on THEN jsonb_build_array(jsonb_build_object(
            'label', 'Run that follows', 'page', 'run', 'parameters', jsonb_build_object('id', f.id)))
          ELSE '[]'::jsonb END,
        context = r.context - ARRAY['then_request', 'then_run', 'then_why'] || CASE
          WHEN e.goes_on THEN jsonb_build_object('then_run', f.id)
          ELSE jsonb_build_object('then_why', CASE r.status
            WHEN 'aborted' THEN 'This run was aborted.'
            WHEN 'failed' THEN coalesce(r.context ->> 'then_why', 'This run failed.')
            ELSE coalesce(r.context ->> 'then_why', 'It was asked for when this run was nearly done: start it by hand.') END)
        END
      FROM ended e, following f WHERE r.id = e.id
    )
    SELECT id FROM started
    """
)


def waiting_request(tenant_id: UUID, request: StartRequest) -> Mapping[str, Any]:
    """The request as the value of `then_request`. Its identity is fixed now; the run is made when this one has ended."""
    return {
        "resource": request.operation.resource,
        "action": request.operation.action,
        "key": idempotency_key(tenant_id, request.operation, request.identity),
        "context": dict(request.context),
        "parameters": dict(request.parameters),
        "item_ids": list(request.item_ids),
        "related": [link.as_json() for link in request.related],
    }


def settle_follow_up(connection: Connection, tenant_id: UUID, run_id: UUID) -> None:
    """Starts what follows a run that the transaction has just ended, or notes why nothing does."""
    started = connection.execute(_SETTLE, {"run": run_id, "tenant": tenant_id}).scalar_one_or_none()
    if started is not None:
        announce(connection, tenant_id, started, NotificationKind.QUEUED)
        connection.execute(text("SELECT pg_notify(:channel, :run)"), {"channel": CHANNEL, "run": str(started)})
