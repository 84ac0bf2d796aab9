"""Notifications of the viewer in this tenant: what happened, a link to the run, and marking them read."""

from collections.abc import Sequence

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.presentation.guard import live
from monitoring_app.presentation.nodes import Node, h, link, moment, page_href
from monitoring_app.presentation.page import still_there
from monitoring_app.presentation.parts import empty_state, page_header, row, table
from monitoring_app.presentation.status import look, status_badge
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.errors import StoreUnavailableError
from runstore.ids import uuid_or_none
from runstore.notifications import NotificationKind, NotificationReader, NotificationView
from runstore.runs.run import NOTICE

SHOWN = 100
REFRESH_SECONDS = 15
_ALL = "all"
_COLUMNS = {"What happened": "wide", texts.COLUMN_STATUS: "", texts.COLUMN_WHEN: "", texts.MARK_READ: "bare number"}
_CHANGED = "notifications_changed"


def draw(viewer: Viewer) -> None:
    def shown(now: Viewer, _first: bool) -> None:
        if st.session_state.pop(_CHANGED, False):
            # The bell is outside of this fragment.
            st.rerun(scope="app")
        found = NotificationReader(runtime.current().database, now.scope).list(limit=SHOWN)
        show(notifications(now, found), "notifications", on_act=lambda act: _mark(viewer, act))

    live(viewer, shown, REFRESH_SECONDS, "notifications")


def _mark(viewer: Viewer, act: str) -> None:
    """Marks one, or all; only ever the viewer's own, in the tenant they look at."""
    chosen = uuid_or_none(act)
    if chosen is None and act != _ALL:
        return
    try:
        writer = NotificationReader(runtime.current().app_database, still_there(viewer).scope)
        st.session_state[_CHANGED] = writer.mark_read(chosen) > 0
    except StoreUnavailableError:
        st.toast(texts.NOT_DONE)


def notifications(viewer: Viewer, found: Sequence[NotificationView]) -> Node:
    unread = any(one.read_at is None for one in found)
    every = h("button", {"type": "button", "class": "button", "data-act": _ALL}, "Mark all as read") if unread else None
    header = page_header(viewer, texts.NOTIFICATIONS, "What happened to the runs you started.", aside=every)
    if not found:
        none = empty_state("Nothing to tell", "When you start something, its progress is announced here.")
        return h("div", {"class": "stack"}, header, none)
    capped = h("p", {"class": "muted small"}, f"The newest {SHOWN} are shown.") if len(found) == SHOWN else None
    listed = table(texts.NOTIFICATIONS, _COLUMNS, [_row(viewer, one) for one in found])
    return h("div", {"class": "stack"}, header, listed, capped)


def _row(viewer: Viewer, one: NotificationView) -> Node:
    said = "{type} was queued" if one.kind is NotificationKind.QUEUED else "{type} finished"
    words = said.format(type=one.run_type.label)
    run = link(page_href("run", viewer.tenant.slug, {"id": str(one.run_id)}), words, class_="op")
    mark: Node | None = None
    if one.read_at is None:
        label = f"{texts.MARK_READ}: {words}, {look(one.run_bucket).label}"
        mark = h(
            "button",
            {"type": "button", "class": "button", "data-act": str(one.id), "aria-label": label},
            texts.MARK_READ,
        )
    more = h("span", {"class": "muted small"}, " ", texts.AND_MORE.format(count=f"{one.more:,}")) if one.more else None
    sentences = [sentence if name == NOTICE else f"{name}: {sentence}" for name, sentence in one.said]
    said = [h("div", {"class": "muted small break"}, sentence) for sentence in sentences]
    what = h("span", {"class": "unread" if one.read_at is None else None}, run)
    about = h("div", {"class": "muted small break"}, one.scope) if one.scope else None
    return row(
        _COLUMNS, str(one.id), (what, more, about, *said), status_badge(one.run_bucket), moment(one.created_at), mark
    )
