"""Why a comparison could not be made."""

from typing import Final

from runstore.reasons import ReasonCode

NOT_ENOUGH_SYNCS: Final = ReasonCode(
    code="not_enough_syncs",
    meaning="The scope has fewer than two syncs that ended and read something.",
    next_step="Run `tenantatlas inventory sync` for the scope until it has two, then compare.",
    template="A comparison needs two successful syncs of the scope; it has {count}.",
)
SYNC_UNUSABLE: Final = ReasonCode(
    code="sync_unusable",
    meaning="A sync that was to be compared is not there, is of another scope, still running, or read nothing.",
    retryable=False,
    next_step="Choose two finished syncs of the scope with `tenantatlas inventory list`.",
    template="Sync {sync_id} cannot be compared.",
)

BASELINE_INCOMPLETE: Final = ReasonCode(
    code="baseline_incomplete",
    meaning="The baseline sync did not read the type completely, so what only the current one has may not be new.",
    retryable=False,
    next_step="Look at the failures of the baseline's sync; the next comparison of two complete syncs tells.",
    template="{count} policies of type {policy_type} may not be new: the baseline did not read the type completely.",
)
CURRENT_INCOMPLETE: Final = ReasonCode(
    code="current_incomplete",
    meaning="The current sync did not read the type completely, so what it lacks may still be there.",
    next_step="Fix what the sync's failures name, sync again, and compare again.",
    template="{count} policies of type {policy_type} may still be there: the current sync did not read it completely.",
)
NOT_COMPARED: Final = ReasonCode(
    code="not_compared",
    meaning="Neither sync could read so many policies of the type, so nothing is known of what changed in them.",
    retryable=False,
    next_step="Look at the failures of both syncs; a sync that reads them all gives the next comparison something to go by.",
    template="{count} policies of type {policy_type} could be read in neither sync and were not compared.",
)
PART_NOT_READ: Final = ReasonCode(
    code="part_not_read",
    meaning="The export of a sync does not carry a part of the policies, so changes in that part are not known.",
    next_step="Export the policies with their settings and assignments, sync once more, and compare again.",
    template="{setting_id} of {count} policies of type {policy_type} were not compared: a sync does not have them.",
)

REASONS: Final = tuple(one for one in vars().values() if isinstance(one, ReasonCode))
