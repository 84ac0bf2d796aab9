"""Reads the audit logs that belong to a sync from Graph: from where the sync before left off, so that no stretch is missing."""

from __future__ import annotations

from datetime import UTC, datetime

from flows._policies.audit import NEVER_READ, AuditedChange, AuditStatus, AuditTrail, standings
from flows._policies.snapshots import newest_usable
from flows._sources.graph.reader import GraphReader
from runstore.database import Database
from runstore.reasons import ReasonedError
from runstore.tenancy import TenantScope

LOOKBACK = 100


def read_trail(reader: GraphReader, store: Database, scope: TenantScope, scope_key: str) -> AuditTrail:
    """Who changed what since the scope's sync before. No reason for a sync to fail: what is not known is said to be not known."""
    with store.transaction(scope) as connection:
        usable = newest_usable(connection, scope, scope_key, limit=LOOKBACK)
    known = standings(next((sync.audit for sync in usable if sync.audit is not None), None))
    now = datetime.now(UTC)
    starts = {log: standing.next_start(now) for log, standing in known.items()}
    changes: list[AuditedChange] = []
    statuses = dict.fromkeys(known, AuditStatus.NOT_READ)
    try:
        for reading in reader.audit(starts):
            statuses[reading.log] = reading.status
            changes.extend(reading.changes)
    except ReasonedError:
        # The sign-in went while the policies were read; those are there all the same.
        pass
    after = {log: known.get(log, NEVER_READ).after(statuses[log], starts[log], now) for log in known}
    return AuditTrail(tuple(changes), after, usable[0].id if usable else None)
