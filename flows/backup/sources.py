"""Where a tenant's policies are captured from: its directory on Microsoft Graph, or the folder its inventory is of."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from flows._policies.own_credential import directory_of
from flows._policies.protocol import SourcePolicy
from flows._policies.snapshots import list_syncs, policies_of, usable_at
from flows._policies.stored import body_bytes
from flows._policies.types import POLICY_TYPES, UNKNOWN_TYPE
from flows._sources.folder import FolderSource
from flows._sources.opening import folder_of
from flows.backup.reasons import BACKUP_FOLDER_GONE, BACKUP_NO_SOURCE, BACKUP_POLICY_UNKNOWN
from runstore.database import Database
from runstore.errors import BadInputError
from runstore.reasons import ReasonedError, for_item
from runstore.runs.run import Failure
from runstore.tenancy import TenantScope

if TYPE_CHECKING:
    from flows.backup.graph_source import GraphCapture

Capture = SourcePolicy | Failure


@dataclass(frozen=True, slots=True)
class Selection:
    """The policies to capture as (id, type), by type; where there are `failures`, a retry asks once more."""

    policies: list[tuple[str, str]]
    failures: list[Failure] = field(default_factory=list[Failure])


def by_type(policies: Mapping[str, str]) -> list[tuple[str, str]]:
    """Policies of a type side by side, in table order: a batch then mostly asks one kind of thing."""
    order = {entry.slug: number for number, entry in enumerate(POLICY_TYPES)}
    return sorted(policies.items(), key=lambda each: (order.get(each[1], len(order)), each[1], each[0]))


@contextmanager
def open_source(store: Database, scope: TenantScope) -> Generator[FolderCapture | GraphCapture]:
    """Microsoft Graph if the tenant has a directory, else its newest sync's folder; ReasonedError for neither."""
    with store.transaction(scope) as connection:
        directory, without, environ = directory_of(connection, scope)
        syncs = list_syncs(connection, scope, limit=50)
    if directory:
        # Imported here: a folder's capture needs no HTTP client and no identity library.
        from flows._sources.graph.reader import GraphReader
        from flows.backup.graph_source import GraphCapture

        # A policy of a type that is left out is captured all the same when it is asked for by its id.
        listed = [entry for entry in POLICY_TYPES if entry.slug not in without]
        with GraphReader.open(directory, environ=environ) as reader:
            yield GraphCapture(reader, known_types(store, scope), listed)
        return
    folder = next((path for sync in syncs if sync.is_usable and (path := folder_of(sync.source))), None)
    if folder is None:
        raise ReasonedError(BACKUP_NO_SOURCE.failure())
    yield FolderCapture(folder)


def known_types(store: Database, scope: TenantScope) -> dict[str, str]:
    """Policy id → type, as the newest sync of every scope of the inventory has it."""
    found: dict[str, str] = {}
    with store.transaction(scope) as connection:
        for sync in usable_at(connection, scope):
            found |= {one.policy_id: one.policy_type for one in policies_of(connection, scope, sync.id)}
    return {policy_id: slug for policy_id, slug in found.items() if slug != UNKNOWN_TYPE}


class FolderCapture:
    """A folder of exports, read once; its policies wait compressed until they are asked for."""

    def __init__(self, folder: Path) -> None:
        try:
            self._source = FolderSource(folder)
        except (BadInputError, OSError):
            raise ReasonedError(BACKUP_FOLDER_GONE.failure()) from None
        self._held: dict[str, tuple[SourcePolicy, bytes]] = {}
        self._failed: dict[str, Failure] = {}
        self._loose: list[Failure] = []
        self._is_read = False

    def select(self, policy_ids: Sequence[str] | None) -> Selection:
        """Every policy of the folder, or those named; a file that is not a readable policy is a failure of everything."""
        self._read()
        types = {policy_id: policy.policy_type for policy_id, (policy, _) in self._held.items()}
        if policy_ids is None:
            types |= {policy_id: UNKNOWN_TYPE for policy_id in self._failed}
            return Selection(by_type(types), self._loose)
        return Selection(by_type({each: types.get(each, UNKNOWN_TYPE) for each in policy_ids}))

    def fetch(self, policies: Sequence[tuple[str, str]]) -> Iterator[Capture]:
        """Each policy as the folder had it when it was read."""
        self._read()
        for policy_id, _ in policies:
            held = self._held.get(policy_id)
            if held is not None:
                yield replace(held[0], body=orjson.loads(zlib.decompress(held[1])))
            else:
                unknown = BACKUP_POLICY_UNKNOWN.failure(policy_id, policy_id=policy_id)
                yield self._failed.get(policy_id, unknown)

    def cost(self) -> Mapping[str, Any]:
        return {}

    def _read(self) -> None:
        if self._is_read:
            return
        self._is_read = True
        for item in self._source.read():
            if isinstance(item, SourcePolicy):
                self._held[item.policy_id] = (replace(item, body={}), zlib.compress(body_bytes(item.body), 1))
            elif item.policy_id is not None:
                self._held.pop(item.policy_id, None)
                # A capture's items are policies, not files.
                self._failed[item.policy_id] = for_item(item.failure, item.policy_id)
            elif not item.no_policy:
                self._loose.append(item.failure)
