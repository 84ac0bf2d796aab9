"""Monitoring → Operations: the list of a tenant's runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.operations import list_view as view
from monitoring_app.operations import schedules_page
from monitoring_app.operations.address import LOOKS, ROW_CHOICES, ListAddress
from monitoring_app.operations.filter_bar import filter_fields
from monitoring_app.presentation.figures import plural
from monitoring_app.presentation.guard import live
from monitoring_app.presentation.nodes import Node, blocks, h
from monitoring_app.presentation.parts import downloads, page_header
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.runs.filters import Cursor
from runstore.runs.insights import Choices, RunInsights, known_zone
from runstore.runs.reader import RunPage
from runstore.runs.run import Run
from runstore.schedules import read_schedules

HISTORY_DAYS = 14
NEWER_CAP = 100
FIRST_ROWS = ROW_CHOICES[0]
"""How many rows stand there before Streamlit's code runs in the browser, of a page of any length."""


def draw(viewer: Viewer) -> None:
    """The page."""
    hub, zone = runtime.current(), ZoneInfo(known_zone(st.context.timezone))
    address, head = _head(hub, viewer, st.query_params.to_dict(), zone)
    show(head, "list-header")
    page = _page(hub, viewer, address)

    def refreshed(viewer: Viewer, first: bool) -> None:
        """Figures, and the state of the rows shown; never which rows those are."""
        with hub.database.reading(viewer.scope):
            runs, newer = (page.runs, 0) if first or not page.runs else _present(hub, viewer, address, page)
            show(_parts(hub, viewer, address, page, runs, newer, zone), "list-live")

    live(viewer, refreshed, address.refresh or None, "list")


def drawn_first(hub: runtime.Hub, viewer: Viewer, params: Mapping[str, str], zone: ZoneInfo) -> Node:
    """Both elements of the page in one, as they are but for rows after the first FIRST_ROWS."""
    with hub.database.reading(viewer.scope):
        address, head = _head(hub, viewer, params, zone)
        page = _page(hub, viewer, address)
        listed = _parts(hub, viewer, address, page, page.runs[:FIRST_ROWS], 0, zone)
        return h("div", {"class": "stack"}, [head, listed])


def _head(hub: runtime.Hub, viewer: Viewer, params: Mapping[str, str], zone: ZoneInfo) -> tuple[ListAddress, Node]:
    address, ignored = ListAddress.from_params(params)
    address = address.with_reason(hub.settings.catalogue)
    files = downloads("/export/runs", {"tenant": viewer.tenant.slug, **address.changed().to_params()})
    lead = f"Everything that ran for this tenant, {'longest' if address.longest else 'newest'} first."
    header = page_header(viewer, texts.OPERATIONS, lead, aside=files)
    choices = _choices(RunInsights(hub.database, viewer.scope), str(viewer.scope.tenant_id))
    now, catalogue = datetime.now(UTC), hub.settings.catalogue
    fields = filter_fields(viewer.tenant.slug, address, ignored, choices, catalogue, now, zone)
    return address, h("div", {"class": "stack", "key": "head"}, header, fields)


def _page(hub: runtime.Hub, viewer: Viewer, address: ListAddress) -> RunPage:
    reader, wanted = hub.reader(viewer.scope), hub.filter_of(viewer.scope, address)
    if address.longest:
        return reader.longest(wanted, limit=address.rows)
    return reader.list(wanted, limit=address.rows, cursor=address.cursor)


@st.cache_data(ttl=10, max_entries=500, show_spinner=False)
def _choices(_insights: RunInsights, tenant_id: str) -> Choices:
    """What the fields offer, made once for all of a tenant's viewers who look at about the same time."""
    return _insights.choices()


def _parts(
    hub: runtime.Hub,
    viewer: Viewer,
    address: ListAddress,
    page: RunPage,
    runs: Sequence[Run],
    newer: int,
    zone: ZoneInfo,
) -> Node:
    slug = viewer.tenant.slug
    wanted = hub.filter_of(viewer.scope, address)
    reader, insights = hub.reader(viewer.scope), RunInsights(hub.database, viewer.scope)
    today = datetime.now(zone).date()
    days = [today - timedelta(days=back) for back in range(HISTORY_DAYS - 1, -1, -1)]
    begins = [datetime.combine(day, time.min, zone) for day in days]
    told = view.Told(
        hub.settings.catalogue,
        hub.settings.about,
        insights.notes([run.id for run in runs], view.told_keys(hub.settings.about)),
        insights.usual_durations(sorted({run.type for run in runs}, key=str)),
    )
    # The tile of those that need attention counts them of this view, or beside it.
    waiting = reader.bucket_counts(replace(wanted, needs_attention=True))
    counts = waiting if wanted.needs_attention else reader.bucket_counts(wanted)
    searched = texts.SEARCHED.format(runs=plural(insights.searched(), "run")) if address.search else None
    parts = blocks(
        schedules=schedules_page.strip(slug, read_schedules(hub.database, viewer.scope)),
        tiles=view.bucket_tiles(slug, address, counts, waiting),
        history=view.history_chart(slug, address, insights.history(begins, wanted), days, zone),
        filters=view.active_filters(slug, address, zone),
        searched=h("p", {"class": "muted small"}, searched) if searched else None,
        newer=view.newer_pill(slug, address, newer, NEWER_CAP),
        body=view.list_body(slug, address, page, runs, told),
    )
    return h("div", {"key": "list"}, [parts])


def _present(hub: runtime.Hub, viewer: Viewer, address: ListAddress, page: RunPage) -> tuple[Sequence[Run], int]:
    """The rows shown as they are now, and how many newer runs there are."""
    insights = RunInsights(hub.database, viewer.scope)
    present = insights.these([run.id for run in page.runs])
    first = page.runs[0]
    # Above a filtered or a later page newer runs are expected; only the newest page says that more have come.
    is_newest = address.cursor is None and not (address.to_params().keys() - LOOKS)
    newer = insights.newer_than(Cursor(first.created_at, first.id), NEWER_CAP) if is_newest else 0
    return [present.get(run.id, run) for run in page.runs], newer
