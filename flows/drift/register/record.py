"""Stores what a comparison found: each subject once per tenant and scope, however often and by however many it is found.

All of it happens in the caller's transaction, one comparison of a scope at a time, so that a run that is killed leaves
nothing and two at once leave what one would have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from flows._policies.canonical import CANONICAL_VERSION
from flows._policies.sealing import Seals
from flows._policies.tables import SyncPolicy
from flows.drift.comparison.completeness import Completeness
from flows.drift.comparison.findings import Comparison, Finding, FindingKind
from flows.drift.comparison.severity import SeverityRule
from flows.drift.comparison.states import Bodies
from flows.drift.register.hiding import keep_hidden
from flows.drift.register.life import FindingStatus, KnownFinding, NextState, found_again, not_found, reference
from flows.drift.register.standing_changes import since_it_began
from flows.drift.tables import DriftComparison, DriftEvent, DriftFinding, DriftRunFinding
from runstore.audit import record_audits
from runstore.tenancy import TenantScope

ACTOR = "drift.generate"
_FINDINGS = cast(Table, DriftFinding.__table__)


@dataclass(frozen=True, slots=True)
class Compared:
    """Which two syncs a run compared. `live` if the current one is the scope's newest: only then do findings move on."""

    run_id: UUID
    scope_key: str
    against: str
    baseline_sync_id: UUID
    current_sync_id: UUID
    baseline: Completeness
    current: Completeness
    live: bool


def fingerprint(scope: TenantScope, scope_key: str, subject: str) -> bytes:
    """The 32 bytes under which a subject's finding is stored: one per tenant, scope key and subject."""
    return hashlib.sha256("\x00".join((str(scope.tenant_id), scope_key, subject)).encode()).digest()


def save(
    connection: Connection,
    scope: TenantScope,
    compared: Compared,
    comparison: Comparison,
    changed_by: Sequence[dict[str, Any] | None],
    bodies: Bodies,
    rules: Sequence[SeverityRule],
) -> None:
    """Stores the findings of a run in place of what an earlier attempt of it stored, and moves known findings on.

    `changed_by` says of each finding, in order, who changed its policy. `bodies` and `rules` are those of the comparison: what
    stands open is told since it began.
    """
    lock = int.from_bytes(fingerprint(scope, compared.scope_key, "")[:8], "big", signed=True)
    connection.execute(select(func.pg_advisory_xact_lock(lock)))
    run = (DriftRunFinding.tenant_id == scope.tenant_id, DriftRunFinding.run_id == compared.run_id)
    connection.execute(delete(DriftRunFinding).where(*run))
    _save_comparison(connection, scope, compared, comparison)
    now = datetime.now(UTC)
    seals = Seals(connection, scope)
    prints = [fingerprint(scope, compared.scope_key, finding.subject) for finding in comparison.findings]
    known = _known(connection, scope, prints)
    fresh: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    ids: list[UUID] = []
    for finding, digest in zip(comparison.findings, prints, strict=True):
        standing = known.get(digest)
        if standing is None:
            finding_id = uuid4()
            fresh.append(_fresh(scope, compared, finding, digest, finding_id))
            events.append(_event(scope, compared, finding_id, "found", None, FindingStatus.OPEN))
        else:
            finding_id, before = standing
            if compared.live:
                whole = since_it_began(before, finding, bodies, (compared.baseline, compared.current), rules)
                verdict = found_again(before, whole.value_digest, whole.before_hash, whole.after_hash, now)
                values = _moved(compared, finding_id, whole, before, verdict, now)
                grown = whole is not finding and verdict.status is not FindingStatus.RESOLVED
                values["changes"] = seals.kept_json(whole.changes_json(), finding_id.bytes) if grown else None
                moved.append(values | {"changes_run_id": compared.run_id if grown else None})
                if verdict.event:
                    events.append(_event(scope, compared, finding_id, verdict.event, before.status, verdict.status))
        ids.append(finding_id)
    if fresh:
        connection.execute(insert(DriftFinding), fresh)
    _update(connection, moved)
    rows = [
        _run_row(scope, compared, finding, finding_id, position)
        | {"changes": seals.kept_json(finding.changes_json(), finding_id.bytes), "changed_by": who}
        for position, (finding, finding_id, who) in enumerate(zip(comparison.findings, ids, changed_by, strict=True))
    ]
    if rows:
        connection.execute(insert(DriftRunFinding), rows)
    keep_hidden(connection, scope, ids)
    if compared.live:
        events += _settle(connection, scope, compared, set(ids), now)
    if events:
        connection.execute(insert(DriftEvent).values(at=func.clock_timestamp()), events)
    _audit(connection, scope, events)


def _audit(connection: Connection, scope: TenantScope, events: Sequence[Mapping[str, Any]]) -> None:
    """Every finding this comparison resolved or opened again is in the audit log, too."""
    for status, verb in ((FindingStatus.RESOLVED, "drift.resolved"), (FindingStatus.OPEN, "drift.reopened")):
        subjects = {
            str(event["finding_id"]): {
                "from": event["from_status"],
                "why": event["event"],
                "run_id": str(event["run_id"]),
            }
            for event in events
            if event["to_status"] == status.value and event["from_status"] not in (None, status.value)
        }
        record_audits(connection, scope, verb, subjects, actor=ACTOR)


def _update(connection: Connection, moved: Sequence[dict[str, Any]]) -> None:
    """Writes the moved findings back, one round trip for all that change the same columns."""
    alike: dict[frozenset[str], list[dict[str, Any]]] = {}
    for values in moved:
        alike.setdefault(frozenset(values), []).append(values)
    for columns, rows in alike.items():
        changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns if name != "id"}
        statement = update(_FINDINGS).where(_FINDINGS.c.id == bindparam("known_id")).values(changed)
        connection.execute(
            statement,
            [{"known_id" if name == "id" else f"new_{name}": value for name, value in row.items()} for row in rows],
        )


def _save_comparison(connection: Connection, scope: TenantScope, compared: Compared, comparison: Comparison) -> None:
    values = {
        "tenant_id": scope.tenant_id,
        "run_id": compared.run_id,
        "scope": compared.scope_key,
        "against": compared.against,
        "baseline_sync_id": compared.baseline_sync_id,
        "current_sync_id": compared.current_sync_id,
        "withheld": [entry.as_json() for entry in comparison.withheld],
        "canonical_version": CANONICAL_VERSION,
        # Of this transaction's end, nearly; the default would be of its beginning, before the lock was waited for.
        "created_at": datetime.now(UTC),
    }
    connection.execute(
        upsert(DriftComparison)
        .values(values)
        .on_conflict_do_update(index_elements=["tenant_id", "run_id"], set_=values)
    )


def _known(
    connection: Connection, scope: TenantScope, prints: Sequence[bytes]
) -> Mapping[bytes, tuple[UUID, KnownFinding]]:
    if not prints:
        return {}
    rows = connection.execute(
        select(DriftFinding.fingerprint, DriftFinding.id, *_STANDING)
        .where(DriftFinding.tenant_id == scope.tenant_id, DriftFinding.fingerprint.in_(prints))
        # Somebody may be deciding about one at this moment: what is moved on is what they decided.
        .with_for_update()
    )
    return {bytes(digest): (finding_id, _standing(rest)) for digest, finding_id, *rest in rows}


def _settle(
    connection: Connection, scope: TenantScope, compared: Compared, found: set[UUID], now: datetime
) -> list[dict[str, Any]]:
    """Moves on the unresolved findings of the scope that this comparison did not report."""
    rows = connection.execute(
        select(DriftFinding.id, DriftFinding.policy_id, DriftFinding.policy_type, DriftFinding.kind, *_STANDING)
        .where(
            DriftFinding.tenant_id == scope.tenant_id,
            DriftFinding.scope == compared.scope_key,
            DriftFinding.status != FindingStatus.RESOLVED.value,
        )
        .with_for_update()
    ).all()
    left = [row for row in rows if row[0] not in found]
    policy_ids = {str(policy_id) for _, policy_id, *_ in left if policy_id}
    hashes = _current_hashes(connection, scope, compared.current_sync_id, policy_ids)
    events: list[dict[str, Any]] = []
    still: list[UUID] = []
    for finding_id, policy_id, policy_type, kind, *rest in left:
        standing = _standing(rest)
        current = hashes.get(policy_id) if policy_id else None
        is_known = current is not None or compared.current.knows(policy_type, policy_id or "")
        equals = compared.against == "pinned" and compared.baseline.knows(policy_type, policy_id or "")
        verdict = not_found(
            standing,
            current,
            # What became of a platform change is only told by holding the type against the pinned baseline.
            is_known=is_known and (equals or kind != FindingKind.PLATFORM),
            equals_baseline=equals,
            now=now,
        )
        if is_known and verdict.status is not FindingStatus.RESOLVED:
            still.append(finding_id)
        if verdict.event is None:
            continue
        values: dict[str, Any] = {"status": verdict.status.value}
        if verdict.status is FindingStatus.RESOLVED:
            values["resolved_at"] = now
        if verdict.status is not FindingStatus.ACCEPTED:
            values |= {"accepted_digest": None, "accepted_until": None}
        connection.execute(update(DriftFinding).where(DriftFinding.id == finding_id).values(**values))
        events.append(_event(scope, compared, finding_id, verdict.event, standing.status, verdict.status))
    if still:
        # Nothing moved, so it is as it was found: seen, by everyone who asks when last.
        connection.execute(update(_FINDINGS).where(_FINDINGS.c.id.in_(still)).values(last_seen_at=now))
    return events


def _current_hashes(
    connection: Connection, scope: TenantScope, sync_id: UUID, policy_ids: Iterable[str]
) -> dict[str, bytes]:
    wanted = sorted(policy_ids)
    if not wanted:
        return {}
    rows = connection.execute(
        select(SyncPolicy.policy_id, SyncPolicy.content_hash).where(
            SyncPolicy.tenant_id == scope.tenant_id, SyncPolicy.sync_id == sync_id, SyncPolicy.policy_id.in_(wanted)
        )
    )
    return {policy_id: bytes(digest) for policy_id, digest in rows}


_STANDING = (
    DriftFinding.status,
    DriftFinding.value_digest,
    DriftFinding.before_hash,
    DriftFinding.after_hash,
    DriftFinding.accepted_until,
    DriftFinding.origin_hash,
)


def _standing(row: Sequence[Any]) -> KnownFinding:
    status, value, before, after, until, origin = row
    return KnownFinding(FindingStatus(status), bytes(value), _bytes(before), _bytes(after), until, _bytes(origin))


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _fresh(scope: TenantScope, compared: Compared, finding: Finding, digest: bytes, finding_id: UUID) -> dict[str, Any]:
    return {
        "id": finding_id,
        "tenant_id": scope.tenant_id,
        "scope": compared.scope_key,
        "fingerprint": digest,
        "subject": finding.subject,
        "status": FindingStatus.OPEN.value,
        "first_run_id": compared.run_id,
        "last_run_id": compared.run_id,
        "origin_hash": finding.before_hash,
        **_found(finding),
    }


def _found(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "policy_id": finding.policy_id,
        "policy_name": finding.policy_name,
        "policy_type": finding.policy_type,
        "severity": finding.severity.value,
        "value_digest": finding.value_digest,
        "before_hash": finding.before_hash,
        "after_hash": finding.after_hash,
    }


def _moved(
    compared: Compared, finding_id: UUID, finding: Finding, before: KnownFinding, verdict: NextState, now: datetime
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": finding_id,
        "last_run_id": compared.run_id,
        "last_seen_at": now,
        "status": verdict.status.value,
    }
    if verdict.status is FindingStatus.RESOLVED:
        # What it was found as stays: that is what a later sync would have to show again to reopen it.
        if before.status is not FindingStatus.RESOLVED:
            values["resolved_at"] = now
    else:
        values |= {"resolved_at": None, **_found(finding)}
        if before.status is FindingStatus.RESOLVED or before.origin_hash is None:
            values["origin_hash"] = finding.before_hash
        else:
            values["origin_hash"] = before.origin_hash
        values["before_hash"] = reference(before, verdict, finding.before_hash)
    if verdict.status is FindingStatus.ACCEPTED:
        values["accepted_digest"] = finding.value_digest
    else:
        values |= {"accepted_digest": None, "accepted_until": None}
    return values


def _run_row(
    scope: TenantScope, compared: Compared, finding: Finding, finding_id: UUID, position: int
) -> dict[str, Any]:
    return {
        "tenant_id": scope.tenant_id,
        "run_id": compared.run_id,
        "finding_id": finding_id,
        "position": position,
        "kind": finding.kind.value,
        "policy_id": finding.policy_id,
        "previous_policy_id": finding.previous_policy_id,
        "policy_name": finding.policy_name,
        "policy_type": finding.policy_type,
        "severity": finding.severity.value,
        "policies": list(finding.policies),
        "notes": list(finding.notes),
    }


def _event(
    scope: TenantScope,
    compared: Compared,
    finding_id: UUID,
    event: str,
    before: FindingStatus | None,
    after: FindingStatus,
) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "tenant_id": scope.tenant_id,
        "finding_id": finding_id,
        "actor": ACTOR,
        "run_id": compared.run_id,
        "event": event,
        "from_status": before.value if before else None,
        "to_status": after.value,
    }
