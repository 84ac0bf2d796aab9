"""The flow of `inventory.sync`: every policy and every failure of the source becomes one item of the run."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from flows._policies.audit import AuditTrail, add_events
from flows._policies.groups import known_rules, with_rules
from flows._policies.kept_words import keep_words, noting_fingerprint
from flows._policies.names import Mentioned
from flows._policies.protocol import PolicySource, SourceFailure, SourcePolicy
from flows._policies.secrets import Fingerprint, Noting, protected_path
from flows._policies.snapshots import (
    Sync,
    add_policies,
    begin_sync,
    finish_sync,
    newest_usable,
    withdraw_policy,
)
from flows._policies.stored import StoredPolicy, stored
from flows._policies.tree import MAX_DEPTH, TooDeepError
from flows._policies.unread import Unread, others_words
from flows._sources.folder_reasons import NESTED_TOO_DEEP
from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.inventory.operation import OPERATION, PINNED, InventoryParameters
from flows.inventory.sources import GRAPH_CHANGES, opened
from flows.registry import operations
from runstore.fence.reason_fields import clean_item_id
from runstore.runs.follow_up import waiting_request
from runstore.runs.run import RelatedLink
from runstore.schema import OperationRun

BATCH = 200


@tracked_flow(OPERATION, own_steps=True)
def sync_inventory(run: TrackedRun, parameters: InventoryParameters) -> None:
    """Reads the source into a new sync of the run; the sync counts for comparisons once it is finished."""
    read_into_sync(run, parameters)


def read_into_sync(run: TrackedRun, parameters: InventoryParameters) -> None:
    """The work, for a run that may be tracked elsewhere."""
    run.log.info("Reading %s into a new sync of the scope %s.", parameters.source, parameters.scope)
    waited: list[str] = []
    told: Mapping[str, Any] = {}
    with ExitStack() as opening:
        found = run.step(
            "open source",
            lambda: opening.enter_context(
                opened(
                    parameters.source,
                    parameters.scope,
                    run.store,
                    run.scope,
                    full=parameters.full,
                    say=lambda waits: waited.append(_say(run, waits)),
                )
            ),
        )
        if found.expected:
            run.log.info("%d files to read.", found.expected)
        elif found.kind == GRAPH_CHANGES:
            run.log.info("Microsoft Graph is asked only for what moved since the last sync.")
        run.progress.expect_count(found.expected)
        writer = SyncWriter(run, parameters, found.kind)
        writer.read(found.source)
        if (names := found.names) is not None:
            told = run.step("read names", lambda: names(run, writer.mentioned))
            if left := told["names"]["left"]:
                run.log.info("The names of %d more settings are read by the next syncs.", left)
        sync = run.step(
            "finish sync", lambda: writer.finish(found.source, found.audit() if found.audit is not None else None)
        )
        cost = found.cost()
    # The run waits no longer; what it has to say of names takes the place of what it waited for.
    run.progress.note(**cost, **{**dict.fromkeys(waited, ""), **told})
    run.progress.note(
        sync_id=str(sync.id), scope=sync.scope, policies=sync.policies, complete=sync.complete, unread=dict(sync.unread)
    )
    if sync.audit is not None:
        run.progress.note(audit={log: standing["status"] for log, standing in sync.audit.items()})
    run.progress.note(**next_step(run, sync))
    run.progress.link(RelatedLink("Inventory", "inventory", {"sync": str(sync.id)}))
    whole = "complete" if sync.complete else "not complete: the hub lists what could not be read"
    run.log.info("Sync %s holds %d policies; it is %s.", sync.id, sync.policies, whole)
    if others := others_words(sync.unread):
        run.log.info("Seen and not asked for, since they are not policies: %s.", others)
    if "graph" in cost:
        run.log.info("Microsoft Graph: %s.", cost["graph"]["summary"])


def _say(run: TrackedRun, waits: str) -> str:
    """Says in log and hub what the run waits for, and gives the key of the context to empty when it waits no longer."""
    run.log.info("The run is %s.", waits)
    run.progress.note(notice=f"{waits[0].upper()}{waits[1:]}.")
    return "notice"


def next_step(run: TrackedRun, sync: Sync) -> dict[str, Any]:
    """What the run's context is told about the operation that was asked to follow; nothing when none was.

    The request waits in the run's row; the recorder starts it in the transaction that ends this run. Which sync may serve is
    `Sync.is_usable`, here as wherever a comparison chooses.
    """
    # Of the row and not of the flow's parameters: an identical start may have joined the run meanwhile.
    row = select(OperationRun.context).where(OperationRun.id == run.run_id)
    asked = run.stored(lambda connection: connection.execute(row).scalar_one())
    if asked.get("then") is None:
        return {}
    if not sync.is_usable:
        return {"then_why": "The sync read nothing, so there is nothing to compare."}
    following = operations()[asked["then"]]
    compares = "against" in following.parameters.model_fields
    usable = run.stored(lambda connection: newest_usable(connection, run.scope, sync.scope))
    if compares and asked.get("then_against") != PINNED and all(found.id == sync.id for found in usable):
        return {"then_why": "This is the first usable sync of the scope: there is nothing to compare it with yet."}
    given = {"scope": sync.scope, "current": str(sync.id)}
    if compares and asked.get("then_against") is not None:
        given["against"] = asked["then_against"]
    request = following.request(given)
    return {"then_request": waiting_request(run.scope.tenant_id, request)}


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
    _rules: Mapping[str, str] = field(init=False)
    mentioned: Mentioned = field(default_factory=Mentioned, init=False)

    def __post_init__(self) -> None:
        self._by_origin = self.parameters.source.startswith("folder:")
        run, wanted = self.run, self.parameters
        self._rules = self.run.stored(lambda connection: known_rules(connection, run.scope))
        self._fingerprint = self.run.stored(lambda connection: noting_fingerprint(connection, run.scope))
        self._sync_id = self.run.stored(
            lambda connection: begin_sync(connection, run.scope, run.run_id, wanted.scope, self.kind)
        )

    def read(self, source: PolicySource) -> None:
        """Reads the source to its end, a batch after the other."""
        # One stream for all batches: the source reads on across the end of a task.
        stream = self._prepared(source)
        number = 1
        while self.run.step("read and store", lambda: self._batch(stream), title=f"read and store, batch {number}"):
            number += 1

    def _batch(self, stream: Iterator[tuple[str, StoredPolicy] | SourceFailure]) -> bool:
        """Whether there may be more."""
        taken = 0
        for item in islice(stream, BATCH):
            taken += 1
            if isinstance(item, SourceFailure):
                self._fail(item)
            else:
                self._pending.append(item)
        self._flush()
        return taken == BATCH

    def finish(self, source: PolicySource, trail: AuditTrail | None = None) -> Sync:
        """Ends the sync with what the source did not read, and what is known of who did what."""
        unread = self._unread.of(source)
        # Nothing but the items themselves says how many there were: files hold lists, parts, and one policy twice.
        self.run.progress.expect(self._items)
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
            if not self._by_origin:
                self.mentioned.read(item.body)
                item = replace(item, body=with_rules(item.body, self._rules))
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
        words = dict(self._fingerprint.words) if isinstance(self._fingerprint, Noting) else {}

        def add(connection: Connection) -> None:
            add_policies(connection, self.run.scope, self._sync_id, policies)
            keep_words(connection, self.run.scope, words)

        self.run.stored(add)
        if isinstance(self._fingerprint, Noting):
            self._fingerprint.words.clear()
        for name, _ in batch:
            self._items.setdefault(name)
            self.run.progress.succeeded(name)

    def _item_id(self, policy: SourcePolicy) -> str:
        name = policy.origin if self._by_origin else policy.policy_id
        return clean_item_id(protected_path(name, self._fingerprint))
