"""What differs between two stored syncs, settled inside the database: only what differs ever leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from flows._policies.tables import SyncPolicy
from flows.drift.comparison.platform import Kind, kind_of
from flows.drift.comparison.states import Pair, PolicyState
from runstore.tenancy import TenantScope

_DIFFERING = text(
    """
    SELECT policy_id,
           a.policy_type, a.name, a.platform, a.content_hash, a.subtype, a.origin,
           b.policy_type, b.name, b.platform, b.content_hash, b.subtype, b.origin
      FROM (SELECT policy_id, policy_type, name, platform, content_hash, subtype, origin
              FROM inventory_sync_policies WHERE tenant_id = :tenant AND sync_id = :baseline) AS a
      FULL JOIN
           (SELECT policy_id, policy_type, name, platform, content_hash, subtype, origin
              FROM inventory_sync_policies WHERE tenant_id = :tenant AND sync_id = :current) AS b
     USING (policy_id)
     WHERE a.content_hash IS DISTINCT FROM b.content_hash OR a.subtype <> b.subtype
    """
)


@dataclass(frozen=True, slots=True)
class Differences:
    """Policies only one sync has, and those both have with different content; `in_both` counts all both have by kind."""

    added: list[PolicyState]
    removed: list[PolicyState]
    differing: list[Pair]
    in_both: dict[Kind, int]


def differences(connection: Connection, scope: TenantScope, baseline: UUID, current: UUID) -> Differences:
    """The differences between two syncs of the tenant, by hash alone."""
    found = Differences([], [], [], {})
    rows = connection.execute(_DIFFERING, {"tenant": scope.tenant_id, "baseline": baseline, "current": current})
    for policy_id, *sides in rows:
        old, new = _state(policy_id, sides[:6]), _state(policy_id, sides[6:])
        if old is None and new is not None:
            found.added.append(new)
        elif new is None and old is not None:
            found.removed.append(old)
        elif old is not None and new is not None:
            found.differing.append((old, new))
    if found.differing:
        found.in_both.update(_in_both(connection, scope, current, found.added))
    return found


def _in_both(connection: Connection, scope: TenantScope, current: UUID, added: list[PolicyState]) -> dict[Kind, int]:
    rows = connection.execute(
        select(SyncPolicy.policy_type, SyncPolicy.subtype, func.count())
        .where(SyncPolicy.tenant_id == scope.tenant_id, SyncPolicy.sync_id == current)
        .group_by(SyncPolicy.policy_type, SyncPolicy.subtype)
    )
    counts = {(policy_type, subtype or ""): count for policy_type, subtype, count in rows}
    for state in added:
        counts[kind_of(state)] -= 1
    return counts


def _state(policy_id: str, side: list[object]) -> PolicyState | None:
    policy_type, name, platform, digest, subtype, origin = side
    if digest is None:
        return None
    return PolicyState(
        policy_id,
        str(policy_type),
        str(name),
        None if platform is None else str(platform),
        bytes(digest),  # type: ignore[arg-type]
        None if subtype is None else str(subtype),
        str(origin),
    )
