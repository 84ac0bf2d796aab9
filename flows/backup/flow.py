"""The flow of `backup_set.add_policies`: resolve what is asked for, leave out what is there, capture the rest in batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import Connection

from flows._policies.json_shape import as_list
from flows._policies.protocol import SourcePolicy
from flows._policies.sealing import KeyRing, Seals
from flows._policies.secrets import Fingerprint
from flows._policies.snapshots import fingerprint_of
from flows._policies.stored import body_bytes, stored
from flows._policies.tree import MAX_DEPTH, TooDeepError
from flows._sources.ahead import Ahead
from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.backup.operation import OPERATION, AddPoliciesParameters
from flows.backup.reasons import BACKUP_POLICY_TOO_DEEP, BACKUP_SET_GONE
from flows.backup.sealing import kept
from flows.backup.sources import Capture, FolderCapture, open_source
from flows.backup.store import add_items, begin, captured_by, complete, keep_selection
from runstore.reasons import ReasonedError
from runstore.runs.run import Failure

if TYPE_CHECKING:
    from flows.backup.graph_source import GraphCapture

BATCH: Final = 200
"""Policies of one Prefect task: ten full Graph batches, so that a task's end costs little of its time."""

READ_AHEAD: Final = 100
WRITE_SIZE: Final = 50
WRITE_SECONDS: Final = 1.0


@tracked_flow(OPERATION, own_steps=True)
def add_policies(run: TrackedRun, parameters: AddPoliciesParameters) -> None:
    """Captures what is asked for; run again after an end that did not get everything, it fetches only what is missing."""
    with open_source(run.store, run.scope) as source:
        capture = SetCapture(run, parameters, source)
        run.step("select", capture.begin)
        missing = len(capture.missing)
        run.log.info("%d policies to capture into set %s.", missing, parameters.set_id)
        # One stream for all batches: the source reads on across the end of a task.
        with Ahead(source.fetch(capture.missing), READ_AHEAD) as stream:
            for first in range(0, missing, BATCH):
                title = f"capture {first + 1} to {min(first + BATCH, missing)} of {missing}"
                run.step("capture", lambda: capture.batch(stream), title=title)
        run.step("finish", capture.end)
        cost = source.cost()
    if "graph" in cost:
        run.log.info("Microsoft Graph: %s.", cost["graph"]["summary"])


@dataclass
class SetCapture:
    run: TrackedRun
    parameters: AddPoliciesParameters
    source: FolderCapture | GraphCapture
    missing: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]], init=False)
    _run_ids: list[UUID] = field(init=False)
    _fingerprint: Fingerprint = field(init=False)
    _failed: bool = field(default=False, init=False)

    @property
    def _set_id(self) -> UUID:
        return UUID(self.parameters.set_id)

    def begin(self) -> None:
        # Before anything is read, which may take hours.
        KeyRing.from_environment()
        run, key = self.run, self.parameters.selection_key
        begun = self.run.stored(lambda connection: begin(connection, run.scope, run.run_id, self._set_id, key))
        if begun is None:
            raise ReasonedError(BACKUP_SET_GONE.failure())
        self._run_ids, selection = begun
        self._fingerprint = self.run.stored(lambda connection: fingerprint_of(connection, run.scope))
        failures: list[Failure] = []
        if selection is None:
            found = self.source.select(None if self.parameters.all_policies else self.parameters.policy_ids)
            selection, failures = found.policies, found.failures
        if not failures:
            self.run.stored(lambda connection: keep_selection(connection, run.scope, run.run_id, selection))
        run.progress.expect([*(policy_id for policy_id, _ in selection), *(failure.item_id for failure in failures)])
        for failure in failures:
            self._fail(failure)
        self._leave_out(selection)

    def batch(self, stream: Iterator[Capture]) -> None:
        """Captures the next batch of the missing policies; what it has read is stored as it comes."""
        waiting: list[dict[str, Any]] = []
        written = time.monotonic()
        for captured in islice(stream, BATCH):
            if isinstance(captured, Failure):
                self._fail(captured)
                continue
            row = self._row(captured)
            if isinstance(row, Failure):
                self._fail(row)
                continue
            waiting.append(row)
            if len(waiting) >= WRITE_SIZE or time.monotonic() - written >= WRITE_SECONDS:
                self._write(waiting)
                waiting, written = [], time.monotonic()
        self._write(waiting)
        self.run.progress.note(**self.source.cost())

    def end(self) -> None:
        if not self._failed:
            self.run.stored(lambda connection: complete(connection, self.run.scope, self._run_ids))
        self.run.progress.note(**self.source.cost())

    def _leave_out(self, selection: list[tuple[str, str]]) -> None:
        found = partial(captured_by, scope=self.run.scope, set_id=self._set_id, run_ids=self._run_ids)
        done = self.run.stored(found)
        for policy_id, slug in selection:
            if policy_id not in done:
                self.missing.append((policy_id, slug))
            elif done[policy_id] == self.run.run_id:
                self.run.progress.succeeded(policy_id)
            else:
                self.run.progress.skipped(policy_id)

    def _row(self, policy: SourcePolicy) -> dict[str, Any] | Failure:
        try:
            one = stored(policy, self._fingerprint)
        except (TooDeepError, RecursionError):
            return BACKUP_POLICY_TOO_DEEP.failure(policy.policy_id, limit=MAX_DEPTH)
        # The body as read, not as the snapshot store keeps it: a backup that lost a value could not be put back.
        data = body_bytes(policy.body)
        return {
            "tenant_id": self.run.scope.tenant_id,
            "set_id": self._set_id,
            "policy_id": policy.policy_id,
            "content_hash": one.content_hash,
            "policy_type": one.policy_type,
            "name": one.name,
            "platform": one.platform,
            "origin": one.origin,
            "assignments": len(as_list(policy.body.get("assignments"))),
            "size": len(data),
            "body": data,
            "run_id": self.run.run_id,
        }

    def _write(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        owners = self.run.stored(lambda connection: self._add(connection, rows))
        for row in rows:
            if owners.get((row["policy_id"], row["content_hash"])) == self.run.run_id:
                self.run.progress.succeeded(row["policy_id"])
            else:
                self.run.progress.skipped(row["policy_id"])

    def _add(self, connection: Connection, rows: list[dict[str, Any]]) -> dict[tuple[str, bytes], UUID]:
        seals = Seals(connection, self.run.scope)
        return add_items(connection, [kept(seals, row) for row in rows])

    def _fail(self, failure: Failure) -> None:
        self._failed = True
        self.run.progress.failed(failure)
