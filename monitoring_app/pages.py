"""The hub's pages: address, name, icon, and what draws them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitoring_app import texts
from monitoring_app.features import backup_page, drift_page, findings_page, inventory_page, notifications_page
from monitoring_app.operations import detail_page, list_page


@dataclass(frozen=True, slots=True)
class HubPage:
    """One page. `section` is None for pages that have no place in the menu of their own; `menu` marks which entry is theirs."""

    path: str
    title: str
    icon: str
    draw: Callable[[], None]
    section: str | None = None
    menu: str | None = None


PAGES: Final = (
    HubPage("operations", texts.OPERATIONS, "operations", list_page.draw, texts.NAV_MONITORING),
    HubPage("run", texts.RUN, "operations", detail_page.draw, menu="operations"),
    HubPage("notifications", texts.NOTIFICATIONS, "bell", notifications_page.draw, texts.NAV_MONITORING),
    HubPage("drift", texts.DRIFT, "drift", drift_page.draw, texts.NAV_CONFIGURATION),
    HubPage("findings", texts.FINDINGS, "findings", findings_page.draw, texts.NAV_CONFIGURATION),
    HubPage("inventory", texts.INVENTORY, "inventory", inventory_page.draw, texts.NAV_CONFIGURATION),
    HubPage("backup-sets", texts.BACKUP_SETS, "backup", backup_page.draw, texts.NAV_CONFIGURATION),
)
