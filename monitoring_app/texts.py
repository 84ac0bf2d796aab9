"""The hub's longer sentences, and what more than one place says. Names of things come from rows and are never part of them."""

from typing import Final

PRODUCT: Final = "TenantAtlas"

# Pages outside of the app
SIGNED_OUT: Final = "Nothing of this tenant is kept in this browser. Sign in again to continue."
SIGN_IN_AGAIN: Final = "Sign in again"
SIGN_IN_FAILED: Final = "The sign-in was not completed: {reason} Try again from the beginning."
SIGN_IN_STALE: Final = "this sign-in was started in another browser, or too long ago."
SIGN_IN_UNREACHABLE: Final = "the sign-in provider could not be reached."
SIGN_IN_UNVERIFIED: Final = "the provider's answer could not be verified."
NOT_INVITED: Final = (
    "You are signed in at your provider, but no tenant here has been granted to you. Ask an owner or manager of a tenant "
    "to grant your email a role; if it was granted, your provider has to confirm that the email is yours."
)
DEMO_NOTE: Final = "Demo only. There is no sign-in here: anyone who can open this page can act as any of these people."
DEMO_EMPTY: Final = "The demo has no people yet. Run `tenantatlas demo` to make its tenants and users."
FORBIDDEN_TITLE: Final = "403 – not your tenant"
FORBIDDEN: Final = (
    "This address belongs to a tenant that is not yours, or to none at all. If someone shared it with you, ask an owner "
    "or manager of their tenant for access."
)
NOT_FOUND_TITLE: Final = "404 – not found"
NOT_FOUND: Final = "There is nothing at this address. It may have been mistyped, or what it led to was removed."
BAD_ADDRESS: Final = "The address is malformed. Open the page from the menu and choose your filters there."
UNAVAILABLE_TITLE: Final = "The run store cannot be reached"
UNAVAILABLE: Final = (
    "Your runs are safe, but the database that holds them does not answer right now. This page tries again by itself "
    "every few seconds."
)
TO_OPERATIONS: Final = "Go to your operations"
PROBLEM: Final = "This part could not be shown. The hub's log says why, under {reference}."

# Navigation
NAV_MONITORING: Final = "Monitoring"
OPERATIONS: Final = "Operations"
RUN: Final = "Run"
NOTIFICATIONS: Final = "Notifications"
SCHEDULES: Final = "Schedules"
UNREAD: Final = "{count} unread"

# Operations: list
SEARCHED: Final = (
    "Ids in full were looked for in every run, parts of an item's id or name in the newest {runs} only; runs with thousands of "
    "items were left out there."
)
ATTENTION_NONE: Final = "Of every operation and scope the newest run that has ended succeeded."
ATTENTION_NOTE: Final = "The newest ended run of each operation and scope, where it failed or succeeded in part."
FILTER_NOTE: Final = "Finished runs by the time they ended; unfinished ones unless they were created after the range."
CLEAR_ALL: Final = "Clear all filters"
IGNORED: Final = "Part of the address could not be read and was left out: {names}."
COLUMN_STATUS: Final = "Status"
COLUMN_OPERATION: Final = "Operation"
NO_MATCH: Final = (
    "Remove a filter to see more. Runs that are still queued or running are shown whenever they were created, unless that "
    "was after the time range."
)

# Operations: detail
RUN_MISSING: Final = "The id may be mistyped, or the run was removed when its retention time was over."
BACK_TO_LIST: Final = "All operations"
ATTEMPT: Final = "Attempt {number}"
FACT_USUAL: Final = "usually {duration}"
FACT_NONE: Final = "no earlier run to compare with"
FACT_ID: Final = "Run id"
SECTION_PROGRESS: Final = "Items"
COUNT_FAILED: Final = "failed"
CONTACT_LOST: Final = "Contact lost"
CONTACT_LOST_NOTE: Final = "The run stopped reporting. It is marked as failed if no sign of life comes back in time."
LAST_GOOD_NEVER: Final = "No run of this operation and scope succeeded before, as far back as runs are kept."
REASON_ON_PAGE: Final = "What is known of the reason is on the run's page."
NO_REASON: Final = "This run failed and left no reason. The worker's log of that time may say why."

# Schedules
SCHEDULES_LEAD: Final = "What is to run by the clock, what did not run, and how old each last success is."
SCHEDULES_UNKNOWN: Final = "As soon as a relay has looked at Prefect's server, the schedules appear here by themselves."
SCHEDULES_CAPPED: Final = "The first {count} schedules are shown; `tenantatlas schedule list` shows all."
LOOK_NEVER: Final = "No relay has looked at Prefect's server yet, so nobody knows here what should have run."
LOOK_NO_RELAY: Final = "No relay has looked at Prefect's server for more than five minutes; it may not be running."
LOOK_AWAY: Final = "Prefect's server does not answer the relay, so it starts nothing, or nobody knows whether it does."
LOOK_REFUSED: Final = "The relay gets no answer from Prefect's server that it can use; the relay's log says more."
MISSING_UNKNOWN: Final = (
    "Nothing is paused and a worker is online: why it did not run is not known here. Prefect's page may say."
)

# Notifications
AUDIT: Final = "Audit log"
AUDIT_WHO: Final = "Who"
AUDIT_WHAT: Final = "What"
AUDIT_ABOUT: Final = "About"
AUDIT_EMPTY_WHY: Final = "Starts, decisions, memberships and settings are written down here as they happen."
NOT_DONE: Final = "Nothing was changed: the run store cannot be reached. Try again in a moment."
MARK_READ: Final = "Mark as read"
AND_MORE: Final = "and {count} more"
COLUMN_WHEN: Final = "When"
