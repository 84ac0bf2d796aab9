"""What a start of `inventory.sync` checks before there is a run, and what is asked of the syncs afterwards."""

from __future__ import annotations

from typing import Any

from flows._policies.snapshots import list_syncs
from flows._sources.opening import checked_source
from flows.inventory.operation import DEFAULT_SCOPE, OPERATION
from runstore.database import Database
from runstore.starter import StartRequest
from runstore.tenancy import Permission, TenantScope


def sync_request(
    source: str, scope_key: str = DEFAULT_SCOPE, *, full: bool = False, then: str | None = None
) -> StartRequest:
    """The start request for a sync. BadInputError when the source cannot be used or the scope key is malformed.

    `full` reads everything anew where a source can tell what has not moved; a folder is always read whole.
    `then` is the operation that follows if the sync is complete.
    A relative folder counts from the caller's working directory and is kept as an absolute path.
    """
    return OPERATION.request({"source": checked_source(source), "scope": scope_key, "full": full, "then": then})


def syncs(database: Database, scope: TenantScope, *, scope_key: str | None = None, limit: int = 100) -> dict[str, Any]:
    """The tenant's syncs, newest first, in the JSON shape of the contract."""
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        return {"syncs": [sync.as_json() for sync in list_syncs(connection, scope, key=scope_key, limit=limit)]}
