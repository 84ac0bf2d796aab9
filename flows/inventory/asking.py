"""What a sync asks Graph beside the policies: who changed them since the sync before, and what the ids in them are called.

Neither is a reason for a sync to fail: what is not known is said to be not known, and without a name an id is shown.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from flows._policies.audit import NEVER_READ, AuditedChange, AuditStatus, AuditTrail, standings
from flows._policies.known_names import definitions_to_read, keep_definitions, keep_objects
from flows._policies.names import Mentioned
from flows._policies.snapshots import newest_usable
from flows._sources.graph.answers import Problem
from flows._sources.graph.names import INTENT_SETTINGS, SETTINGS
from flows._sources.graph.reader import GraphReader
from flows._tracking.tracked_flow import TrackedRun
from runstore.database import Database
from runstore.reasons import ReasonedError
from runstore.tenancy import TenantScope

LOOKBACK = 100


def read_trail(reader: GraphReader, store: Database, scope: TenantScope, scope_key: str) -> AuditTrail:
    """Who changed what since the scope's sync before, from where that one left off, so that no stretch is missing."""
    with store.transaction(scope) as connection:
        usable = newest_usable(connection, scope, scope_key, limit=LOOKBACK)
    known = standings(next((sync.audit for sync in usable if sync.audit is not None), None))
    now = datetime.now(UTC)
    starts = {log: standing.next_start(now) for log, standing in known.items()}
    changes: list[AuditedChange] = []
    statuses = dict.fromkeys(known, AuditStatus.NOT_READ)
    try:
        for reading in reader.audit(starts):
            statuses[reading.log] = reading.status
            changes.extend(reading.changes)
    except ReasonedError:
        # The sign-in went while the policies were read; those are there all the same.
        pass
    after = {log: known.get(log, NEVER_READ).after(statuses[log], starts[log], now) for log in known}
    return AuditTrail(tuple(changes), after, usable[0].id if usable else None)


MOST_DEFINITIONS: Final = 1_000
"""Read in one sync, in 50 requests; the next ones read the rest."""
_BATCH: Final = 500


def read_names(reader: GraphReader, run: TrackedRun, mentioned: Mentioned) -> dict[str, Any]:
    """Keeps the names, of settings once for all tenants, and answers what the run's context is told."""
    catalogues = dict.fromkeys(mentioned.intents, INTENT_SETTINGS) | dict.fromkeys(mentioned.definitions, SETTINGS)
    missing = run.stored(lambda connection: definitions_to_read(connection, catalogues.keys()))
    refused: list[str] = []
    named, hint = 0, ""
    try:
        for start in range(0, min(len(missing), MOST_DEFINITIONS), _BATCH):
            asked = [(catalogues[one], one) for one in missing[start : start + _BATCH]]
            answers = reader.definitions(asked)
            found = [one for one in answers if not isinstance(one, Problem) and one.name]
            refused += ["settings" for one in answers if isinstance(one, Problem) and not one.is_missing]
            named += len(found)
            run.stored(partial(keep_definitions, definitions=found))
        for objects in reader.objects(mentioned.objects):
            if isinstance(objects, Problem):
                refused.append("groups, users, roles and apps")
                hint = " Directory.Read.All may be missing." if objects.status == 403 else ""
                continue
            named += len(objects)
            run.stored(partial(keep_objects, scope=run.scope, objects=objects))
    except ReasonedError:
        # The sign-in went while names were read; the policies are there all the same.
        refused.append("settings, groups, users, roles and apps")
    left = max(len(missing) - MOST_DEFINITIONS, 0)
    if not refused:
        return {"names": {"read": named, "left": left}}
    what = " and ".join(dict.fromkeys(refused))
    return {
        "names": {"read": named, "left": left, "refused": what},
        "notice": f"Microsoft Graph did not say the names of {what}: findings show ids there.{hint}",
    }
