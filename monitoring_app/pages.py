"""The hub's pages: its own, and every `PAGES` that a `flows/<producer>/page.py` declares."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any, Final, cast

from flows.folders import BrokenPartError, parts
from monitoring_app import audit_page, notifications_page, texts
from monitoring_app.operations import detail_page, list_page, schedules_page
from monitoring_app.presentation.nodes import PAGE_PATH, STROKES
from monitoring_app.presentation.page import HubPage
from monitoring_app.web.addresses import RESERVED

_LOGGER = logging.getLogger(__name__)

OWN: Final = (
    HubPage("operations", texts.OPERATIONS, STROKES["operations"], list_page.draw, texts.NAV_MONITORING),
    HubPage("run", texts.RUN, STROKES["operations"], detail_page.draw, menu="operations"),
    HubPage("schedules", texts.SCHEDULES, STROKES["queued"], schedules_page.draw, texts.NAV_MONITORING),
    HubPage("notifications", texts.NOTIFICATIONS, STROKES["bell"], notifications_page.draw, texts.NAV_MONITORING),
    HubPage("audit", texts.AUDIT, STROKES["audit"], audit_page.draw, texts.NAV_MONITORING),
)


@cache
def pages() -> Sequence[HubPage]:
    """Every page in the menu's order. One that cannot be used is left out, and the log says why."""
    taken = {page.path for page in OWN}

    def read(module: ModuleType) -> Sequence[HubPage]:
        declared = _declared(module)
        paths = [page.path for page in declared]
        if doubles := [path for path in paths if path in taken or paths.count(path) > 1]:
            raise BrokenPartError(f"the address /{doubles[0]} is another page's already")
        taken.update(paths)
        return declared

    found = parts("page", read)
    for one in found.broken:
        _LOGGER.error("%s", one)
    return (*OWN, *sorted((page for own in found.values.values() for page in own), key=_place))


@cache
def page_paths() -> frozenset[str]:
    """The addresses of all pages, each with its slash."""
    return frozenset(f"/{page.path}" for page in pages())


def _declared(module: ModuleType) -> Sequence[HubPage]:
    declared: Any = getattr(module, "PAGES", None)
    if not isinstance(declared, tuple):
        raise BrokenPartError("its PAGES have to be a tuple of HubPage")
    found: list[HubPage] = []
    for page in cast("tuple[Any, ...]", declared):
        if not isinstance(page, HubPage):
            raise BrokenPartError("its PAGES have to be a tuple of HubPage")
        if not PAGE_PATH.fullmatch(f"/{page.path}") or page.path in RESERVED:
            raise BrokenPartError(
                "the path of a page is 1 to 41 of a-z, 0-9 and -, and none that the hub has a use for"
            )
        found.append(page)
    return found


def _place(page: HubPage) -> tuple[str, int, str]:
    return page.section or "", page.order, page.path
