"""Monitoring → Operations → one run: live while it runs, what failed and what to do about it, its items page by page."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.operations import detail_view as view
from monitoring_app.presentation.guard import live
from monitoring_app.presentation.nodes import Node, blocks, h, icon, link, page_href
from monitoring_app.presentation.parts import empty_state, page_header
from monitoring_app.presentation.session_page import still_there
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.errors import NotFoundError
from runstore.ids import uuid_or_none
from runstore.runs.insights import FailureGroup, RunInsights, RunOverview
from runstore.runs.status import ACTIVE, UNFINISHED

LIVE_SECONDS = 2
ITEMS_A_PAGE = 50
MAX_SEARCH = 200
_MOST = 10_000_000


def draw(viewer: Viewer) -> None:
    """The page."""
    run_id = uuid_or_none(st.query_params.get("id", ""))
    hub = runtime.current()
    insights = RunInsights(hub.database, viewer.scope)
    try:
        if run_id is None:
            raise NotFoundError
        overview = insights.overview(run_id)
    except NotFoundError:
        show(page_header(viewer, texts.RUN), "run-header")
        way = (page_href("operations", viewer.tenant.slug), texts.BACK_TO_LIST)
        show(empty_state(texts.RUN_MISSING_TITLE, texts.RUN_MISSING, way=way), "run-missing")
        return
    operation = overview.detail.run.type
    name = f"{operation.label} {str(run_id)[:8]}"
    st.set_page_config(page_title=f"{name} · {viewer.tenant.name} · {texts.PRODUCT}")
    usual = insights.usual_durations([operation], besides=run_id).get(operation)
    groups = insights.failure_groups(run_id) if overview.failures else ()
    ends = [item for group in groups for item in (group.first_item, group.last_item)]
    names = hub.settings.item_names(hub.database, viewer.scope, ends) if ends else view.NO_NAMES
    failed = view.failure_groups(groups, hub.settings.catalogue, names) if groups else view.no_reason(overview)
    is_active = overview.detail.run.status in ACTIVE
    beside = insights.kin(run_id)
    before = None if is_active or beside.previous is None or beside.previous.bucket in UNFINISHED else beside.previous
    kin = blocks(
        links=view.kin_links(viewer.tenant.slug, beside, overview.detail.run.bucket),
        # Asked in any case: how many questions a page asks says nothing of what there is.
        against=view.against(insights.against(run_id, before.id if before else None), before),
    )
    upper = _Live(viewer, run_id, overview, usual, None if is_active else failed, kin)
    live(upper.draw, LIVE_SECONDS if is_active else None, "run")
    if is_active and failed is not None:
        # Below what is still moving, which would push it about.
        show(failed, "run-failures")
    if overview.items or overview.failures:
        _items(viewer, overview, groups, insights)


class _Live:
    """The upper part of the page, asked for again while the run is active."""

    def __init__(
        self,
        viewer: Viewer,
        run_id: UUID,
        overview: RunOverview,
        usual: timedelta | None,
        cause: Node | None,
        kin: Node,
    ) -> None:
        self._viewer = viewer
        self._run_id = run_id
        self._overview = overview
        self._usual = usual
        self._cause = cause
        self._kin = kin
        self._drawn = False

    def draw(self) -> None:
        """Draws it; when the run has ended or new failures have come, the whole page follows."""
        hub = runtime.current()
        viewer = self._viewer
        if self._drawn:
            viewer = still_there(self._viewer)
            now = RunInsights(hub.database, viewer.scope).overview(self._run_id)
            ended = now.detail.run.status not in ACTIVE
            grown = now.failures != self._overview.failures
            self._overview = now
            if ended or grown:
                st.rerun(scope="app")
        self._drawn = True
        prefect_ui = hub.settings.prefect_ui_url
        show(view.live_part(viewer, self._overview, self._usual, prefect_ui, self._cause, self._kin), "run-live")


def _items(viewer: Viewer, overview: RunOverview, groups: tuple[FailureGroup, ...], insights: RunInsights) -> None:
    params = st.query_params.to_dict()
    run_id = overview.detail.run.id
    codes = [group.reason_code for group in groups]
    reason = params.get("reason") if params.get("reason") in codes else None
    wanted = params.get("find", "").strip().replace("\x00", "")[:MAX_SEARCH]
    text = params.get("from", "0")
    offset = min(int(text), _MOST) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    is_failures = bool(groups) and params.get("list") != "all"
    query = urlencode({"tenant": viewer.tenant.slug, "id": str(run_id)})
    files = [
        link(
            f"/export/items.{kind}?{query}",
            [icon("download"), name],
            class_="button",
            data_load="1",
            aria_label=f"{texts.EXPORT} {name}",
        )
        for kind, name in (("csv", texts.EXPORT_CSV), ("json", texts.EXPORT_JSON))
    ]
    show(
        h("div", {"class": "row between"}, h("h2", None, texts.SECTION_ITEMS), h("div", {"class": "row"}, files)),
        "items-head",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _search_box(wanted)
        if groups:
            _which(reason, codes, is_failures, bool(overview.items))
    if is_failures:
        found = insights.failures(run_id, reason_code=reason, search=wanted or None, offset=offset, limit=ITEMS_A_PAGE)
    else:
        found = insights.items(run_id, search=wanted or None, offset=offset, limit=ITEMS_A_PAGE)

    def at(start: int) -> str | None:
        if start < 0 or start >= found.total:
            return None
        kept = {name: value for name, value in params.items() if name != "from"}
        return page_href("run", viewer.tenant.slug, {**kept, "from": str(start)} if start else kept)

    newer = at(max(offset - ITEMS_A_PAGE, 0)) if offset else None
    hub = runtime.current()
    listed = [entry.item_id if is_failures else entry for entry in found.entries]
    names = hub.settings.item_names(hub.database, viewer.scope, listed)
    hrefs = (newer, at(offset + ITEMS_A_PAGE))
    show(view.items_table(found, is_failures, offset, hrefs, names), "run-items")


def _search_box(wanted: str) -> None:
    st.session_state["items_find"] = wanted

    def changed() -> None:
        _set("find", st.session_state["items_find"].strip())

    st.text_input(texts.ITEMS_SEARCH, key="items_find", max_chars=MAX_SEARCH, on_change=changed, width=260)


def _which(reason: str | None, codes: list[str], is_failures: bool, has_items: bool) -> None:
    every = [texts.ITEMS_ALL, *codes, *([texts.SECTION_ITEMS] if has_items else [])]
    st.session_state["items_reason"] = (reason or texts.ITEMS_ALL) if is_failures else texts.SECTION_ITEMS

    def changed() -> None:
        chosen = st.session_state["items_reason"]
        _set("reason", chosen if chosen in codes else "")
        _set("list", "all" if chosen == texts.SECTION_ITEMS else "")

    st.selectbox(texts.ITEMS_REASON, every, key="items_reason", on_change=changed, width=260)


def _set(name: str, value: str) -> None:
    params = {key: kept for key, kept in st.query_params.to_dict().items() if key not in ("from", name)}
    st.query_params.from_dict({**params, name: value} if value else params)
