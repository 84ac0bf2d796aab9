"""Opens the source a run names: a folder of exports, or the tenant's directory on Microsoft Graph."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from flows._policies.audit import AuditTrail
from flows._policies.groups import with_rules
from flows._policies.names import Mentioned
from flows._policies.protocol import KnownPolicy, PolicySource
from flows._policies.snapshots import bodies, newest_usable, policies_of
from flows._policies.types import POLICY_TYPES
from flows._sources.folder import FolderSource
from flows._sources.opening import GRAPH, folder_of
from flows._tracking.tracked_flow import TrackedRun
from flows.inventory.reasons import SOURCE_GONE
from runstore.database import Database
from runstore.errors import BadInputError
from runstore.reasons import ReasonedError
from runstore.tenancy import TenantScope

GRAPH_CHANGES: Final = "graph-changes"
"""The kind of a sync that asked Graph only for what moved; one that asked for everything is `graph`."""

SWEEP_EVERY: Final = timedelta(days=7)
SWEEP_LOOKBACK: Final = 1000


@dataclass(frozen=True, slots=True)
class Opened:
    """A source ready to be read. `kind` is what the sync keeps of where it came from, `expected` the number of items (0
    where only reading will tell), `cost` what reading has cost so far, for the run's context, `audit` reads who changed what
    since the sync before, and `names` what the ids in the policies are called, where the source knows."""

    source: PolicySource
    kind: str
    expected: int = 0
    cost: Callable[[], Mapping[str, Any]] = dict
    audit: Callable[[], AuditTrail] | None = None
    names: Callable[[TrackedRun, Mentioned], Mapping[str, Any]] | None = None


@contextmanager
def opened(
    source: str,
    scope_key: str,
    store: Database,
    scope: TenantScope,
    *,
    full: bool = False,
    say: Callable[[str], None] | None = None,
) -> Generator[Opened]:
    """The source of a run.

    Microsoft Graph is read incrementally from the newest usable sync of the scope, and whole when `full` says so or the
    last time it was is too long ago; `say` is told what it waits for. Raises ReasonedError when the folder is gone, the
    tenant has no directory, or a setting is missing.
    """
    folder = folder_of(source)
    if folder is not None:
        try:
            files = FolderSource(folder)
            expected = len(files.files())
        except (BadInputError, OSError):
            raise ReasonedError(SOURCE_GONE.failure()) from None
        yield Opened(files, source, expected)
        return
    # Imported here: a folder's sync needs no HTTP client and no identity library.
    from flows._policies.own_credential import directory_of
    from flows._sources.graph.reader import GraphReader
    from flows._sources.graph.source import GraphSource
    from flows.inventory.asking import read_names, read_trail

    with store.transaction(scope) as connection:
        directory, without, environ = directory_of(connection, scope)
    known = {} if full else _known(store, scope, scope_key)
    with GraphReader.open(directory, environ=environ, say=say) as reader:
        kind = GRAPH_CHANGES if known else GRAPH
        yield Opened(
            GraphSource(reader, known, [entry for entry in POLICY_TYPES if entry.slug not in without]),
            kind,
            cost=lambda: {"graph": reader.traffic.as_json()},
            audit=lambda: read_trail(reader, store, scope, scope_key),
            names=lambda run, mentioned: read_names(reader, run, mentioned),
        )


def _known(store: Database, scope: TenantScope, scope_key: str) -> dict[str, KnownPolicy]:
    """What the newest usable Graph sync of the scope stored, so that only what moved is read; nothing when a sweep is due.

    Graph has no change feed for policies: an edit that leaves a list entry as it was is only seen by reading everything.
    """
    with store.transaction(scope) as connection:
        syncs = newest_usable(connection, scope, scope_key, limit=SWEEP_LOOKBACK)
        swept = next((sync for sync in syncs if sync.source == GRAPH), None)
        if not syncs or swept is None or syncs[0].source not in (GRAPH, GRAPH_CHANGES):
            return {}
        if swept.started_at < datetime.now(UTC) - SWEEP_EVERY:
            return {}
        return {
            one.policy_id: KnownPolicy(one.policy_type, one.mark, partial(_body, store, scope, one.content_hash))
            for one in policies_of(connection, scope, syncs[0].id)
        }


def _body(store: Database, scope: TenantScope, digest: bytes) -> dict[str, Any] | None:
    with store.transaction(scope) as connection:
        body = bodies(connection, scope, [digest]).get(digest)
    # As Graph answers it, which says no rules.
    return None if body is None else with_rules(body, {})
