"""What the pages of drift say."""

from __future__ import annotations

from typing import Final

DRIFT: Final = "Drift"
FINDINGS: Final = "Findings"
START_DRIFT: Final = "Generate drift"
NEEDS_TWO_SYNCS: Final = (
    "Drift compares two successful syncs; this scope has {count}. Run an inventory sync to get one more."
)
DRIFT_LEAD: Final = "Compare the newest two inventory syncs of a scope and see what changed."
DRIFT_EMPTY_TITLE: Final = "No inventory yet"
DRIFT_EMPTY: Final = "Run an inventory sync first; its scope appears here."
FINDINGS_LEAD: Final = "What has drifted and nobody has accepted, in every scope, most severe first."
NOTHING_OPEN: Final = "Nothing is open"
NOTHING_COMPARED: Final = "Nothing compared yet"
FINDINGS_NO_MATCH: Final = "No finding matches these filters."
WITHHELD: Final = "Not compared"
SYNC_COMPLETE: Final = "complete"
SYNC_INCOMPLETE: Final = "read in part"
OPEN: Final = "Open"
NOT_STARTED: Final = "The comparison after the last sync did not start. {why}"
LAST_SYNC: Final = "Last sync"
SYNC_BEFORE: Final = "Sync before"
LAST_COMPARISON: Final = "Last comparison"
OPEN_BY_DAY: Final = "Open findings at the end of each day (UTC), by severity"
TO_DECISION: Final = "Mean time to a decision"
DECIDED_IN: Final = "{span} ({count} in 30 days)"
NO_DECISION: Final = "No decision in 30 days"
EXPIRING: Final = "Accepted ones that end within 30 days"
NEXT_COMPARISON: Final = "Next comparison"
NEXT_UNKNOWN: Final = "Not known: the schedules could not be read of late"
NEXT_NONE: Final = "None by a schedule of its own; one may follow a sync"
NEW_FINDINGS: Final = "{count} new"
BLIND: Final = "{name}: not all of it could be read since the sync of"
BLIND_LONGER: Final = "{name}: not all of it could be read at least since the sync of"
ANY_TYPE: Final = "Files that may hold any type"
SEE_FINDINGS: Final = "See findings"
SEVERITY: Final = "Severity"
ANY_SEVERITY: Final = "Any severity"
FILTER_ANY_TYPE: Final = "All types"
BEFORE: Final = "Before"
AFTER: Final = "After"
NOTHING: Final = "(nothing)"
ADDED: Final = "Added"
REMOVED: Final = "Removed"
MORE_CHANGES: Final = "and {count} more changes; the report and --json have them all"
WAS_BEFORE: Final = "Deleted and made again; its id was {id} before."
TOUCHED: Final = "In {count}: {names}"
OF_RUN: Final = "What one comparison found, and where each finding stands now."
ALL_FINDINGS: Final = "All that is open"
STATE: Final = "State"
ANY_STATE: Final = "Any state"
UNSETTLED: Final = "Open and acknowledged"
STATES: Final = {
    "open": "Open",
    "acknowledged": "Acknowledged",
    "accepted": "Accepted",
    "expiring": "Expiring within 30 days",
    "resolved": "Resolved",
    "all": "Any state",
}
SINCE: Final = "{state} since"
FIRST_SEEN: Final = "First seen"
LAST_SEEN: Final = "Last seen"
SCOPE: Final = "Scope"
OWNER: Final = "Owner"
REASON: Final = "Reason"
UNTIL: Final = "Accepted until"
COMPARISON: Final = "The comparison that found it"
SEARCH: Final = "Search policy, owner, reason"
IGNORED: Final = "{count} hidden by ignore rules"
OF_POLICY: Final = "Only findings of one policy."
EVERY_POLICY: Final = "Show every policy's"
LAST_CHANGED: Final = "Last changed: {who}"
DECIDE: Final = "Decide about findings"
DECISION: Final = "Decision"
DECIDE_NOW: Final = "Decide"
PICK: Final = "Findings on this page"
PICK_ALL: Final = "All {count} that the filters let through"
PICK_NOTHING: Final = "Choose at least one finding."
ACKNOWLEDGE: Final = "Acknowledge"
ACCEPT: Final = "Accept"
REOPEN: Final = "Open again"
UNTIL_DAY: Final = "Until (UTC), if it ends"
DECIDED: Final = "{count} now {what}."
REFUSED: Final = "{count} left as it was:"
MORE_REFUSED: Final = "and {count} more"
UNDO: Final = "Undo: open them again"
MAY_NOT_DECIDE: Final = (
    "Your role in this tenant is readonly: ask an owner or manager for the role operator to decide about findings."
)
IGNORE: Final = "Hide changes that nobody needs to see"
TYPE_PATTERN: Final = "Type of policy (* for anything)"
NAME_PATTERN: Final = "Name of policy"
SETTING_PATTERN: Final = "Setting or path"
PREVIEW: Final = "Preview"
ADD_RULE: Final = "Add the rule"
REMOVE_RULE: Final = "Remove"
RULE_ADDED: Final = "The rule hides from now on; nothing that it hides is lost."
RULE_REMOVED: Final = "The rule is gone; what it hid is shown again."
WOULD_HIDE: Final = "It would hide {count}. {names}"
PIN: Final = "Pin the last sync as the baseline"
UNPIN: Final = "Take the pin off"
PINNED: Final = "Pinned baseline"
PINNED_NOW: Final = "Pinned."
UNPINNED_NOW: Final = "No longer pinned."
POLICY: Final = "Policy"
POLICY_NONE: Final = "No policy chosen"
POLICY_HOW: Final = "Choose one in a sync of the inventory, or follow a finding's link."
INVENTORY: Final = "Inventory"
AUDIT: Final = "In the audit log"
HISTORY: Final = "History of the policy"
VERSIONS: Final = "Versions"
COMPARE: Final = "Compare"
WITH: Final = "With"
SHOW_DIFFERENCE: Final = "Show the difference"
DIFFERENCE: Final = "What differs"
NO_DIFFERENCE: Final = "Nothing that counts differs."
CONTENT_GONE: Final = "A content is kept no longer, so what differs is not known."
FIRST_KNOWN: Final = "First seen"
GONE: Final = "Gone"
SEEN_BY: Final = "In {count}."
UNREAD_BY: Final = "{count} could not read it."
FINDINGS_NONE: Final = "No comparison found anything about it."
KINDS: Final = {
    "policy_added": "Added",
    "policy_removed": "Removed",
    "policy_modified": "Modified",
    "policy_recreated": "Re-created",
    "platform_change": "Platform change",
}
FACETS: Final = {"setting": "Setting", "assignment": "Assignment", "scope_tag": "Scope tag", "property": "Property"}
DRIFT_ICON: Final = ("M7 4v9a4 4 0 0 0 4 4h6", "M14 14l3 3-3 3", "M7 4L4.5 6.5M7 4l2.5 2.5")
FINDINGS_ICON: Final = ("M4 11a7 7 0 1 0 14 0a7 7 0 1 0-14 0", "M16.2 16.2L21 21", "M11 8v3.5M11 14v.1")
