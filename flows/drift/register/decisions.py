"""What people decide about findings: acknowledge, accept for a time, reopen. Each decision is an event and an audit entry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, insert, select, update

from flows.drift.register.life import FindingStatus
from flows.drift.tables import DriftEvent, DriftFinding
from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.fence.redaction import scrub_text
from runstore.ids import checked_id
from runstore.tenancy import Permission, TenantScope

TEXT_LIMIT = 1000


def acknowledge(database: Database, scope: TenantScope, finding_id: str) -> dict[str, Any]:
    """Marks an open finding as seen: the actor answers for it from now on. Nothing happens to one that is acknowledged already.

    BadInputError for one that is accepted or resolved; NotFoundError for an id the tenant has no finding of.
    """
    return _decide(database, scope, finding_id, FindingStatus.ACKNOWLEDGED, {"owner": scope.actor.label})


def accept(
    database: Database,
    scope: TenantScope,
    finding_id: str,
    *,
    owner: str,
    reason: str,
    until: datetime | None = None,
) -> dict[str, Any]:
    """Accepts a finding's present value: `owner` answers for it, `reason` says why, `until` ends it.

    It opens again when the value moves or the date has passed. Accepting again replaces owner, reason and date.
    BadInputError for an empty owner or reason, a date in the past or without a time zone, or a resolved finding.
    """
    owner, reason = (_text(value, name) for value, name in ((owner, "owner"), (reason, "reason")))
    if until is not None and until.tzinfo is None:
        raise BadInputError("The end of an acceptance needs a time zone: write it as 2027-01-31T00:00:00Z.")
    if until is not None and until <= datetime.now(UTC):
        raise BadInputError("The end of an acceptance must lie in the future.")
    given = {"owner": owner, "reason": reason, "accepted_until": until}
    return _decide(database, scope, finding_id, FindingStatus.ACCEPTED, given)


def reopen(database: Database, scope: TenantScope, finding_id: str) -> dict[str, Any]:
    """Opens an acknowledged or accepted finding again; nothing happens to an open one. BadInputError for a resolved one."""
    return _decide(database, scope, finding_id, FindingStatus.OPEN, {})


_VERBS = {
    FindingStatus.ACKNOWLEDGED: "acknowledged",
    FindingStatus.ACCEPTED: "accepted",
    FindingStatus.OPEN: "reopened",
}


def _decide(
    database: Database, scope: TenantScope, finding_id: str, wanted: FindingStatus, given: dict[str, Any]
) -> dict[str, Any]:
    scope.require(Permission.OPERATE)
    wanted_id = checked_id(finding_id, "A finding id is a UUID, as `tenantatlas drift findings` shows it.")
    with database.transaction(scope) as connection:
        row = connection.execute(
            select(
                DriftFinding.status,
                DriftFinding.value_digest,
                DriftFinding.policy_name,
                DriftFinding.kind,
                DriftFinding.last_run_id,
            )
            .where(DriftFinding.tenant_id == scope.tenant_id, DriftFinding.id == wanted_id)
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise NotFoundError(f"Tenant {scope.slug!r} has no finding {finding_id}.")
        before = FindingStatus(row.status)
        if before is FindingStatus.RESOLVED:
            raise BadInputError(f"Finding {finding_id} is resolved: there is nothing to decide about it.")
        if before is FindingStatus.ACCEPTED and wanted is FindingStatus.ACKNOWLEDGED:
            raise BadInputError(f"Finding {finding_id} is accepted already; reopen it first.")
        if before is not wanted or wanted is FindingStatus.ACCEPTED:
            found = (bytes(row.value_digest), row.last_run_id)
            _apply(connection, scope, wanted_id, before, wanted, found, given)
    return {
        "finding": {
            "id": str(wanted_id),
            "kind": row.kind,
            "policy_name": row.policy_name,
            "status": wanted.value,
            **{key: value.isoformat() if isinstance(value, datetime) else value for key, value in given.items()},
        }
    }


def _apply(
    connection: Connection,
    scope: TenantScope,
    finding_id: UUID,
    before: FindingStatus,
    after: FindingStatus,
    found: tuple[bytes, UUID],
    given: dict[str, Any],
) -> None:
    # The run leads to the value as it was found, before and after in full.
    value, run_id = found
    accepted = after is FindingStatus.ACCEPTED
    values: dict[str, Any] = {
        "status": after.value,
        "accepted_digest": value if accepted else None,
        "accepted_until": None,
        "owner": None,
        "reason": None,
        **given,
    }
    connection.execute(update(DriftFinding).where(DriftFinding.id == finding_id).values(**values))
    until = given.get("accepted_until")
    detail = {key: text for key, text in given.items() if isinstance(text, str)}
    if until is not None:
        detail["until"] = until.isoformat()
    connection.execute(
        insert(DriftEvent).values(
            id=uuid4(),
            tenant_id=scope.tenant_id,
            finding_id=finding_id,
            actor=scope.actor.label,
            run_id=run_id,
            event=_VERBS[after],
            from_status=before.value,
            to_status=after.value,
            detail=detail,
        )
    )
    record_audit(
        connection,
        scope,
        f"drift.{_VERBS[after]}",
        str(finding_id),
        {"from": before.value, "run_id": str(run_id), **detail},
    )


def _text(value: str, name: str) -> str:
    text = " ".join(scrub_text(value).split())[:TEXT_LIMIT]
    if not text:
        raise BadInputError(f"Accepting a finding needs {'an' if name == 'owner' else 'a'} {name}.")
    return text
