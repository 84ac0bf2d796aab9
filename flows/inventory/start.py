"""What a start of `inventory.sync` checks before there is a run, and what is asked of the syncs afterwards."""

from typing import Any

from sqlalchemy import Connection

from flows._policies.snapshots import Sync, list_syncs, newest_usable, policies_of, usable_sync
from flows._sources.opening import checked_source
from flows.inventory.operation import DEFAULT_SCOPE, OPERATION
from runstore.database import Database
from runstore.errors import BadInputError
from runstore.ids import checked_id
from runstore.runs.starter import StartRequest
from runstore.tenancy import Permission, TenantScope

MOST_POLICIES = 100_000


def sync_request(
    source: str,
    scope_key: str = DEFAULT_SCOPE,
    *,
    full: bool = False,
    then: str | None = None,
    then_against: str | None = None,
) -> StartRequest:
    """The start request for a sync. BadInputError when the source cannot be used or the scope key is malformed.

    `full` reads everything again where a source can tell what has not moved; a folder is always read whole.
    `then` is the operation that follows if the sync read something, `then_against` what it holds it against.
    A relative folder counts from the caller's working directory and is kept as an absolute path.
    """
    if then_against and not then:
        raise BadInputError("--then-against says what a following comparison uses, and none follows: add --then.")
    given = {"source": checked_source(source), "scope": scope_key, "full": full}
    return OPERATION.request({**given, "then": then, "then_against": then_against})


def syncs(database: Database, scope: TenantScope, *, scope_key: str | None = None, limit: int = 100) -> dict[str, Any]:
    """The tenant's syncs, newest first, in the JSON shape of the contract."""
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        return {"syncs": [sync.as_json() for sync in list_syncs(connection, scope, key=scope_key, limit=limit)]}


def sync_policies(
    database: Database, scope: TenantScope, *, scope_key: str | None = None, sync_id: str | None = None, limit: int
) -> dict[str, Any]:
    """The policies that the newest usable sync of the scope key read, or the sync named, by type and name.

    `sync_id` in the answer is that sync, None with no policies when the scope has none; `not_listed` is how many more than
    `limit` there are. BadInputError for a limit out of range, a malformed id, and a sync of another scope, still running, or that
    read nothing; NotFoundError for one the tenant does not have.
    """
    scope.require(Permission.VIEW)
    if not 1 <= limit <= MOST_POLICIES:
        raise BadInputError(f"The limit has to be between 1 and {MOST_POLICIES}.")
    with database.transaction(scope) as connection:
        sync = _sync(connection, scope, scope_key, sync_id)
        listed = [] if sync is None else list(policies_of(connection, scope, sync.id, limit=limit))
    return {
        "sync_id": None if sync is None else str(sync.id),
        "policies": [
            {"policy_id": one.policy_id, "policy_type": one.policy_type, "policy_name": one.name} for one in listed
        ],
        "not_listed": 0 if sync is None else max(sync.policies - len(listed), 0),
    }


def _sync(connection: Connection, scope: TenantScope, scope_key: str | None, sync_id: str | None) -> Sync | None:
    if sync_id is None:
        return next(iter(newest_usable(connection, scope, scope_key or DEFAULT_SCOPE, limit=1)), None)
    wanted = checked_id(sync_id, "A sync id is a UUID, as `tenantatlas inventory list` shows it.")
    sync = usable_sync(connection, scope, wanted)
    if scope_key is not None and sync.scope != scope_key:
        raise BadInputError(f"Sync {wanted} is of scope {sync.scope!r}, not {scope_key[:80]!r}: leave out --scope.")
    return sync
