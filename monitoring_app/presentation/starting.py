"""What every page with a start action does: ask once more who is asking, start, say so, and follow the run."""

from collections.abc import Callable
from uuid import UUID

import streamlit as st

from monitoring_app import runtime
from monitoring_app.presentation.guard import live
from monitoring_app.presentation.nodes import Node, h, icon, link, page_href
from monitoring_app.presentation.page import still_there
from monitoring_app.presentation.parts import notice
from monitoring_app.presentation.status import count_bar, status_badge
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.database import Database
from runstore.errors import TenantAtlasError
from runstore.runs.run import Run
from runstore.runs.starter import StartRequest, start
from runstore.runs.status import ACTIVE
from runstore.tenancy import Permission, TenantScope

ALREADY_ACTIVE = "An identical run is already under way."
FOLLOW_SECONDS = 2


def start_and_follow(viewer: Viewer, page: str, request: Callable[[Database, TenantScope], StartRequest]) -> None:
    """Starts what `request` describes, with the role as it is now. Its run, or why there is none, is shown by `follow`."""
    slug = viewer.tenant.slug
    database = runtime.current().app_database
    try:
        scope = still_there(viewer).scope
        scope.require(Permission.OPERATE)
        started = start(database, scope, request(database, scope))
    except TenantAtlasError as problem:
        st.session_state[f"{page}_outcome"] = (slug, None, str(problem))
        return
    st.session_state[f"{page}_outcome"] = (slug, started.run.id, started.reused)
    st.toast(ALREADY_ACTIVE if started.reused else "Started. It is in the queue.")


def follow(viewer: Viewer, page: str) -> None:
    """The run last started on this page, live until it ends; nothing when there is none of this tenant."""
    outcome: tuple[str, UUID | None, bool | str] | None = st.session_state.get(f"{page}_outcome")
    if outcome is None or outcome[0] != viewer.tenant.slug:
        return
    _, run_id, told = outcome
    if run_id is None:
        show(notice(str(told), "red"), f"{page}-problem")
        return

    def shown(now: Viewer, first: bool) -> None:
        run = present if first else hub.reader(now.scope).find(run_id)
        if run is None:
            return
        show(_panel(now, run, told is True), f"{page}-started")
        if run.status not in ACTIVE and not first:
            # What the page lists may have changed with the run's end; the whole page is drawn once more, without a timer.
            st.rerun(scope="app")

    hub = runtime.current()
    present = hub.reader(viewer.scope).find(run_id)
    is_active = present is not None and present.status in ACTIVE
    live(viewer, shown, FOLLOW_SECONDS if is_active else None, page)


def _panel(viewer: Viewer, run: Run, reused: bool) -> Node:
    view = link(page_href("run", viewer.tenant.slug, {"id": str(run.id)}), ["View run", icon("right")], class_="button")
    said = h("span", {"class": "grow strong"}, ALREADY_ACTIVE if reused else run.type.label)
    badge, bar = status_badge(run.bucket, run.status), count_bar(run.counts)
    return h("div", {"class": "panel"}, h("div", {"class": "row"}, badge, said, bar, view))
