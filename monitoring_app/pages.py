"""The hub's pages: its own, and every `PAGES` that a `flows/<producer>/page.py` declares; and what a view of one shows."""

import logging
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any, Final, cast

import streamlit as st

from flows.folders import BrokenPartError, parts
from monitoring_app import audit_page, notifications_page, runtime, texts
from monitoring_app.operations import detail_page, list_page, schedules_page
from monitoring_app.presentation.guard import guarded, live
from monitoring_app.presentation.menu import SWITCHED, bell, menu, tenant_switcher
from monitoring_app.presentation.nodes import PAGE_PATH, STROKES
from monitoring_app.presentation.page import HubPage, viewer_or_stop
from monitoring_app.session import Viewer
from monitoring_app.web.addresses import RESERVED
from runstore.notifications import NotificationReader

MENU_SECONDS = 30
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
    own = (page for declared in found.values.values() for page in declared)
    return (*OWN, *sorted(own, key=lambda page: (page.section or "", page.order, page.path)))


@cache
def page_paths() -> frozenset[str]:
    """The addresses of all pages, each with its slash."""
    return frozenset(f"/{page.path}" for page in pages())


def _declared(module: ModuleType) -> Sequence[HubPage]:
    declared: Any = getattr(module, "PAGES", None)
    if not isinstance(declared, tuple) or not all(
        isinstance(one, HubPage) for one in cast("tuple[Any, ...]", declared)
    ):
        raise BrokenPartError("its PAGES have to be a tuple of HubPage")
    found = cast("tuple[HubPage, ...]", declared)
    if any(not PAGE_PATH.fullmatch(f"/{page.path}") or page.path in RESERVED for page in found):
        raise BrokenPartError("the path of a page is 1 to 41 of a-z, 0-9 and -, and none that the hub has a use for")
    return found


def _page(page: HubPage) -> st.Page:
    def draw() -> None:
        page.draw(st.session_state["viewer"])

    return st.Page(guarded(draw), title=f"{page.title} · {texts.PRODUCT}", url_path=page.path)


def _menu(viewer: Viewer, current: str) -> None:
    reader = NotificationReader(runtime.current().database, viewer.scope)
    unread = reader.unread()
    # The menu is folded away on a narrow screen; its bell is not.
    bell(viewer, unread)

    def drawn(now: Viewer, first: bool) -> None:
        menu(now, pages(), current, unread if first else reader.unread())

    with st.sidebar:
        tenant_switcher(viewer)
        live(viewer, drawn, MENU_SECONDS, "menu")


def main() -> None:
    st.set_page_config(page_title=texts.PRODUCT, layout="wide")
    streamlit_pages = {page.path: _page(page) for page in pages()}

    def home() -> None:
        # The first page of a navigation lives at `/`; the gate redirects there, and so does this for a step within the app.
        st.switch_page(streamlit_pages["operations"])

    # Streamlit gives `/` to one page; were that the list, `/operations` would answer "Page not found".
    default = st.Page(home, title=texts.PRODUCT, default=True)
    chosen = st.navigation([default, *streamlit_pages.values()], position="hidden")

    def drawn() -> None:
        viewer = viewer_or_stop(chosen.url_path)
        st.session_state["viewer"] = viewer
        page = next((page for page in pages() if page.path == chosen.url_path), None)
        if page is not None:
            # Several tenants may be open beside each other.
            st.set_page_config(page_title=f"{page.title} · {viewer.tenant.name} · {texts.PRODUCT}")
        listed = streamlit_pages.get(page.menu) if page is not None and page.menu else None
        if st.session_state.pop(SWITCHED, False) and listed is not None:
            # A page of one thing has nothing of another tenant to show: its list has.
            st.switch_page(listed, query_params={"tenant": viewer.tenant.slug})
        with runtime.current().database.reading(viewer.scope):
            _menu(viewer, chosen.url_path)
            chosen.run()

    guarded(drawn)()
