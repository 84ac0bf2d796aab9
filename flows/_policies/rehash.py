"""Brings a sync whose contents were hashed by older canonical rules to those in force, so that rules never show as drift."""

from uuid import UUID

from sqlalchemy import Connection, select, update

from flows._policies.canonical import CANONICAL_VERSION, body_hash, canonical, content_declared
from flows._policies.secrets import protected
from flows._policies.snapshots import Sync, add_contents, bodies, fingerprint_of, in_sync
from flows._policies.stored import body_bytes
from flows._policies.tables import InventorySync, SyncPolicy
from runstore.tenancy import TenantScope

BATCH = 500


def bring_up_to_date(connection: Connection, scope: TenantScope, sync: Sync) -> int:
    """How many policies of the sync got a new hash; 0, and no statement, for one of the version in force.

    The older contents stay for other syncs that lead to them.
    """
    if sync.canonical_version == CANONICAL_VERSION:
        return 0
    fingerprint = fingerprint_of(connection, scope)
    rows = connection.execute(
        select(SyncPolicy.policy_id, SyncPolicy.policy_type, SyncPolicy.content_hash).where(*in_sync(scope, sync.id))
    ).all()
    moved = 0
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        stored = bodies(connection, scope, (bytes(row.content_hash) for row in batch))
        for policy_id, policy_type, digest in batch:
            body = stored.get(bytes(digest))
            if body is None:
                continue
            # What the fence takes out today it takes out of what was stored before, too: that it does so is not drift.
            body = protected(body, fingerprint, content_declared(policy_type))
            fresh = body_hash(body, canonical(policy_type, body))
            if fresh != bytes(digest):
                _move(connection, scope, sync.id, policy_id, fresh, body_bytes(body))
                moved += 1
    connection.execute(
        update(InventorySync)
        .where(InventorySync.tenant_id == scope.tenant_id, InventorySync.id == sync.id)
        .values(canonical_version=CANONICAL_VERSION)
    )
    return moved


def _move(connection: Connection, scope: TenantScope, sync_id: UUID, policy_id: str, fresh: bytes, body: bytes) -> None:
    add_contents(connection, scope, {fresh: body})
    moved = update(SyncPolicy).where(*in_sync(scope, sync_id), SyncPolicy.policy_id == policy_id)
    connection.execute(moved.values(content_hash=fresh))
