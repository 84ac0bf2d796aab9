"""Monitoring → Operations → one run: live while it runs, what failed and what to do about it, its items page by page."""

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.operations import detail_view as view
from monitoring_app.presentation.fields import LONGEST, Fields
from monitoring_app.presentation.figures import texts_in
from monitoring_app.presentation.guard import live
from monitoring_app.presentation.nodes import blocks, h, page_href
from monitoring_app.presentation.parts import downloads, empty_state, offset_of, offset_pager, page_header
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.errors import NotFoundError
from runstore.ids import uuid_or_none
from runstore.runs.insights import FailureGroup, RunInsights, RunOverview
from runstore.runs.status import ACTIVE, UNFINISHED, StatusBucket

LIVE_SECONDS = 2
ITEMS_A_PAGE = 50
EVERY_ITEM = "-"
"""In place of a reason: the items of a run that failed, not what failed."""


def draw(viewer: Viewer) -> None:
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
        show(empty_state("This tenant has no such run", texts.RUN_MISSING, way=way), "run-missing")
        return
    operation = overview.detail.run.type
    name = f"{operation.label} {str(run_id)[:8]}"
    st.set_page_config(page_title=f"{name} · {viewer.tenant.name} · {texts.PRODUCT}")
    usual = insights.usual_durations([operation], besides=run_id).get(operation)
    groups = insights.failure_groups(run_id) if overview.failures else ()
    told = [item for group in groups for item in (group.first_item, group.last_item)]
    told += texts_in(dict(overview.detail.context))
    names = hub.settings.item_names(hub.database, viewer.scope, told)
    failed = view.failure_groups(groups, hub.settings.catalogue, names) if groups else view.no_reason(overview)
    is_active = overview.detail.run.status in ACTIVE
    beside = insights.kin(run_id)
    before = None if is_active or beside.previous is None or beside.previous.bucket in UNFINISHED else beside.previous
    bucket, catalogue = overview.detail.run.bucket, hub.settings.catalogue
    good = beside.last_good if bucket in (StatusBucket.FAILED, StatusBucket.PARTIAL) else None
    # Both are asked in any case: how many questions a page asks says nothing of what there is.
    compared, since = (insights.against(run_id, one.id if one else None) for one in (before, good))
    run_at = overview.detail.run.created_at
    changes = hub.settings.changes_told(hub.database, viewer.scope, good.created_at if good else run_at, run_at)
    kin = blocks(
        links=view.kin_links(viewer.tenant.slug, beside, bucket),
        against=view.against(compared, before, catalogue) if before != good else None,
        since=view.against(since, good, catalogue, view.SINCE_GOOD, changes),
    )
    cause = None if is_active else failed

    def upper(now: Viewer, first: bool) -> None:
        """What moves while the run is active; when it has ended, or new failures have come, the whole page follows."""
        present = overview if first else RunInsights(hub.database, now.scope).overview(run_id)
        if is_active and (present.detail.run.status not in ACTIVE or present.failures != overview.failures):
            st.rerun(scope="app")
        show(view.live_part(now, present, usual, hub.settings.prefect_ui_url, cause, kin, names), "run-live")

    live(viewer, upper, LIVE_SECONDS if is_active else None, "run")
    if is_active and failed is not None:
        # Below what is still moving, which would push it about.
        show(failed, "run-failures")
    if overview.items or overview.failures:
        _items(viewer, overview, groups, insights)


def _items(viewer: Viewer, overview: RunOverview, groups: tuple[FailureGroup, ...], insights: RunInsights) -> None:
    params = st.query_params.to_dict()
    run_id = overview.detail.run.id
    codes = [group.reason_code for group in groups]
    chosen = params.get("reason")
    wanted = params.get("find", "").strip().replace("\x00", "")[:LONGEST] or None
    offset = offset_of(params)
    files = downloads("/export/items", {"tenant": viewer.tenant.slug, "id": str(run_id)})
    made = Fields("run", viewer.tenant.slug, params)
    fields = [made.text("find", "Find an item", class_="field broad")]
    if groups:
        every = {"": "All reasons", **{code: code for code in codes}}
        items = {EVERY_ITEM: "Items of this run"} if overview.items else {}
        fields.append(made.choice("reason", "Reason", every | items, "field broad"))
    head = h("div", {"class": "row between"}, h("h2", None, "Items of this run"), files)
    show(h("div", {"class": "stack"}, head, made.bar(*fields)), "items-head")
    is_failures = bool(groups) and chosen != EVERY_ITEM
    reason = chosen if chosen in codes else None
    if is_failures:
        found = insights.failures(run_id, reason_code=reason, search=wanted, offset=offset, limit=ITEMS_A_PAGE)
    else:
        found = insights.items(run_id, search=wanted, offset=offset, limit=ITEMS_A_PAGE)
    hub = runtime.current()
    listed = [entry.item_id if is_failures else entry for entry in found.entries]
    names = hub.settings.item_names(hub.database, viewer.scope, listed)
    shown, total = len(found.entries), found.total
    pages = offset_pager("run", viewer.tenant.slug, params, shown=shown, total=total, size=ITEMS_A_PAGE)
    show(view.items_table(found, is_failures, pages, names), "run-items")
