"""The work of `inventory.sync`: every policy and every failure of the source becomes one item of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from flows._policies.audit import AuditTrail, add_events
from flows._policies.protocol import PolicySource, SourceFailure, SourcePolicy
from flows._policies.secrets import Fingerprint
from flows._policies.snapshots import Sync, add_policies, begin_sync, fingerprint_of, finish_sync, withdraw_policy
from flows._policies.stored import StoredPolicy, stored
from flows._policies.tree import MAX_DEPTH, TooDeepError
from flows._policies.unread import Unread
from flows._sources.folder_reasons import NESTED_TOO_DEEP
from flows._tracking.tracked_flow import TrackedRun
from flows.inventory.following import next_step
from flows.inventory.operation import InventoryParameters
from flows.inventory.sources import opened
from runstore.fence.reason_fields import clean_item_id
from runstore.runs.run import RelatedLink

BATCH = 200
ITEMS_LISTED = 5000


def read_into_sync(run: TrackedRun, parameters: InventoryParameters) -> None:
    """Reads the source into a new sync of the run; the sync counts for comparisons once it is finished."""
    with opened(parameters.source, parameters.scope, run.store, run.scope, full=parameters.full) as found:
        run.progress.expect_count(found.expected)
        writer = SyncWriter(run, parameters, found.kind)
        writer.read(found.source)
        sync = writer.finish(found.source, found.audit() if found.audit is not None else None)
        run.progress.note(**found.cost())
    run.progress.note(
        sync_id=str(sync.id), scope=sync.scope, policies=sync.policies, complete=sync.complete, unread=dict(sync.unread)
    )
    if sync.audit is not None:
        run.progress.note(audit={log: standing["status"] for log, standing in sync.audit.items()})
    run.progress.note(**next_step(run, parameters, sync))
    run.progress.link(RelatedLink("Inventory", "inventory", {"sync": str(sync.id)}))


@dataclass
class SyncWriter:
    """Takes what a source yields into one sync, batch by batch, and tells the run about each item."""

    run: TrackedRun
    parameters: InventoryParameters
    kind: str
    _sync_id: UUID = field(init=False)
    _fingerprint: Fingerprint = field(init=False)
    _pending: list[tuple[str, StoredPolicy]] = field(default_factory=list[tuple[str, StoredPolicy]], init=False)
    _items: dict[str, None] = field(default_factory=dict[str, None], init=False)
    _unread: Unread = field(default_factory=Unread, init=False)
    _failures: int = field(default=0, init=False)
    _by_origin: bool = field(init=False)

    def __post_init__(self) -> None:
        self._by_origin = self.parameters.source.startswith("folder:")
        run, wanted = self.run, self.parameters
        self._fingerprint = self.run.stored(lambda connection: fingerprint_of(connection, run.scope))
        self._sync_id = self.run.stored(
            lambda connection: begin_sync(connection, run.scope, run.run_id, wanted.scope, self.kind)
        )

    def read(self, source: PolicySource) -> None:
        """Reads the source to its end."""
        for item in self._prepared(source):
            if isinstance(item, SourceFailure):
                self._fail(item)
            else:
                self._pending.append(item)
                if len(self._pending) >= BATCH:
                    self._flush()
        self._flush()

    def finish(self, source: PolicySource, trail: AuditTrail | None = None) -> Sync:
        """Ends the sync with what the source's ledger says about what it did not read, and what is known of who did what."""
        unread = self._unread.as_json(source.ledger(), source.parts_in_files())
        # Nothing but the items themselves says how many there were: files hold lists, parts, and one policy twice.
        if len(self._items) <= ITEMS_LISTED:
            self.run.progress.expect(self._items)
        else:
            self.run.progress.expect_count(len(self._items))
        return self.run.stored(lambda connection: self._end(connection, unread, trail))

    def _end(self, connection: Connection, unread: Mapping[str, Any], trail: AuditTrail | None) -> Sync:
        if trail is not None:
            compared = [sync_id for sync_id in (self._sync_id, trail.before) if sync_id is not None]
            add_events(connection, self.run.scope, compared, trail.changes)
        return finish_sync(
            connection,
            self.run.scope,
            self._sync_id,
            failures=self._failures,
            unread=unread,
            audit=None if trail is None else trail.as_json(),
        )

    def _prepared(self, source: PolicySource) -> Iterator[tuple[str, StoredPolicy] | SourceFailure]:
        for item in source.read():
            if isinstance(item, SourceFailure):
                yield item
                continue
            name = self._item_id(item)
            self._unread.read(item)
            try:
                yield name, stored(item, self._fingerprint)
            except (TooDeepError, RecursionError):
                failure = NESTED_TOO_DEEP.failure(name, file_name=item.origin, limit=MAX_DEPTH)
                yield SourceFailure(name, failure, item.policy_type, item.policy_id)

    def _fail(self, item: SourceFailure) -> None:
        self._flush()
        self._failures += 1
        self._unread.failed(item)
        self._items.setdefault(item.failure.item_id)
        if item.policy_id and not item.no_policy:
            policy_id = item.policy_id
            self.run.stored(lambda connection: withdraw_policy(connection, self.run.scope, self._sync_id, policy_id))
        self.run.progress.failed(item.failure)

    def _flush(self) -> None:
        batch, self._pending = self._pending, []
        if not batch:
            return
        policies = [policy for _, policy in batch]
        self.run.stored(lambda connection: add_policies(connection, self.run.scope, self._sync_id, policies))
        for name, _ in batch:
            self._items.setdefault(name)
            self.run.progress.succeeded(name)

    def _item_id(self, policy: SourcePolicy) -> str:
        return clean_item_id(policy.origin if self._by_origin else policy.policy_id)
