"""Who changed a policy, and when: what the source's own audit log says, kept as actor, time and activity and no more.

Graph keeps Intune's changes in one log and those of Conditional Access in another; each needs a permission of its own, so
each has a standing of its own. Coverage is one unbroken stretch of time a log was read for: only within it does "no event"
say something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import JSONB

from flows._policies.known_names import item_names
from flows._policies.tables import InventorySync, PolicyAuditEvent
from runstore.database import Database
from runstore.ids import by_name
from runstore.tenancy import TenantScope

KEPT: Final = timedelta(days=400)
"""How long an event is kept: a year's comparison can still be attributed, and nobody's name stays for ever."""

FIRST_READ: Final = timedelta(days=1)
LATE_BY: Final = timedelta(hours=2)
"""Events turn up in the log some time after the change; that much is read twice."""

LONGEST_GAP: Final = timedelta(days=29)
"""Directory logs are kept for thirty days at most; what is older is not there to be read."""


class AuditLog(StrEnum):
    """The log a policy type's changes are written to."""

    INTUNE = "intune"
    CONDITIONAL_ACCESS = "conditional_access"

    @classmethod
    def of(cls, policy_type: str) -> AuditLog:
        """The log of a policy type."""
        return cls.CONDITIONAL_ACCESS if policy_type == "conditional_access" else cls.INTUNE


class AuditStatus(StrEnum):
    """How reading a log went."""

    READ = "read"
    PERMISSION_MISSING = "permission_missing"
    NOT_READ = "not_read"


@dataclass(frozen=True, slots=True)
class AuditedChange:
    """One successful change of one policy: by whom (a person's sign-in name or an application's name), when, doing what."""

    policy_id: str
    at: datetime
    actor: str
    activity: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a log stands after a sync: the last read's status, and the stretch of time known without a gap."""

    status: AuditStatus
    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, str]:
        """The stored shape."""
        times = {"since": self.since, "until": self.until}
        return {"status": self.status.value, **{name: at.isoformat() for name, at in times.items() if at is not None}}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Standing:
        """From the stored shape."""
        since, until = (datetime.fromisoformat(stored[name]) if name in stored else None for name in ("since", "until"))
        return cls(AuditStatus(stored["status"]), since, until)

    def next_start(self, now: datetime) -> datetime:
        """From when to read the log now, so that what is known already and what will be join where that is possible."""
        wanted = now - FIRST_READ if self.until is None else self.until - LATE_BY
        return max(wanted, now - LONGEST_GAP)

    def covers(self, since: datetime, until: datetime) -> bool:
        """Whether the log was read for all of the time between."""
        return self.since is not None and self.until is not None and self.since <= since and until <= self.until

    def after(self, status: AuditStatus, start: datetime, now: datetime) -> Standing:
        """The standing after the log was read from `start` to `now`, or was not."""
        if status is not AuditStatus.READ:
            return Standing(status, self.since, self.until)
        joined = self.since is not None and self.until is not None and start <= self.until
        return Standing(status, self.since if joined else start, now)


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """What a sync learned of who changed what: the changes, each log's standing, and the sync before it, if there is one."""

    changes: tuple[AuditedChange, ...]
    standings: Mapping[AuditLog, Standing]
    before: UUID | None

    def as_json(self) -> dict[str, Any]:
        """The shape a sync stores."""
        return {log.value: standing.as_json() for log, standing in self.standings.items()}


NEVER_READ: Final = Standing(AuditStatus.NOT_READ)


def standings(stored: Mapping[str, Any] | None) -> dict[AuditLog, Standing]:
    """Each log's standing as a sync stored it; a log it says nothing of was never read."""
    known = stored or {}
    return {log: Standing.of_json(known[log.value]) if log.value in known else NEVER_READ for log in AuditLog}


# Only what happened to a policy one of the two syncs has is kept: the log also holds every action on every device.
_ADD: Final = text(
    """
    INSERT INTO policy_audit_events (tenant_id, policy_id, at, actor, activity)
    SELECT DISTINCT :tenant, one.policy_id, one.at, one.actor, one.activity
      FROM jsonb_to_recordset(:events) AS one(policy_id text, at timestamptz, actor text, activity text)
     WHERE EXISTS (SELECT FROM inventory_sync_policies AS held
                    WHERE held.tenant_id = :tenant AND held.sync_id = ANY(:syncs) AND held.policy_id = one.policy_id)
        ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("events", type_=JSONB))


def add_events(
    connection: Connection, scope: TenantScope, syncs: Sequence[UUID], events: Iterable[AuditedChange]
) -> None:
    """Keeps the events about policies of these syncs, each once, and lets go of those older than `KEPT`."""
    rows = [
        {"policy_id": one.policy_id, "at": one.at.isoformat(), "actor": one.actor, "activity": one.activity}
        for one in events
    ]
    if rows:
        connection.execute(_ADD, {"tenant": scope.tenant_id, "events": rows, "syncs": list(syncs)})
    old = (PolicyAuditEvent.tenant_id == scope.tenant_id, PolicyAuditEvent.at < datetime.now(UTC) - KEPT)
    connection.execute(delete(PolicyAuditEvent).where(*old))


# What happened before the current sync began comes first: while it read, a policy may have been changed after its turn.
_LAST: Final = text(
    """
    SELECT DISTINCT ON (policy_id) policy_id, at, actor, activity
      FROM policy_audit_events
     WHERE tenant_id = :tenant AND policy_id = ANY(:policies) AND at > :after AND at <= :end
     ORDER BY policy_id, at <= :began DESC, at DESC, activity, actor
    """
)


def last_changes(
    connection: Connection,
    scope: TenantScope,
    policy_ids: Sequence[str],
    *,
    after: datetime,
    began: datetime,
    end: datetime,
) -> dict[str, AuditedChange]:
    """Policy id → its last change after `after` that a sync which ran from `began` to `end` can have seen."""
    if not policy_ids:
        return {}
    asked = {"tenant": scope.tenant_id, "policies": list(policy_ids), "after": after, "began": began, "end": end}
    return {row.policy_id: AuditedChange(*row) for row in connection.execute(_LAST, asked)}


def events_of(connection: Connection, scope: TenantScope, policy_id: str, *, limit: int) -> list[AuditedChange]:
    """The newest changes of one policy, newest first."""
    wanted = (PolicyAuditEvent.tenant_id == scope.tenant_id, PolicyAuditEvent.policy_id == policy_id)
    columns = [getattr(PolicyAuditEvent, name) for name in AuditedChange.__dataclass_fields__]
    rows = connection.execute(select(*columns).where(*wanted).order_by(PolicyAuditEvent.at.desc()).limit(limit))
    return [AuditedChange(*row) for row in rows]


MOST_ACTORS: Final = 5
"""So many who changed policies are named; that there were others is said."""

_BY_ACTOR: Final = text(
    """
    SELECT actor, count(DISTINCT policy_id), (array_agg(DISTINCT policy_id))[1:3] FROM policy_audit_events
     WHERE tenant_id = :tenant AND at > :since AND at <= :until
     GROUP BY actor ORDER BY 2 DESC, actor LIMIT :most
    """
)


def changes_told(database: Database, scope: TenantScope, since: datetime, until: datetime) -> Sequence[str]:
    """Who changed how many policies between two moments, for a person, those with the most first; or that it is not known.

    Nothing where no log tells: a tenant read from a folder has none.
    """
    newest = select(InventorySync.audit).where(
        InventorySync.tenant_id == scope.tenant_id, InventorySync.audit.is_not(None)
    )
    with database.transaction(scope) as connection:
        asked = {"tenant": scope.tenant_id, "since": since, "until": until, "most": MOST_ACTORS + 1}
        actors = connection.execute(_BY_ACTOR, asked).all()
        logs = connection.execute(newest.order_by(InventorySync.started_at.desc()).limit(1)).scalar_one_or_none()
    names = item_names(database, scope, [policy_id for _, _, ids in actors for policy_id in ids])
    told = [
        f"{actor or 'someone not named'} changed {', '.join(by_name(one, names) for one in ids)}"
        + (f" and {count - len(ids):,} more" if count > len(ids) else "")
        for actor, count, ids in actors[:MOST_ACTORS]
    ]
    if len(actors) > MOST_ACTORS:
        told.append("others changed policies as well")
    if logs and not all(one.covers(since, until) for one in standings(logs).values()):
        told.append(f"who{' else' if told else ''} changed policies is not known")
    return told
