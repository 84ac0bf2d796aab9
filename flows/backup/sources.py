"""Where a tenant's policies are captured from: its directory on Microsoft Graph, or the folder its inventory is of."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import select

from flows._policies.snapshots import list_syncs, newest_usable, policies_of
from flows._policies.types import UNKNOWN_TYPE
from flows._sources.opening import folder_of
from flows.backup.capture import CaptureSource
from flows.backup.folder_source import FolderCapture
from flows.backup.reasons import BACKUP_NO_SOURCE
from runstore.database import Database
from runstore.reasons import ReasonedError
from runstore.schema import Tenant
from runstore.tenancy import TenantScope


@contextmanager
def open_source(store: Database, scope: TenantScope) -> Generator[CaptureSource]:
    """The tenant's source: Microsoft Graph if it has a directory, otherwise the folder of its newest inventory sync.

    Raises ReasonedError when there is neither, or what there is cannot be used.
    """
    with store.transaction(scope) as connection:
        asked = select(Tenant.directory_id, Tenant.without_types).where(Tenant.id == scope.tenant_id)
        directory, without = connection.execute(asked).one()
        syncs = list_syncs(connection, scope, limit=50)
    if directory:
        # Imported here: a folder's capture needs no HTTP client and no identity library.
        from flows._policies.own_credential import environment_of
        from flows.backup.graph_source import graph_source

        with store.transaction(scope) as connection:
            environ = environment_of(connection, scope)
        with graph_source(directory, known_types(store, scope), environ, without) as source:
            yield source
        return
    folder = next((path for sync in syncs if sync.is_usable and (path := folder_of(sync.source))), None)
    if folder is None:
        raise ReasonedError(BACKUP_NO_SOURCE.failure())
    yield FolderCapture(folder)


def known_types(store: Database, scope: TenantScope) -> dict[str, str]:
    """Policy id → type, as the newest sync of every scope of the inventory has it."""
    found: dict[str, str] = {}
    with store.transaction(scope) as connection:
        for key in {sync.scope for sync in list_syncs(connection, scope, limit=100)}:
            for sync in newest_usable(connection, scope, key, limit=1):
                found |= {one.policy_id: one.policy_type for one in policies_of(connection, scope, sync.id)}
    return {policy_id: slug for policy_id, slug in found.items() if slug != UNKNOWN_TYPE}
