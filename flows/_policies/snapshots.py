"""Reads and writes of the snapshot store. Every function works in the caller's transaction and tenant."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from flows._policies.canonical import CANONICAL_VERSION
from flows._policies.sealing import Seals
from flows._policies.secrets import Fingerprint, tenant_fingerprint
from flows._policies.stored import PolicyState, StoredPolicy, body_of
from flows._policies.tables import FingerprintKey, InventorySync, PolicyContent, SyncPolicy
from flows._policies.unread import is_complete
from runstore.errors import BadInputError, NotFoundError
from runstore.tenancy import TenantScope

USABLE = ("succeeded", "partial")
"""The states of a sync that may serve in a comparison: it ended, and read at least something of what is there."""


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync as a row says it."""

    id: UUID
    run_id: UUID
    scope: str
    source: str
    status: str
    canonical_version: int
    policies: int
    failures: int
    complete: bool
    unread: Mapping[str, Any]
    audit: Mapping[str, Any] | None
    started_at: datetime
    finished_at: datetime | None

    @property
    def is_usable(self) -> bool:
        """Whether the sync may be compared with another."""
        return self.status in USABLE

    def as_json(self) -> dict[str, Any]:
        """The JSON shape of the contract."""
        plain = ("scope", "source", "status", "policies", "failures", "complete")
        return {
            "id": str(self.id),
            "run_id": str(self.run_id),
            **{name: getattr(self, name) for name in plain},
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }


_COLUMNS = [getattr(InventorySync, name) for name in Sync.__dataclass_fields__]
STATE_COLUMNS = [getattr(SyncPolicy, name) for name in PolicyState.__dataclass_fields__]


def in_sync(scope: TenantScope, sync_id: UUID) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """SQL: whether a policy is of this sync of the tenant."""
    return SyncPolicy.tenant_id == scope.tenant_id, SyncPolicy.sync_id == sync_id


def fingerprint_of(connection: Connection, scope: TenantScope) -> Fingerprint:
    """The tenant's fingerprint function; its key is made at the first call, once however many come at once."""
    fresh = {"tenant_id": scope.tenant_id, "key": secrets.token_bytes(32)}
    connection.execute(upsert(FingerprintKey).values(fresh).on_conflict_do_nothing())
    key = connection.execute(select(FingerprintKey.key).where(FingerprintKey.tenant_id == scope.tenant_id)).scalar_one()
    return tenant_fingerprint(bytes(key))


def begin_sync(connection: Connection, scope: TenantScope, run_id: UUID, key: str, source: str) -> UUID:
    """The id of a new running sync of this run; what an earlier attempt of the run had begun is discarded."""
    connection.execute(
        delete(InventorySync).where(InventorySync.tenant_id == scope.tenant_id, InventorySync.run_id == run_id)
    )
    sync_id = uuid4()
    values = {"id": sync_id, "tenant_id": scope.tenant_id, "run_id": run_id, "scope": key, "source": source}
    connection.execute(insert(InventorySync).values(**values, status="running", canonical_version=CANONICAL_VERSION))
    return sync_id


def add_policies(connection: Connection, scope: TenantScope, sync_id: UUID, policies: Sequence[StoredPolicy]) -> None:
    """Adds policies to a running sync; content that is stored already is not written again.

    An id that the sync has already is replaced by what is given last.
    """
    if not policies:
        return
    hold_contents(connection, scope)
    contents = {one.content_hash: one for one in policies}
    known = set(
        connection.execute(
            select(PolicyContent.content_hash).where(
                PolicyContent.tenant_id == scope.tenant_id, PolicyContent.content_hash.in_(contents)
            )
        ).scalars()
    )
    add_contents(connection, scope, {digest: one.body for digest, one in contents.items() if digest not in known})
    of_sync = {"tenant_id": scope.tenant_id, "sync_id": sync_id}
    rows: list[dict[str, Any]] = [
        {**of_sync, **{name: getattr(one, name) for name in PolicyState.__dataclass_fields__}}
        for one in {one.policy_id: one for one in policies}.values()
    ]
    statement = upsert(SyncPolicy)
    replaced = {name: statement.excluded[name] for name in rows[0] if name not in {*of_sync, "policy_id"}}
    keys = [*of_sync, "policy_id"]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=replaced), rows)


def hold_contents(connection: Connection, scope: TenantScope, *, alone: bool = False) -> None:
    """Until the transaction ends, no stored content goes, so that policies may refer to it; `alone` for who deletes contents."""
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    connection.execute(text(f"SELECT {lock}(hashtextextended(:key, 0))"), {"key": f"policy_contents {scope.tenant_id}"})


def add_contents(connection: Connection, scope: TenantScope, contents: Mapping[bytes, bytes]) -> None:
    """Adds the JSON bytes of bodies by content hash, sealed; one that is there already stays."""
    hold_contents(connection, scope)
    seals = Seals(connection, scope)
    rows = [
        {
            "tenant_id": scope.tenant_id,
            "content_hash": digest,
            "canonical_version": CANONICAL_VERSION,
            "body": seals.kept(body, digest),
        }
        # In one order, so that two syncs at once cannot wait for each other.
        for digest, body in sorted(contents.items())
    ]
    if rows:
        connection.execute(upsert(PolicyContent).on_conflict_do_nothing(), rows)


def withdraw_policy(connection: Connection, scope: TenantScope, sync_id: UUID, policy_id: str) -> None:
    """Takes a policy out of a running sync; nothing when it is not in it."""
    connection.execute(delete(SyncPolicy).where(*in_sync(scope, sync_id), SyncPolicy.policy_id == policy_id))


def finish_sync(
    connection: Connection,
    scope: TenantScope,
    sync_id: UUID,
    *,
    failures: int,
    unread: Mapping[str, Any],
    audit: Mapping[str, Any] | None = None,
) -> Sync:
    """Ends a sync: `succeeded` if nothing failed, `partial` if something did, `failed` if nothing was read at all."""
    count = connection.execute(select(func.count()).where(*in_sync(scope, sync_id))).scalar_one()
    status = "succeeded" if not failures else "partial" if count else "failed"
    connection.execute(
        update(InventorySync)
        .where(InventorySync.tenant_id == scope.tenant_id, InventorySync.id == sync_id)
        .values(
            status=status,
            policies=count,
            failures=failures,
            complete=is_complete(unread),
            unread=dict(unread),
            audit=None if audit is None else dict(audit),
            finished_at=datetime.now(UTC),
        )
    )
    return named_sync(connection, scope, sync_id)


def find_sync(connection: Connection, scope: TenantScope, sync_id: UUID) -> Sync | None:
    """The tenant's sync with this id; `None` if it has none."""
    row = connection.execute(
        select(*_COLUMNS).where(InventorySync.tenant_id == scope.tenant_id, InventorySync.id == sync_id).limit(1)
    ).one_or_none()
    return None if row is None else Sync(*row)


def named_sync(connection: Connection, scope: TenantScope, sync_id: UUID) -> Sync:
    """The tenant's sync with the id that somebody gave. NotFoundError if it has none."""
    sync = find_sync(connection, scope, sync_id)
    if sync is None:
        raise NotFoundError(
            f"Tenant {scope.slug!r} has no sync {sync_id}: `tenantatlas inventory list` shows those there are."
        )
    return sync


def usable_sync(connection: Connection, scope: TenantScope, sync_id: UUID) -> Sync:
    """As `named_sync`; BadInputError for one that has not finished or read nothing."""
    sync = named_sync(connection, scope, sync_id)
    if not sync.is_usable:
        why = "has not finished: wait for its run to end" if sync.status == "running" else "read nothing"
        raise BadInputError(f"Sync {sync_id} {why}; `tenantatlas inventory list` shows the others.")
    return sync


def list_syncs(
    connection: Connection, scope: TenantScope, *, key: str | None = None, limit: int = 100, usable: bool = False
) -> Sequence[Sync]:
    """The tenant's syncs, newest first, of one scope key or of all, and all of them or those that may serve in a comparison."""
    wanted = select(*_COLUMNS).where(InventorySync.tenant_id == scope.tenant_id)
    if key is not None:
        wanted = wanted.where(InventorySync.scope == key)
    if usable:
        wanted = wanted.where(InventorySync.status.in_(USABLE))
    ordered = wanted.order_by(InventorySync.started_at.desc(), InventorySync.id.desc()).limit(limit)
    return [Sync(*row) for row in connection.execute(ordered)]


def newest_usable(connection: Connection, scope: TenantScope, key: str, *, limit: int = 2) -> Sequence[Sync]:
    """The newest syncs of a scope key that may serve in a comparison, newest first."""
    return list_syncs(connection, scope, key=key, limit=limit, usable=True)


def usable_at(
    connection: Connection, scope: TenantScope, at: datetime | None = None, *, limit: int = 1_000
) -> Sequence[Sync]:
    """The usable sync of each scope key that had begun last, by that moment if one is given: what was known of the tenant."""
    wanted = select(*_COLUMNS).where(InventorySync.tenant_id == scope.tenant_id, InventorySync.status.in_(USABLE))
    rows = connection.execute(
        (wanted if at is None else wanted.where(InventorySync.started_at <= at))
        .distinct(InventorySync.scope)
        .order_by(InventorySync.scope, InventorySync.started_at.desc(), InventorySync.id.desc())
        .limit(limit)
    )
    return [Sync(*row) for row in rows]


def bodies(
    connection: Connection, scope: TenantScope, hashes: Iterable[bytes], seals: Seals | None = None
) -> dict[bytes, dict[str, Any]]:
    """Content hash → body, for those that are stored. Who asks often gives the tenant's `seals`, whose key is looked up once."""
    wanted = sorted(set(hashes))
    if not wanted:
        return {}
    rows = connection.execute(
        select(PolicyContent.content_hash, PolicyContent.body)
        .where(PolicyContent.tenant_id == scope.tenant_id, PolicyContent.content_hash.in_(wanted))
        .limit(len(wanted))
    )
    seals = seals or Seals(connection, scope)
    return {bytes(digest): body_of(seals.opened(bytes(body), bytes(digest))) for digest, body in rows}


def policies_of(
    connection: Connection, scope: TenantScope, sync_id: UUID, *, limit: int | None = None
) -> Iterator[PolicyState]:
    """The policies of a sync by type and name, all or the first `limit`, fetched as they are asked for."""
    rows = connection.execution_options(yield_per=2000).execute(
        select(*STATE_COLUMNS)
        .where(*in_sync(scope, sync_id))
        .order_by(SyncPolicy.policy_type, SyncPolicy.name, SyncPolicy.policy_id)
        .limit(limit)
    )
    for row in rows:
        yield PolicyState(*row)


def policy_in(
    connection: Connection, scope: TenantScope, policy_id: str, syncs: Sequence[UUID]
) -> dict[UUID, PolicyState]:
    """Sync → the policy as it found it; a sync without it is left out."""
    rows = connection.execute(
        select(SyncPolicy.sync_id, *STATE_COLUMNS)
        .where(
            SyncPolicy.tenant_id == scope.tenant_id, SyncPolicy.sync_id.in_(syncs), SyncPolicy.policy_id == policy_id
        )
        .limit(len(syncs))
    )
    return {sync_id: PolicyState(*row) for sync_id, *row in rows}
