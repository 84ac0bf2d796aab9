"""Words that pages of several producers share."""

from __future__ import annotations

from typing import Final

READONLY_NOTE: Final = (
    "Your role in this tenant is readonly: ask an owner or manager for the role operator to start this."
)
STARTED: Final = "Started. It is in the queue."
ALREADY_ACTIVE: Final = "An identical run is already under way."
VIEW_RUN: Final = "View run"
NEVER: Final = "never"
POLICIES: Final = "Policies"
POLICY: Final = "Policy"
POLICY_TYPE: Final = "Policy type"
POLICY_SEARCH: Final = "Policy name or id"
ITEMS_NONE: Final = "No item matches."
ITEMS_COUNT: Final = "{first}–{last} of {total}"
