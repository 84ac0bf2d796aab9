"""The viewer of a page's script, asked for at every run of it, and the pages shown to everyone else."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.presentation.nodes import h, icon, link
from monitoring_app.presentation.parts import empty_state
from monitoring_app.presentation.view import show
from monitoring_app.session import Refused, Viewer, resolve
from monitoring_app.web.identity import SESSION_HEADER

_LAST_TENANT = "last_tenant"


def viewer_or_stop(page: str) -> Viewer:
    """Who is looking at the tenant of the address. Stops the script with the fitting page when there is nobody to show it to.

    `page` is the page's path without its slash: where a new sign-in comes back to.
    """
    hub = runtime.current()
    session = hub.sessions.read(st.context.headers.get(SESSION_HEADER))
    slug = st.query_params.get("tenant", st.session_state.get(_LAST_TENANT))
    found = resolve(hub.directory, session, slug) if session is not None else None
    if found is None:
        here = f"/{page}?{urlencode(st.query_params.to_dict())}"
        back = link(f"/sign-in?{urlencode({'next': here})}", texts.SIGN_IN_AGAIN, class_="button", data_load="1")
        words = (h("h2", None, texts.SESSION_OVER_TITLE), h("p", None, texts.SESSION_OVER))
        show(h("div", {"class": "empty"}, icon("out", "icon big"), *words, back), "session-over")
        st.stop()
    if isinstance(found, Refused):
        st.session_state.pop(_LAST_TENANT, None)
        show(empty_state(texts.FORBIDDEN_TITLE, texts.FORBIDDEN, way=("/", texts.TO_OPERATIONS)), "forbidden")
        st.stop()
    st.session_state[_LAST_TENANT] = found.tenant.slug
    if "tenant" not in st.query_params:
        st.query_params["tenant"] = found.tenant.slug
    return found


def still_there(viewer: Viewer) -> Viewer:
    """The same viewer as of now, for a refresh between two page loads; someone who lost access sees so at once."""
    hub = runtime.current()
    session = hub.sessions.read(st.context.headers.get(SESSION_HEADER))
    found = resolve(hub.directory, session, viewer.tenant.slug) if session is not None else None
    if not isinstance(found, Viewer):
        st.rerun(scope="app")
    return found
