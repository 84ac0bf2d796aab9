"""What a page view shows: who is looking, the menu, and the page asked for."""

from __future__ import annotations

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.pages import pages
from monitoring_app.presentation.guard import guarded, live
from monitoring_app.presentation.menu import SWITCHED, bell, menu, tenant_switcher
from monitoring_app.presentation.page import HubPage, viewer_or_stop
from monitoring_app.session import Viewer
from runstore.notifications import NotificationReader

MENU_SECONDS = 30


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
    """One run of the script."""
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
