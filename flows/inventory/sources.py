"""Opens the source a run names: a folder of exports, or the tenant's directory on Microsoft Graph."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from flows._policies.snapshots import bodies, newest_usable, policies_of
from flows._sources.folder import FolderSource
from flows._sources.opening import folder_of
from flows._sources.protocol import PolicySource
from flows.inventory.reasons import SOURCE_GONE
from runstore.database import Database
from runstore.errors import BadInputError
from runstore.reasons import ReasonedError
from runstore.schema import Tenant
from runstore.tenancy import TenantScope


@dataclass(frozen=True, slots=True)
class StoredKnown:
    """A policy as the newest sync stored it, its body loaded only when it is asked for."""

    policy_type: str
    mark: str | None
    content_hash: bytes
    store: Database
    scope: TenantScope

    def body(self) -> dict[str, Any] | None:
        """The stored body; `None` when it is no longer there."""
        with self.store.transaction(self.scope) as connection:
            return bodies(connection, self.scope, [self.content_hash]).get(self.content_hash)


@contextmanager
def opened(source: str, scope_key: str, store: Database, scope: TenantScope) -> Generator[tuple[PolicySource, int]]:
    """The source and how many items it is expected to have (0 where only reading will tell).

    Raises ReasonedError when the folder is gone, the tenant has no directory, or a setting is missing.
    """
    folder = folder_of(source)
    if folder is not None:
        try:
            files = FolderSource(folder)
            expected = len(files.files())
        except (BadInputError, OSError):
            raise ReasonedError(SOURCE_GONE.failure()) from None
        yield files, expected
        return
    # Imported here: a folder's sync needs no HTTP client and no identity library.
    from flows._sources.graph.reader import GraphReader
    from flows._sources.graph.source import GraphSource

    with store.transaction(scope) as connection:
        directory = connection.execute(
            select(Tenant.directory_id).where(Tenant.id == scope.tenant_id)
        ).scalar_one_or_none()
    with GraphReader.open(directory) as reader:
        yield GraphSource(reader, _known(store, scope, scope_key)), 0


def _known(store: Database, scope: TenantScope, scope_key: str) -> dict[str, StoredKnown]:
    """What the newest usable Graph sync of the scope stored, so that only what moved is read."""
    with store.transaction(scope) as connection:
        newest = newest_usable(connection, scope, scope_key, limit=1)
        if not newest or newest[0].source != "graph":
            return {}
        return {
            one.policy_id: StoredKnown(one.policy_type, one.mark, one.content_hash, store, scope)
            for one in policies_of(connection, scope, newest[0].id)
        }
