"""Which two syncs a comparison takes.

The one rule: a sync may serve, as baseline or as current, if it has ended and read at least something (or there was
nothing to read and nothing failed). What a partial one did not read is withheld, not guessed. Both must be of the
tenant and of the scope. Without a choice these are the newest two of the scope, or the pinned baseline and the newest.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select

from flows._policies.snapshots import Sync, find_sync, newest_usable
from flows.drift.operation import Against, DriftParameters
from flows.drift.tables import DriftBaseline
from runstore.errors import BadInputError, NotFoundError
from runstore.tenancy import TenantScope


class TooFewSyncsError(BadInputError):
    """There are fewer than two syncs to compare."""

    def __init__(self, scope_key: str, count: int) -> None:
        have = "none" if count == 0 else "one"
        super().__init__(
            f"Comparing needs two successful syncs of scope {scope_key!r}, and it has {have}: "
            "run `tenantatlas inventory sync` first."
        )
        self.count = count


@dataclass(frozen=True, slots=True)
class Chosen:
    """The two syncs of a comparison, how they were chosen, and whether the current one is the scope's newest."""

    baseline: Sync
    current: Sync
    against: Against
    live: bool


def choose(connection: Connection, scope: TenantScope, wanted: DriftParameters) -> Chosen:
    """The syncs to compare. NotFoundError for an id the tenant has no sync of; BadInputError for one that may not serve,
    and for too few."""
    newest = newest_usable(connection, scope, wanted.scope)
    current = _named(connection, scope, wanted.current, wanted.scope, "current")
    baseline = _named(connection, scope, wanted.baseline, wanted.scope, "baseline")
    against = wanted.against
    if current is None:
        if not newest:
            raise TooFewSyncsError(wanted.scope, 0)
        current = newest[0]
    if baseline is None and against is Against.PINNED:
        baseline = _pinned(connection, scope, wanted.scope)
    elif baseline is None:
        baseline = _before(connection, scope, current)
    elif against is not Against.PINNED:
        against = Against.CHOSEN
    if baseline.id == current.id:
        if against is Against.PINNED:
            raise BadInputError(
                f"The newest sync of scope {wanted.scope!r} is the pinned baseline itself: "
                "run `tenantatlas inventory sync` to have something to hold against it."
            )
        raise BadInputError("Baseline and current are the same sync: choose two different ones.")
    return Chosen(baseline, current, against, live=current.id == newest[0].id)


def _before(connection: Connection, scope: TenantScope, current: Sync) -> Sync:
    """The newest usable sync that began before `current`."""
    usable = newest_usable(connection, scope, current.scope, limit=1000)
    older = [sync for sync in usable if (sync.started_at, sync.id) < (current.started_at, current.id)]
    if not older:
        raise TooFewSyncsError(current.scope, 1)
    return older[0]


def _pinned(connection: Connection, scope: TenantScope, scope_key: str) -> Sync:
    sync_id = connection.execute(
        select(DriftBaseline.sync_id).where(
            DriftBaseline.tenant_id == scope.tenant_id, DriftBaseline.scope == scope_key
        )
    ).scalar_one_or_none()
    if sync_id is None:
        raise BadInputError(
            f"Scope {scope_key!r} has no pinned baseline: pin one with `tenantatlas drift baseline pin`."
        )
    found = find_sync(connection, scope, sync_id)
    assert found is not None, "the foreign key keeps a pinned sync"
    return found


def _named(connection: Connection, scope: TenantScope, text: str | None, scope_key: str, role: str) -> Sync | None:
    if not text:
        return None
    sync = find_sync(connection, scope, UUID(text))
    if sync is None:
        raise NotFoundError(
            f"Tenant {scope.slug!r} has no sync {text}: `tenantatlas inventory list` shows those there are."
        )
    if sync.scope != scope_key:
        raise BadInputError(
            f"The {role} sync {text} is of scope {sync.scope!r}, not {scope_key!r}: compare syncs of one scope."
        )
    if sync.status == "running":
        raise BadInputError(f"The {role} sync {text} has not finished: wait for its run to end, or choose another.")
    if not sync.is_usable:
        raise BadInputError(f"The {role} sync {text} read nothing: choose one that succeeded at least partially.")
    return sync
