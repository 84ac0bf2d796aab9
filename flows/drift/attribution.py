"""Who changed a finding's policy last, and when; or why that is not known."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from flows._policies.audit import AuditedChange, AuditLog, AuditStatus, last_changes, standings
from flows._policies.snapshots import Sync
from flows.drift.comparison.findings import Finding
from runstore.tenancy import TenantScope

KNOWN: Final = "known"
NO_AUDIT_LOG: Final = "no_audit_log"
NO_EVENT: Final = "no_event"
PERMISSION_MISSING: Final = "permission_missing"
NOT_READ: Final = "not_read"
_WHY: Final = {
    NO_EVENT: "no event found",
    PERMISSION_MISSING: "permission missing",
    NOT_READ: "the audit log was not read for all of the time between the syncs",
}


def attributed(
    connection: Connection, scope: TenantScope, baseline: Sync, current: Sync, findings: Sequence[Finding]
) -> list[dict[str, Any] | None]:
    """For each finding, in order: `{"status", "who", "at", "activity"}`, the last three if `status` is `known`.

    The event is the policy's last one between the baseline's begin and the current sync's end. `None` for a platform
    change, which nobody in the tenant made.
    """
    ids = {policy_id for one in findings for policy_id in (one.policy_id, one.previous_policy_id) if policy_id}
    events: Mapping[str, AuditedChange] = {}
    if current.audit is not None:
        began, end = current.started_at, current.finished_at or current.started_at
        events = last_changes(connection, scope, sorted(ids), after=baseline.started_at, began=began, end=end)

    def who(one: Finding) -> dict[str, Any] | None:
        if one.policy_id is None:
            return None
        event = events.get(one.policy_id) or events.get(one.previous_policy_id or "")
        return said_of(event, one.policy_type, baseline, current)

    return [who(one) for one in findings]


def last_of(events: Sequence[AuditedChange], baseline: Sync, current: Sync) -> AuditedChange | None:
    """As `last_changes` chooses, of one policy's events: the last between the two syncs, before the current one began if any."""
    end = current.finished_at or current.started_at
    between = [one for one in events if baseline.started_at < one.at <= end]
    return max(between, key=lambda one: (one.at <= current.started_at, one.at), default=None)


def said_of(event: AuditedChange | None, policy_type: str, baseline: Sync, current: Sync) -> dict[str, Any]:
    """An event in the JSON shape of the contract, or why there is none."""
    if current.audit is None:
        return {"status": NO_AUDIT_LOG}
    if event is not None:
        return {"status": KNOWN, "who": event.actor, "at": event.at.isoformat(), "activity": event.activity}
    log = standings(current.audit)[AuditLog.of(policy_type)]
    if log.status is AuditStatus.PERMISSION_MISSING:
        return {"status": PERMISSION_MISSING}
    is_read = log.status is AuditStatus.READ and log.since is not None and log.since <= baseline.started_at
    return {"status": NO_EVENT if is_read else NOT_READ}


def who_and_when(changed_by: Mapping[str, Any] | None) -> str:
    """For a person: who and when, or why that is not known; empty where there is no audit log to ask."""
    if not changed_by:
        return ""
    if changed_by["status"] == KNOWN:
        at = datetime.fromisoformat(changed_by["at"]).strftime("%Y-%m-%d %H:%M UTC")
        return f"{changed_by['who'] or 'someone not named'}, {at}"
    return _WHY.get(changed_by["status"], "")
