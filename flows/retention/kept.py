"""What may go once it is old: finished runs, resolved findings, snapshots that nothing needs, audit entries."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from flows._policies.snapshots import hold_contents
from runstore.audit import PRUNED, record_audit
from runstore.database import Database
from runstore.tenancy import TenantScope


@dataclass(frozen=True, slots=True)
class Kept:
    """`due` selects the ids of what may go, `delete` takes `:ids`, `after` is repeated until nothing is left."""

    name: str
    due: str
    delete: str
    batch: int
    after: str | None = None
    locked: bool = False


PAUSE_SECONDS: Final = 0.05
"""Between two batches, so that nobody waits for them."""

# Only a finished run has an end. A run that is being reopened by a retry is locked by that statement, and left alone.
_RUNS: Final = """
SELECT id FROM operation_runs WHERE tenant_id = :tenant AND finished_at < :before ORDER BY finished_at
"""
_DELETE_RUNS: Final = """
WITH children AS (DELETE FROM notifications WHERE tenant_id = :tenant AND run_id = ANY(:ids))
DELETE FROM operation_runs WHERE tenant_id = :tenant AND id = ANY(:ids)
"""

_FINDINGS: Final = """
SELECT id FROM drift_findings WHERE tenant_id = :tenant AND status = 'resolved' AND resolved_at < :before ORDER BY resolved_at
"""
# What the next comparison needs stays (the two newest of a scope), and what a pinned baseline or an open finding goes back to.
_SNAPSHOTS: Final = """
SELECT s.id FROM inventory_syncs s WHERE s.tenant_id = :tenant AND s.finished_at < :before
  AND s.id NOT IN (SELECT sync_id FROM drift_baselines WHERE tenant_id = :tenant)
  AND s.id NOT IN (
    SELECT id FROM (
      SELECT id, row_number() OVER (PARTITION BY scope ORDER BY started_at DESC, id DESC) AS place FROM inventory_syncs
      WHERE tenant_id = :tenant AND status IN ('succeeded', 'partial')
    ) usable WHERE place <= 2)
  AND NOT EXISTS (
    SELECT FROM drift_comparisons c JOIN drift_findings f
      ON f.tenant_id = c.tenant_id AND c.run_id IN (f.first_run_id, f.last_run_id, f.changes_run_id)
    WHERE c.tenant_id = :tenant AND f.status <> 'resolved' AND s.id IN (c.baseline_sync_id, c.current_sync_id))
ORDER BY s.finished_at
"""
_ORPHANS: Final = """
DELETE FROM policy_contents WHERE ctid = ANY(ARRAY(
  SELECT c.ctid FROM policy_contents c WHERE c.tenant_id = :tenant AND c.created_at < :before
    AND NOT EXISTS (SELECT FROM inventory_sync_policies p WHERE p.tenant_id = c.tenant_id AND p.content_hash = c.content_hash)
    AND NOT EXISTS (SELECT FROM drift_findings f WHERE f.tenant_id = c.tenant_id AND f.status <> 'resolved'
                    AND c.content_hash IN (f.before_hash, f.after_hash, f.origin_hash))
  LIMIT 1000))
"""
# From the beginning of the chain on, and without a gap: what is left is verified from there.
_AUDIT: Final = """
SELECT id FROM audit_log WHERE tenant_id = :tenant AND at < :before AND coalesce(seq, 0) < coalesce(
  (SELECT min(seq) FROM audit_log WHERE tenant_id = :tenant AND at >= :before), 9223372036854775807)
ORDER BY seq NULLS FIRST, at
"""

KEPT: Final[Mapping[str, Kept]] = {
    one.name: one
    for one in (
        Kept("runs", _RUNS, _DELETE_RUNS, 2_000, locked=True),
        Kept("findings", _FINDINGS, "DELETE FROM drift_findings WHERE id = ANY(:ids) AND status = 'resolved'", 500),
        Kept("snapshots", _SNAPSHOTS, "DELETE FROM inventory_syncs WHERE id = ANY(:ids)", 10, _ORPHANS),
        Kept("audit", _AUDIT, "DELETE FROM audit_log WHERE id = ANY(:ids)", 5_000),
    )
}
"""By the name of the option and the parameter that give its span."""


def due(database: Database, scope: TenantScope, kind: str, before: datetime) -> int:
    with database.transaction(scope) as connection:
        query = text(f"SELECT count(*) FROM ({KEPT[kind].due}) due")
        return connection.execute(query, {"tenant": scope.tenant_id, "before": before}).scalar_one()


def prune_kept(
    database: Database,
    scope: TenantScope,
    kind: str,
    before: datetime,
    *,
    report: Callable[[int], None] = lambda _: None,
    attempt: Callable[[Callable[[], int]], int] = lambda batch: batch(),
) -> int:
    """How many of this kind are gone. Each batch is a transaction of its own; several may prune at once.

    Needs ADMIN, or WORKER for all but the audit log, where an entry says how far the chain was pruned. `report` hears
    how many are gone so far; `attempt` makes one batch, and may make it again.
    """
    one, gone = KEPT[kind], 0
    lock = " FOR UPDATE SKIP LOCKED" if one.locked else ""
    values = {"tenant": scope.tenant_id, "before": before}

    def batch() -> int:
        with database.transaction(scope) as connection:
            ids = list(connection.execute(text(f"{one.due} LIMIT {one.batch}{lock}"), values).scalars())
            if ids and kind == "audit":
                last = connection.execute(_LAST, {"ids": ids}).one_or_none()
                if last is not None:
                    told = {"through": last.seq, "hash": bytes(last.hash).hex(), "entries": len(ids)}
                    record_audit(connection, scope, PRUNED, f"entries before {before:%Y-%m-%d}", told)
            return connection.execute(text(one.delete), {**values, "ids": ids}).rowcount if ids else 0

    def orphans() -> int:
        with database.transaction(scope) as connection:
            hold_contents(connection, scope, alone=True)
            return connection.execute(text(one.after or ""), values).rowcount

    while count := attempt(batch):
        gone += count
        report(gone)
        time.sleep(PAUSE_SECONDS)
    while one.after and attempt(orphans):
        pass
    return gone


_LAST: Final = text(
    "SELECT seq, hash FROM audit_log WHERE id = ANY(:ids) AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1"
)
