"""What the pages of the inventory say."""

from __future__ import annotations

from typing import Final

INVENTORY: Final = "Inventory"
INVENTORY_LEAD: Final = "Every sync of this tenant's policies, newest first."
INVENTORY_AT: Final = "What was known at the end of {day} (UTC): the last usable sync of each scope by then."
AS_OF: Final = "As of the end of (UTC)"
NOTHING_THEN: Final = "Nothing was known yet"
NOTHING_THEN_WHY: Final = "No usable sync had begun by the end of that day."
INVENTORY_EMPTY_TITLE: Final = "No sync yet"
INVENTORY_EMPTY: Final = "`tenantatlas inventory sync` reads a tenant's policies for the first time."
LAST_SYNC: Final = "Last sync"
SCOPE: Final = "Scope"
STATUS: Final = "Status"
COLUMN_DURATION: Final = "Duration"
RUN: Final = "Run"
SYNCS: Final = "Syncs"
SYNC_COMPLETE: Final = "complete"
SYNC_INCOMPLETE: Final = "read in part"
BACK_TO_SYNCS: Final = "All syncs"
PLATFORM: Final = "Platform"
ICON: Final = ("M12 3l9 5-9 5-9-5z", "M3 12.5l9 5 9-5", "M3 17l9 5 9-5")
