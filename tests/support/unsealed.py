"""What is kept of a tenant encrypted, opened: for tests that look at what was written there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select

from flows._policies.sealing import Seals
from flows._policies.tables import PolicyContent
from flows.backup.sealing import opened
from flows.backup.tables import BackupItem
from flows.drift.tables import DriftFinding, DriftRunFinding
from runstore.database import Database
from runstore.tenancy import TenantScope


def unsealed(worker: Database, scope: TenantScope) -> Iterator[tuple[str, bytes]]:
    """Every body, every list of changes and every captured policy as JSON bytes, with the column it stands in."""
    with worker.transaction(scope) as connection:
        seals = Seals(connection, scope)
        for digest, body in connection.execute(select(PolicyContent.content_hash, PolicyContent.body)):
            yield "policy_contents.body", seals.opened(bytes(body), bytes(digest))
        for item in connection.execute(select(*BackupItem.__table__.columns)):
            yield "backup_items.body", opened(seals, item.set_id, item)
        for key, changes in (*_changes(connection, DriftFinding.id), *_changes(connection, DriftRunFinding.finding_id)):
            yield "changes", orjson.dumps(seals.opened_json(changes, key.bytes))


def _changes(connection: Connection, key: Any) -> Sequence[Any]:
    return connection.execute(select(key, key.class_.changes).where(key.class_.changes.is_not(None))).all()


def hashed_otherwise(connection: Connection, scope: TenantScope) -> None:
    """Every content once more, as if by rules of before: under the SHA-256 of its hash, of version 1."""
    seals = Seals(connection, scope)
    for digest, body in connection.execute(select(PolicyContent.content_hash, PolicyContent.body)).all():
        older = hashlib.sha256(digest).digest()
        again = seals.kept(seals.opened(bytes(body), bytes(digest)), older)
        row = {"tenant_id": scope.tenant_id, "content_hash": older, "canonical_version": 1, "body": again}
        connection.execute(insert(PolicyContent).values(row))
