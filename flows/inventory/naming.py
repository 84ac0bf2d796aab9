"""Reads from Graph what the ids in a sync's policies are called: settings once for all tenants, directory objects each time."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from flows._policies.known_names import definitions_to_read, keep_definitions, keep_objects
from flows._policies.names import Mentioned
from flows._sources.graph.answers import Problem
from flows._sources.graph.names import INTENT_SETTINGS, SETTINGS
from flows._sources.graph.reader import GraphReader
from flows._tracking.tracked_flow import TrackedRun
from runstore.reasons import ReasonedError

MOST_DEFINITIONS: Final = 1_000
"""Read in one sync, in 50 requests; the next ones read the rest."""
_BATCH: Final = 500


def read_names(reader: GraphReader, run: TrackedRun, mentioned: Mentioned) -> dict[str, Any]:
    """Keeps the names, and answers what the run's context is told. No reason for a sync to fail: without a name an id is shown."""
    catalogues = dict.fromkeys(mentioned.intents, INTENT_SETTINGS) | dict.fromkeys(mentioned.definitions, SETTINGS)
    missing = run.stored(lambda connection: definitions_to_read(connection, catalogues.keys()))
    refused: list[str] = []
    named = 0
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
        "notice": f"Microsoft Graph did not say the names of {what}: findings show ids there. Directory.Read.All may be missing.",
    }
