"""Why `group.sync` could not begin."""

from typing import Final

from runstore.reasons import ReasonCode

GROUPS_WITHOUT_SYNC: Final = ReasonCode(
    code="groups_without_sync",
    meaning="There is no sync of the scope that read anything, so it is not known which groups policies refer to.",
    next_step="Run `tenantatlas inventory sync` for the scope and start it again.",
    template="No usable sync of the scope says which groups policies refer to.",
)

REASONS: Final = (GROUPS_WITHOUT_SYNC,)
