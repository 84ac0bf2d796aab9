"""What people decide about findings: acknowledge, accept for a time, reopen. Each decision is an event and an audit entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self
from uuid import UUID, uuid4

from sqlalchemy import Connection, case, func, insert, select, update

from flows.drift.comparison.severity import Severity
from flows.drift.register.filters import SHOWN, UNSETTLED, FindingFilter
from flows.drift.register.lifecycle import FindingStatus
from flows.drift.tables import DriftEvent, DriftFinding
from runstore.audit import record_audits
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.fence.redaction import scrub_text
from runstore.ids import checked_id
from runstore.tenancy import Permission, TenantScope

TEXT_LIMIT: Final = 1000
MOST_AT_ONCE: Final = 5_000
_TOO_MANY: Final = f"At most {MOST_AT_ONCE:,} findings are decided about at once: narrow the filters."


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody wants to become of findings.

    Who acknowledges one answers for it from then on. An acceptance is of the present value: `owner` answers for it, `reason` says
    why, and it opens again when the value moves or `until` has passed; `accepting` checks them. To accept again replaces all three.
    """

    status: FindingStatus
    owner: str | None = None
    reason: str | None = None
    until: datetime | None = None

    @classmethod
    def accepting(cls, owner: str, reason: str, until: datetime | None = None) -> Self:
        """BadInputError for an empty or too long owner or reason, and for an end in the past or without a time zone."""
        owner, reason = (_text(value, name) for value, name in ((owner, "owner"), (reason, "reason")))
        if until is not None and until.tzinfo is None:
            raise BadInputError("The end of an acceptance needs a time zone: write it as 2027-01-31T00:00:00Z.")
        if until is not None and until <= datetime.now(UTC):
            raise BadInputError("The end of an acceptance must lie in the future.")
        return cls(FindingStatus.ACCEPTED, owner, reason, until)


def decide_one(database: Database, scope: TenantScope, finding_id: str, decision: Decision) -> dict[str, Any]:
    """Decides about one finding, whatever it is now.

    BadInputError where `decide` refuses; NotFoundError for an id the tenant has no finding of.
    """
    outcome = decide(database, scope, decision, {finding_id: None})
    for one in outcome["refused"]:
        raise (NotFoundError if "has no finding" in one["why"] else BadInputError)(one["why"])
    return {"finding": outcome["decided"][0]}


def decide(
    database: Database, scope: TenantScope, decision: Decision, seen: Mapping[str, str | None]
) -> dict[str, list[dict[str, Any]]]:
    """Decides about each finding of `seen`, together or for some of them: `decided`, and `refused` with the reason why.

    `seen` holds by finding its `changed_at` as it was seen, or None for whatever it is now: where somebody else decided, the value
    moved or the finding was resolved since, it is refused with what happened. BadInputError for more than 5,000.
    """
    scope.require(Permission.OPERATE)
    if len(seen) > MOST_AT_ONCE:
        raise BadInputError(_TOO_MANY)
    ids = [checked_id(one, "A finding id is a UUID, as `tenantatlas drift findings` shows it.") for one in seen]
    with database.transaction(scope) as connection:
        if decision.status is FindingStatus.ACKNOWLEDGED:
            decision = replace(decision, owner=scope.actor.label)
        rows = connection.execute(
            select(*_READ)
            .where(DriftFinding.tenant_id == scope.tenant_id, DriftFinding.id.in_(ids))
            .order_by(DriftFinding.id)
            .with_for_update()
        ).all()
        last = _last_events(connection, scope, ids)
        known = {row.id for row in rows}
        refused = [
            {"id": str(one), "policy_name": None, "why": f"Tenant {scope.slug!r} has no finding {one}."}
            for one in ids
            if one not in known
        ]
        decided: list[Any] = []
        for row in rows:
            if why := _why_not(row, decision, last.get(row.id), seen.get(str(row.id))):
                refused.append({"id": str(row.id), "policy_name": row.policy_name, "why": why})
            else:
                decided.append(row)
        accepts = decision.status is FindingStatus.ACCEPTED
        if taken := [row for row in decided if accepts or row.status != decision.status.value]:
            _apply(connection, scope, decision, taken)
    return {"decided": [_decided(row, decision) for row in decided], "refused": refused}


def matching(database: Database, scope: TenantScope, wanted: FindingFilter, as_of: str) -> dict[str, str | None]:
    """All findings that the filter lets through, as `decide` takes them; what moved after `as_of` counts as not seen.

    BadInputError for more than 5,000.
    """
    at = DriftEvent.tenant_id == DriftFinding.tenant_id, DriftEvent.finding_id == DriftFinding.id
    changed = select(func.max(DriftEvent.at)).where(*at).scalar_subquery()
    where = (DriftFinding.tenant_id == scope.tenant_id, SHOWN, *wanted.about(default=UNSETTLED))
    severity = case({one.rank: one.value for one in Severity}, value=DriftFinding.rank)
    of_kind = wanted.of_kind(severity, DriftFinding.policy_type)
    asked = select(DriftFinding.id, changed).where(*where, *of_kind).limit(MOST_AT_ONCE + 1)
    with database.transaction(scope) as connection:
        rows = connection.execute(asked).all()
    if len(rows) > MOST_AT_ONCE:
        raise BadInputError(_TOO_MANY)
    drawn = datetime.fromisoformat(as_of)
    return {str(one): at.isoformat() if at is not None and at <= drawn else as_of for one, at in rows}


_READ: Final = (
    DriftFinding.id, DriftFinding.status, DriftFinding.policy_name, DriftFinding.kind, DriftFinding.last_run_id,
)  # fmt: skip


def _why_not(row: Any, decision: Decision, last: Any, seen: str | None) -> str | None:
    if row.status == FindingStatus.RESOLVED.value:
        return f"Finding {row.id} is resolved: there is nothing to decide about it."
    if seen is not None and last is not None and last.at > datetime.fromisoformat(seen):
        said = f", {last.detail['reason']}" if last.detail.get("reason") else ""
        return f"{last.actor} was first: {last.event} at {last.at:%Y-%m-%d %H:%M:%S} UTC{said}. Look at it again."
    if row.status == FindingStatus.ACCEPTED.value and decision.status is FindingStatus.ACKNOWLEDGED:
        return f"Finding {row.id} is accepted already; reopen it first."
    return None


def _decided(row: Any, decision: Decision) -> dict[str, Any]:
    about = {"id": str(row.id), "kind": row.kind, "policy_name": row.policy_name}
    shown: dict[str, Any] = {**about, "status": decision.status.value}
    if decision.owner is not None:
        shown["owner"] = decision.owner
    if decision.status is FindingStatus.ACCEPTED:
        until = decision.until.isoformat() if decision.until else None
        shown |= {"reason": decision.reason, "accepted_until": until}
    return shown


def _last_events(connection: Connection, scope: TenantScope, ids: Sequence[UUID]) -> dict[UUID, Any]:
    rows = connection.execute(
        select(DriftEvent.finding_id, DriftEvent.at, DriftEvent.actor, DriftEvent.event, DriftEvent.detail)
        .where(DriftEvent.tenant_id == scope.tenant_id, DriftEvent.finding_id.in_(ids))
        .distinct(DriftEvent.finding_id)
        .order_by(DriftEvent.finding_id, DriftEvent.at.desc(), DriftEvent.id.desc())
    )
    return {row.finding_id: row for row in rows}


def _apply(connection: Connection, scope: TenantScope, decision: Decision, rows: Sequence[Any]) -> None:
    values: dict[str, Any] = {
        "status": decision.status.value,
        "accepted_digest": DriftFinding.value_digest if decision.status is FindingStatus.ACCEPTED else None,
        "accepted_until": decision.until,
        "owner": decision.owner,
        "reason": decision.reason,
    }
    ids = [row.id for row in rows]
    connection.execute(update(DriftFinding).where(DriftFinding.id.in_(ids)).values(**values))
    until = decision.until.isoformat() if decision.until else None
    said = {"owner": decision.owner, "reason": decision.reason, "until": until}
    detail = {key: value for key, value in said.items() if value}
    verb = "reopened" if decision.status is FindingStatus.OPEN else decision.status.value
    # The run leads to the value as it was found, before and after in full.
    steps = [
        {"id": uuid4(), "finding_id": row.id, "run_id": row.last_run_id, "from_status": row.status} for row in rows
    ]
    common = {"tenant_id": scope.tenant_id, "actor": scope.actor.label, "event": verb, "detail": detail}
    events = [{**common, **step, "to_status": decision.status.value} for step in steps]
    # Of this moment and not of the transaction's begin, which may lie before another's end that was waited for.
    connection.execute(insert(DriftEvent).values(at=func.clock_timestamp()), events)
    subjects = {str(row.id): {"from": row.status, "run_id": str(row.last_run_id), **detail} for row in rows}
    record_audits(connection, scope, f"drift.{verb}", subjects)


def _text(value: str, name: str) -> str:
    text = " ".join(scrub_text(value).split())
    if not text:
        raise BadInputError(f"Accepting a finding needs {'an' if name == 'owner' else 'a'} {name}.")
    if len(text) > TEXT_LIMIT:
        raise BadInputError(
            f"The {name} has {len(text):,} characters, and at most {TEXT_LIMIT:,} are kept: shorten it."
        )
    return text
