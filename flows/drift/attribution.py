"""Who changed a finding's policy last, and when; or why that is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from flows._policies.audit import AuditedChange, AuditLog, AuditStatus, last_changes, standings
from flows._policies.snapshots import Sync
from flows.drift.comparison.findings import Finding
from runstore.tenancy import TenantScope


class Attribution(StrEnum):
    """What is known of who made a change."""

    KNOWN = "known"
    NO_EVENT = "no_event"
    PERMISSION_MISSING = "permission_missing"
    NOT_READ = "not_read"
    NO_AUDIT_LOG = "no_audit_log"


_WHY: Final[Mapping[str, str]] = {
    Attribution.NO_EVENT: "no event found",
    Attribution.PERMISSION_MISSING: "permission missing",
    Attribution.NOT_READ: "the audit log was not read for all of the time between the syncs",
}


def attributed(
    connection: Connection, scope: TenantScope, baseline: Sync, current: Sync, findings: Sequence[Finding]
) -> list[dict[str, Any] | None]:
    """For each finding, in order: `{"status", "who", "at", "activity"}`, the last three if `status` is `known`.

    The event is the policy's last one between the baseline's begin and the current sync's end. `None` for a platform
    change, which nobody in the tenant made.
    """
    if current.audit is None:
        return [None if one.policy_id is None else {"status": Attribution.NO_AUDIT_LOG.value} for one in findings]
    ids = {policy_id for one in findings for policy_id in (one.policy_id, one.previous_policy_id) if policy_id}
    events = last_changes(
        connection,
        scope,
        sorted(ids),
        after=baseline.started_at,
        began=current.started_at,
        end=current.finished_at or current.started_at,
    )
    return [
        None
        if one.policy_id is None
        else said_of(
            events.get(one.policy_id) or events.get(one.previous_policy_id or ""), one.policy_type, baseline, current
        )
        for one in findings
    ]


def last_of(events: Sequence[AuditedChange], baseline: Sync, current: Sync) -> AuditedChange | None:
    """As `last_changes` chooses, of one policy's events: the last between the two syncs, before the current one began if any."""
    end = current.finished_at or current.started_at
    between = [one for one in events if baseline.started_at < one.at <= end]
    return max(between, key=lambda one: (one.at <= current.started_at, one.at), default=None)


def said_of(event: AuditedChange | None, policy_type: str, baseline: Sync, current: Sync) -> dict[str, Any]:
    """An event in the JSON shape of the contract, or why there is none."""
    if current.audit is None:
        return {"status": Attribution.NO_AUDIT_LOG.value}
    if event is not None:
        said = {"who": event.actor, "at": event.at.isoformat(), "activity": event.activity}
        return {"status": Attribution.KNOWN.value, **said}
    standing = standings(current.audit)[AuditLog.of(policy_type)]
    if standing.status is AuditStatus.PERMISSION_MISSING:
        why = Attribution.PERMISSION_MISSING
    elif standing.status is AuditStatus.READ and standing.since is not None:
        why = Attribution.NO_EVENT if standing.since <= baseline.started_at else Attribution.NOT_READ
    else:
        why = Attribution.NOT_READ
    return {"status": why.value}


def who_and_when(changed_by: Mapping[str, Any] | None) -> str:
    """For a person: who and when, or why that is not known; empty where there is no audit log to ask."""
    if not changed_by:
        return ""
    if changed_by["status"] == Attribution.KNOWN.value:
        at = datetime.fromisoformat(changed_by["at"]).strftime("%Y-%m-%d %H:%M UTC")
        return f"{changed_by['who'] or 'someone not named'}, {at}"
    return _WHY.get(changed_by["status"], "")
