"""Which two syncs a comparison takes: the newest two of a scope, the baseline pinned for it, or those that are named.

The one rule: a sync may serve, as baseline or as current, if it has ended and read at least something (or there was
nothing to read and nothing failed). What a partial one did not read is withheld, not guessed. Both must be of the
tenant and of the scope.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from flows._policies.snapshots import Sync, named_sync, newest_usable, usable_sync
from flows.drift.comparison.sides import Completeness, Sides
from flows.drift.operation import DEFAULT_SCOPE, OPERATION, Against, DriftParameters
from flows.drift.tables import DriftBaseline
from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.fence.redaction import scrub_text
from runstore.ids import checked_id
from runstore.runs.starter import StartRequest
from runstore.tenancy import Permission, TenantScope

_REASON_LIMIT: Final = 500
_MOST_SCOPES: Final = 10_000


class TooFewSyncsError(BadInputError):
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

    @property
    def sides(self) -> Sides:
        """What each of the two did not read."""
        return Completeness.of_json(self.baseline.unread), Completeness.of_json(self.current.unread)


def generate_request(
    database: Database,
    scope: TenantScope,
    *,
    scope_key: str = DEFAULT_SCOPE,
    baseline: str | None = None,
    current: str | None = None,
    against: str | None = None,
) -> StartRequest:
    """The start request for a comparison, with both syncs chosen now: a sync that ends meanwhile changes nothing.

    BadInputError for a malformed id, a sync that may not serve, or fewer than two; NotFoundError for an id the tenant has
    no sync of. Reads under the caller's database role.
    """
    values = {"scope": scope_key, "baseline": baseline, "current": current, "against": against}
    given = {name: value for name, value in values.items() if value is not None}
    wanted = DriftParameters.model_validate(OPERATION.request(given).parameters)
    with database.transaction(scope) as connection:
        chosen = choose(connection, scope, wanted)
    ids = {"baseline": str(chosen.baseline.id), "current": str(chosen.current.id)}
    return OPERATION.request({"scope": scope_key, **ids, "against": chosen.against.value})


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
    for sync in newest_usable(connection, scope, current.scope, limit=1000):
        if (sync.started_at, sync.id) < (current.started_at, current.id):
            return sync
    raise TooFewSyncsError(current.scope, 1)


def _pinned(connection: Connection, scope: TenantScope, scope_key: str) -> Sync:
    where = (DriftBaseline.tenant_id == scope.tenant_id, DriftBaseline.scope == scope_key)
    sync_id = connection.execute(select(DriftBaseline.sync_id).where(*where)).scalar_one_or_none()
    if sync_id is None:
        raise BadInputError(
            f"Scope {scope_key!r} has no pinned baseline: pin one with `tenantatlas drift baseline pin`."
        )
    # The foreign key keeps a pinned sync.
    return named_sync(connection, scope, sync_id)


def _named(connection: Connection, scope: TenantScope, text: str | None, scope_key: str, role: str) -> Sync | None:
    if not text:
        return None
    sync = usable_sync(connection, scope, UUID(text))
    if sync.scope != scope_key:
        raise BadInputError(
            f"The {role} sync {text} is of scope {sync.scope!r}, not {scope_key!r}: compare syncs of one scope."
        )
    return sync


def pin_baseline(
    database: Database,
    scope: TenantScope,
    *,
    scope_key: str = DEFAULT_SCOPE,
    sync_id: str | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """Pins a sync (the newest usable one if none is named) as the scope's golden snapshot, in place of an earlier one.

    NotFoundError for an id the tenant has no sync of; BadInputError for one of another scope, unfinished, or empty.
    """
    scope.require(Permission.OPERATE)
    with database.transaction(scope) as connection:
        if sync_id is None:
            sync = next(iter(newest_usable(connection, scope, scope_key, limit=1)), None)
            if sync is None:
                raise BadInputError(
                    f"Scope {scope_key!r} has no finished sync to pin: run `tenantatlas inventory sync`."
                )
        else:
            wanted = checked_id(sync_id, "A sync id is a UUID, as `tenantatlas inventory list` shows it.")
            sync = named_sync(connection, scope, wanted)
        if sync.scope != scope_key or not sync.is_usable:
            raise BadInputError(f"Sync {sync.id} cannot be pinned: it must be a finished sync of scope {scope_key!r}.")
        said = " ".join(scrub_text(reason).split())[:_REASON_LIMIT]
        values = {"sync_id": sync.id, "pinned_by": scope.actor.label, "reason": said}
        connection.execute(
            upsert(DriftBaseline)
            .values(tenant_id=scope.tenant_id, scope=scope_key, **values)
            .on_conflict_do_update(index_elements=["tenant_id", "scope"], set_={**values, "pinned_at": func.now()})
        )
        record_audit(connection, scope, "drift.baseline_pinned", str(sync.id), {"scope": scope_key, "reason": said})
    return {"baseline": {"scope": scope_key, "sync": sync.as_json(), "pinned_by": scope.actor.label, "reason": said}}


def pinned_baselines(database: Database, scope: TenantScope) -> dict[str, dict[str, Any]]:
    """The pinned baseline of each scope that has one: `sync_id`, `pinned_by`, `pinned_at` and `reason`."""
    scope.require(Permission.VIEW)
    names = ("scope", "sync_id", "pinned_by", "pinned_at", "reason")
    columns = (getattr(DriftBaseline, name) for name in names)
    wanted = select(*columns).where(DriftBaseline.tenant_id == scope.tenant_id).limit(_MOST_SCOPES)
    with database.transaction(scope) as connection:
        return {row["scope"]: {**row} for row in connection.execute(wanted).mappings()}


def unpin_baseline(database: Database, scope: TenantScope, scope_key: str = DEFAULT_SCOPE) -> dict[str, Any]:
    """Takes the pin off; NotFoundError when the scope has none."""
    scope.require(Permission.OPERATE)
    where = (DriftBaseline.tenant_id == scope.tenant_id, DriftBaseline.scope == scope_key)
    with database.transaction(scope) as connection:
        taken = delete(DriftBaseline).where(*where).returning(DriftBaseline.sync_id)
        gone = connection.execute(taken).scalar_one_or_none()
        if gone is None:
            raise NotFoundError(f"Scope {scope_key!r} of tenant {scope.slug!r} has no pinned baseline.")
        record_audit(connection, scope, "drift.baseline_unpinned", str(gone), {"scope": scope_key})
    return {"unpinned": str(gone)}
