"""The side bar: product, tenant, pages with the unread count, and who is signed in."""

from collections.abc import Sequence

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.presentation.figures import capped
from monitoring_app.presentation.nodes import Node, drawing, h, icon, link, page_href
from monitoring_app.presentation.page import HubPage
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer

UNREAD_CAP = 99
SWITCHED = "tenant_switched"
"""Set in the session's state when another tenant was chosen, until a page has been shown for it."""
_SWITCHER = "tenant_switcher"


def tenant_switcher(viewer: Viewer) -> None:
    """The product's name and, for members of several tenants, the choice between them."""
    demo = h("span", {"class": "pill"}, "Demo") if runtime.current().settings.demo else None
    show(h("div", {"class": "brand"}, icon("brand"), h("span", None, texts.PRODUCT), demo), "brand")
    if len(viewer.tenants) < 2:
        return
    names = {tenant.slug: tenant.name for tenant, _ in viewer.tenants}
    st.session_state[_SWITCHER] = viewer.tenant.slug

    def switch() -> None:
        # Filters are about one tenant's rows, so another tenant starts without them.
        st.query_params.from_dict({"tenant": st.session_state[_SWITCHER]})
        st.session_state[SWITCHED] = True

    st.selectbox("Tenant", list(names), format_func=lambda slug: names[slug], key=_SWITCHER, on_change=switch)


def menu(viewer: Viewer, pages: Sequence[HubPage], current: str, unread: int) -> None:
    """The pages by section, the current one marked, and the person with a way out."""
    marked = next((page.menu or page.path for page in pages if page.path == current), current)
    entries: list[Node] = []
    section = ""
    for page in pages:
        if page.section is None:
            continue
        if page.section != section:
            section = page.section
            entries.append(h("div", {"class": "section"}, section))
        words: list[Node] = [drawing(page.icon), h("span", None, page.title)]
        if unread and page.path == "notifications":
            shown = capped(unread, UNREAD_CAP)
            words.append(h("span", {"class": "count", "title": texts.UNREAD.format(count=shown)}, shown))
        here = "page" if page.path == marked else None
        entries.append(link(page_href(page.path, viewer.tenant.slug), words, aria_current=here))
    out = _sign_out()
    who = h("div", {"class": "who"}, h("div", None, viewer.email), h("div", {"class": "role"}, viewer.role.value))
    show(h("nav", {"class": "menu", "aria-label": "Pages"}, entries, who, out), "menu")


def bell(viewer: Viewer, unread: int) -> None:
    """The way to the notifications on a narrow screen."""
    shown = capped(unread, UNREAD_CAP)
    count = h("span", {"class": "count", "aria-hidden": "true"}, shown) if unread else None
    label = f"{texts.NOTIFICATIONS}: {texts.UNREAD.format(count=shown)}"
    way = page_href("notifications", viewer.tenant.slug)
    show(h("a", {"href": way, "class": "bell", "aria-label": label}, icon("bell"), count), "bell")


def _sign_out() -> Node | None:
    proxy = runtime.current().settings.proxy
    words = [icon("out"), h("span", None, "Sign out")]
    if proxy is None:
        return h("button", {"type": "button", "data-post": "/sign-out", "data-then": "/signed-out"}, words)
    return link(proxy.sign_out_url, words, data_load="1") if proxy.sign_out_url else None
