"""Stores what a comparison found: each subject once per tenant and scope, however often and by however many it is found.

All of it happens in the caller's transaction, one comparison of a scope at a time, so that a run that is killed leaves
nothing and two at once leave what one would have.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID, uuid4

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from flows._policies.canonical import CANONICAL_VERSION
from flows._policies.sealing import Seals
from flows._policies.snapshots import in_sync
from flows._policies.tables import SyncPolicy
from flows.drift.comparison.findings import Comparison, Finding, FindingKind
from flows.drift.comparison.severity import SeverityRule
from flows.drift.comparison.sides import Bodies
from flows.drift.operation import Against
from flows.drift.register import lifecycle
from flows.drift.register.ignore_rules import keep_hidden
from flows.drift.register.lifecycle import FindingStatus, KnownFinding, NextState
from flows.drift.start import Chosen
from flows.drift.tables import DriftComparison, DriftEvent, DriftFinding, DriftRunFinding
from runstore.audit import record_audits
from runstore.tenancy import TenantScope

ACTOR: Final = "drift.generate"
_FINDINGS: Final = cast(Table, DriftFinding.__table__)


def save(
    connection: Connection,
    scope: TenantScope,
    run_id: UUID,
    chosen: Chosen,
    comparison: Comparison,
    changed_by: Sequence[dict[str, Any] | None],
    bodies: Bodies,
    rules: Sequence[SeverityRule],
) -> None:
    """Stores the findings of a run in place of what an earlier attempt of it stored, and moves known findings on.

    `changed_by` says of each finding, in order, who changed its policy. `bodies` and `rules` are those of the comparison: what
    stands open is told since it began.
    """
    recording = _Recording(connection, scope, run_id, chosen)
    lock = int.from_bytes(recording.fingerprint("")[:8], "big", signed=True)
    connection.execute(select(func.pg_advisory_xact_lock(lock)))
    recording.comparison(comparison)
    ids = recording.findings(comparison.findings, changed_by, bodies, rules)
    keep_hidden(connection, scope, ids)
    if chosen.live:
        recording.settle(set(ids))
    recording.told()


@dataclass(slots=True)
class _Recording:
    """One comparison on its way into the tables; `events` are the steps that its findings made."""

    connection: Connection
    scope: TenantScope
    run_id: UUID
    chosen: Chosen
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def fingerprint(self, subject: str) -> bytes:
        """The 32 bytes under which a subject's finding is stored: one per tenant, scope key and subject."""
        place = (str(self.scope.tenant_id), self.chosen.current.scope, subject)
        return hashlib.sha256("\x00".join(place).encode()).digest()

    def comparison(self, comparison: Comparison) -> None:
        of_run = (DriftRunFinding.tenant_id == self.scope.tenant_id, DriftRunFinding.run_id == self.run_id)
        self.connection.execute(delete(DriftRunFinding).where(*of_run))
        values = {
            "tenant_id": self.scope.tenant_id,
            "run_id": self.run_id,
            "scope": self.chosen.current.scope,
            "against": self.chosen.against.value,
            "baseline_sync_id": self.chosen.baseline.id,
            "current_sync_id": self.chosen.current.id,
            "withheld": [entry.as_json() for entry in comparison.withheld],
            "canonical_version": CANONICAL_VERSION,
            # Of this transaction's end, nearly; the default would be of its beginning, before the lock was waited for.
            "created_at": datetime.now(UTC),
        }
        stored = upsert(DriftComparison).values(values)
        self.connection.execute(stored.on_conflict_do_update(index_elements=["tenant_id", "run_id"], set_=values))

    def findings(
        self,
        found: Sequence[Finding],
        changed_by: Sequence[dict[str, Any] | None],
        bodies: Bodies,
        rules: Sequence[SeverityRule],
    ) -> list[UUID]:
        """Stores new findings, moves known ones on, and keeps what the run found; the ids in order."""
        seals = Seals(self.connection, self.scope)
        prints = [self.fingerprint(finding.subject) for finding in found]
        # What was made again or renamed may be so back to the id of a known finding.
        others = [self.fingerprint(f"policy:{one.previous_policy_id}") for one in found]
        known = self._known([*prints, *others])
        fresh: list[dict[str, Any]] = []
        moved: list[dict[str, Any]] = []
        of_run: list[dict[str, Any]] = []
        for position, (finding, digest, other, who) in enumerate(zip(found, prints, others, changed_by, strict=True)):
            undone = known.get(other)
            is_undone = undone is not None and undone[1].value_digest == finding.undone_digest
            finding_id, before = (undone if is_undone else known.get(digest)) or (uuid4(), None)
            if before is None:
                fresh.append(self._fresh(finding, digest, finding_id))
                self._happened(finding_id, "found", None, FindingStatus.OPEN)
            elif self.chosen.live:
                whole = lifecycle.since_it_began(before, finding, bodies, self.chosen.sides, rules)
                sides = (whole.before_hash, whole.after_hash)
                verdict = lifecycle.found_again(before, whole.value_digest, *sides, self.now, finding.undone_digest)
                grown = whole is not finding and verdict.status is not FindingStatus.RESOLVED
                values = {"id": finding_id, **self._moved(whole, before, verdict)}
                values["changes"] = seals.kept_json(whole.changes_json(), finding_id.bytes) if grown else None
                moved.append(values | {"changes_run_id": self.run_id if grown else None})
                if verdict.event:
                    self._happened(finding_id, verdict.event, before.status, verdict.status)
            ids = {"tenant_id": self.scope.tenant_id, "run_id": self.run_id, "finding_id": finding_id}
            row = {**ids, "position": position, **finding.about, **finding.rest, "changed_by": who}
            of_run.append(row | {"changes": seals.kept_json(finding.changes_json(), finding_id.bytes)})
        if fresh:
            self.connection.execute(insert(DriftFinding), fresh)
        self._update(moved)
        if of_run:
            self.connection.execute(insert(DriftRunFinding), of_run)
        return [row["finding_id"] for row in of_run]

    def settle(self, found: set[UUID]) -> None:
        """Moves on the unresolved findings of the scope that this comparison did not report."""
        baseline, now = self.chosen.sides
        is_pinned = self.chosen.against is Against.PINNED
        rows = self.connection.execute(
            select(DriftFinding.id, DriftFinding.policy_id, DriftFinding.policy_type, DriftFinding.kind, *_STANDING)
            .where(
                DriftFinding.tenant_id == self.scope.tenant_id,
                DriftFinding.scope == self.chosen.current.scope,
                DriftFinding.status != FindingStatus.RESOLVED.value,
            )
            .with_for_update()
        ).all()
        left = [row for row in rows if row[0] not in found]
        of_sync = in_sync(self.scope, self.chosen.current.id)
        wanted = SyncPolicy.policy_id.in_([policy_id for _, policy_id, *_ in left if policy_id])
        contents = select(SyncPolicy.policy_id, SyncPolicy.content_hash).where(*of_sync, wanted)
        hashes = {policy_id: bytes(digest) for policy_id, digest in self.connection.execute(contents)}
        still: list[UUID] = []
        moved: list[dict[str, Any]] = []
        for finding_id, policy_id, policy_type, kind, *rest in left:
            standing = _standing(rest)
            current = hashes.get(policy_id) if policy_id else None
            is_known = current is not None or now.knows(policy_type, policy_id or "")
            equals = is_pinned and baseline.knows(policy_type, policy_id or "")
            verdict = lifecycle.not_found(
                standing,
                current,
                # What became of a platform change is only told by holding the type against the pinned baseline.
                is_known=is_known and (equals or kind != FindingKind.PLATFORM),
                equals_baseline=equals,
                now=self.now,
            )
            if is_known and verdict.status is not FindingStatus.RESOLVED:
                still.append(finding_id)
            if verdict.event is not None:
                moved.append({"id": finding_id, **self._in_state(verdict)})
                self._happened(finding_id, verdict.event, standing.status, verdict.status)
        self._update(moved)
        if still:
            # Nothing moved, so it is as it was found: seen, by everyone who asks when last.
            seen = update(_FINDINGS).where(_FINDINGS.c.id.in_(still)).values(last_seen_at=self.now)
            self.connection.execute(seen)

    def told(self) -> None:
        """Stores the events. Every finding that was resolved or opened again is in the audit log, too."""
        if self.events:
            self.connection.execute(insert(DriftEvent).values(at=func.clock_timestamp()), self.events)
        for status, verb in ((FindingStatus.RESOLVED, "drift.resolved"), (FindingStatus.OPEN, "drift.reopened")):
            subjects = {
                str(one["finding_id"]): {"from": one["from_status"], "why": one["event"], "run_id": str(self.run_id)}
                for one in self.events
                if one["to_status"] == status.value and one["from_status"] not in (None, status.value)
            }
            record_audits(self.connection, self.scope, verb, subjects, actor=ACTOR)

    def _known(self, prints: Sequence[bytes]) -> Mapping[bytes, tuple[UUID, KnownFinding]]:
        rows = self.connection.execute(
            select(DriftFinding.fingerprint, DriftFinding.id, *_STANDING)
            .where(DriftFinding.tenant_id == self.scope.tenant_id, DriftFinding.fingerprint.in_(prints))
            # Somebody may be deciding about one at this moment: what is moved on is what they decided.
            .with_for_update()
        )
        return {bytes(digest): (finding_id, _standing(rest)) for digest, finding_id, *rest in rows}

    def _update(self, moved: Sequence[dict[str, Any]]) -> None:
        """Writes the moved findings back, one round trip for all that change the same columns."""
        alike: dict[frozenset[str], list[dict[str, Any]]] = {}
        for values in moved:
            alike.setdefault(frozenset(values), []).append({f"new_{name}": value for name, value in values.items()})
        for columns, rows in alike.items():
            changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns if name != "id"}
            written = update(_FINDINGS).where(_FINDINGS.c.id == bindparam("new_id")).values(changed)
            self.connection.execute(written, rows)

    def _fresh(self, finding: Finding, digest: bytes, finding_id: UUID) -> dict[str, Any]:
        return {
            "id": finding_id,
            "tenant_id": self.scope.tenant_id,
            "scope": self.chosen.current.scope,
            "fingerprint": digest,
            "subject": finding.subject,
            "status": FindingStatus.OPEN.value,
            "first_run_id": self.run_id,
            "last_run_id": self.run_id,
            "origin_hash": finding.before_hash,
            **_found(finding),
        }

    def _moved(self, finding: Finding, before: KnownFinding, verdict: NextState) -> dict[str, Any]:
        values = {"last_run_id": self.run_id, "last_seen_at": self.now, **self._in_state(verdict)}
        if verdict.status is not FindingStatus.RESOLVED:
            begins = before.status is FindingStatus.RESOLVED or before.origin_hash is None
            values |= {"resolved_at": None, **_found(finding)}
            values["origin_hash"] = finding.before_hash if begins else before.origin_hash
            values["before_hash"] = lifecycle.reference(before, verdict, finding.before_hash)
        elif before.status is FindingStatus.RESOLVED:
            # What it was found as stays: that is what a later sync would have to show again to reopen it.
            del values["resolved_at"]
        if verdict.status is FindingStatus.ACCEPTED:
            values["accepted_digest"] = finding.value_digest
        return values

    def _in_state(self, verdict: NextState) -> dict[str, Any]:
        values: dict[str, Any] = {"status": verdict.status.value}
        if verdict.status is FindingStatus.RESOLVED:
            values["resolved_at"] = self.now
        if verdict.status is not FindingStatus.ACCEPTED:
            values |= {"accepted_digest": None, "accepted_until": None}
        return values

    def _happened(self, finding_id: UUID, event: str, before: FindingStatus | None, after: FindingStatus) -> None:
        self.events.append(
            {
                "id": uuid4(),
                "tenant_id": self.scope.tenant_id,
                "finding_id": finding_id,
                "actor": ACTOR,
                "run_id": self.run_id,
                "event": event,
                "from_status": before.value if before else None,
                "to_status": after.value,
            }
        )


_STANDING: Final = tuple(getattr(DriftFinding, name) for name in KnownFinding.__dataclass_fields__)


def _standing(row: Sequence[Any]) -> KnownFinding:
    status, *rest = row
    return KnownFinding(FindingStatus(status), *rest)


def _found(finding: Finding) -> dict[str, Any]:
    hashes = {"before_hash": finding.before_hash, "after_hash": finding.after_hash}
    return {**finding.about, **hashes, "value_digest": finding.value_digest}
