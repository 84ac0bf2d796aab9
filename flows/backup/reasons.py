"""Why a policy could not be put into a backup set."""

from typing import Final

from runstore.reasons import Fixer, ReasonCode

BACKUP_SET_GONE: Final = ReasonCode(
    code="backup_set_gone",
    meaning="The backup set was there when the run was started and is gone now.",
    retryable=False,
    next_step="Create a set with `tenantatlas backup create` and add the policies to that one.",
    template="The backup set is no longer there.",
)
BACKUP_NO_SOURCE: Final = ReasonCode(
    code="backup_no_source",
    meaning="The tenant has neither a directory to read from nor an inventory sync of a folder.",
    next_step="Run `tenantatlas inventory sync`, or give the tenant a directory with `tenantatlas tenant set`; then add again.",
    template="Nothing says where the tenant's policies are: no directory id, and no inventory sync of a folder.",
)
BACKUP_FOLDER_GONE: Final = ReasonCode(
    code="backup_folder_gone",
    meaning="The folder that the newest inventory sync read is not there, or may not be read.",
    next_step="Check the folder on the worker's machine, or sync the inventory from another one, then add again.",
    template="The folder of the newest inventory sync cannot be read on the worker's machine.",
)
BACKUP_POLICY_UNKNOWN: Final = ReasonCode(
    code="backup_policy_unknown",
    meaning="The tenant has no policy of this id.",
    retryable=False,
    next_step="Choose from what `tenantatlas inventory policies` lists; sync first if the policy is newer than that.",
    template="The tenant has no policy {policy_id}.",
)
BACKUP_POLICY_TOO_DEEP: Final = ReasonCode(
    code="backup_policy_too_deep",
    meaning="The policy nests deeper than any policy does.",
    retryable=False,
    who=Fixer.DEVELOPER,
    next_step="Report the policy's type; the rest of the set is not affected.",
    template="The policy nests deeper than {limit} levels.",
)

REASONS: Final = tuple(one for one in vars().values() if isinstance(one, ReasonCode))
