"""What a page is made with: where it is, what it is called, who is looking at it now, and the store it reads."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.presentation.nodes import h, icon, link
from monitoring_app.presentation.parts import forbidden
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer, resolve
from monitoring_app.web.identity import SESSION_HEADER
from runstore.database import Database
from runstore.errors import ForbiddenError

CONFIGURATION = "Configuration"
"""The section of the menu for what belongs to a tenant's policies."""

_LAST_TENANT = "last_tenant"


@dataclass(frozen=True, slots=True)
class HubPage:
    """One page, at `/<path>`.

    `icon` is its drawing, strokes of SVG on a field of 24 by 24. `section` is None for a page without a place of its own in
    the menu; `menu` is the path of the page that is marked there instead. Within a section `order` counts, then the path.
    """

    path: str
    title: str
    icon: Sequence[str]
    draw: Callable[[Viewer], None]
    section: str | None = None
    menu: str | None = None
    order: int = 100


def page_database() -> Database:
    """The store as pages read it: under a role, and where it is set up a login, that cannot write."""
    return runtime.current().database


def start_database() -> Database:
    """The store for what a page starts or makes, under a role that may do that."""
    return runtime.current().app_database


def viewer_or_stop(page: str) -> Viewer:
    """Who is looking at the tenant of the address. Stops the script with the fitting page when there is nobody to show it to.

    `page` is the page's path without its slash: where a new sign-in comes back to.
    """
    try:
        found = _asking(st.query_params.get("tenant", st.session_state.get(_LAST_TENANT)))
    except ForbiddenError:
        st.session_state.pop(_LAST_TENANT, None)
        show(forbidden(), "forbidden")
        st.stop()
    if found is None:
        here = f"/{page}?{urlencode(st.query_params.to_dict())}"
        back = link(f"/sign-in?{urlencode({'next': here})}", texts.SIGN_IN_AGAIN, class_="button", data_load="1")
        why = h("p", None, "Sign in again to continue; you come back to this page.")
        said = h("h2", None, "Your session has ended"), why, back
        show(h("div", {"class": "empty"}, icon("out", "icon big"), *said), "session-over")
        st.stop()
    st.session_state[_LAST_TENANT] = found.tenant.slug
    if "tenant" not in st.query_params:
        st.query_params["tenant"] = found.tenant.slug
    return found


def still_there(viewer: Viewer) -> Viewer:
    """The same viewer as of now, for a refresh between two page loads; someone who lost access sees so at once."""
    with suppress(ForbiddenError):
        if (found := _asking(viewer.tenant.slug)) is not None:
            return found
    st.rerun(scope="app")


def _asking(slug: str | None) -> Viewer | None:
    hub = runtime.current()
    session = hub.sessions.read(st.context.headers.get(SESSION_HEADER))
    return resolve(hub.directory, session, slug) if session is not None else None
