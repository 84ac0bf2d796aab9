"""Monitoring → Operations: the list of a tenant's runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.operations import list_view as view
from monitoring_app.operations import schedules_page
from monitoring_app.operations.address import LOOKS, ListAddress
from monitoring_app.operations.filter_bar import filter_fields, moment_pickers
from monitoring_app.presentation.guard import live
from monitoring_app.presentation.nodes import Node, blocks, h, icon, link
from monitoring_app.presentation.parts import page_header
from monitoring_app.presentation.session_page import still_there
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.runs.cursor import Cursor
from runstore.runs.insights import RunInsights, known_zone
from runstore.runs.reader import RunPage, RunReader
from runstore.runs.run import Run
from runstore.runs.status import StatusBucket
from runstore.schedules import ScheduleReader

HISTORY_DAYS = 14
NEWER_CAP = 100


def draw(viewer: Viewer) -> None:
    """The page."""
    hub = runtime.current()
    address, ignored = ListAddress.from_params(st.query_params.to_dict())
    address = address.with_reason(hub.settings.catalogue)
    reader, insights = hub.reader(viewer.scope), RunInsights(hub.database, viewer.scope)
    header = page_header(viewer, texts.OPERATIONS, texts.OPERATIONS_LEAD, aside=_export(viewer, address))
    now = datetime.now(UTC)
    fields = filter_fields(viewer.tenant.slug, address, reader.types(), insights.choices(), hub.settings.catalogue, now)
    show(h("div", None, header, fields), "list-header")
    moment_pickers(viewer, address)
    page = reader.list(address.filter(now), limit=address.rows, cursor=address.cursor)
    live(_Live(viewer, address, ignored, page).draw, address.refresh or None, "list")


def _export(viewer: Viewer, address: ListAddress) -> Node:
    query = urlencode({"tenant": viewer.tenant.slug, **address.at_cursor(None).to_params()})
    files = [
        link(f"/export/runs.{kind}?{query}", [icon("download"), name], class_="button", data_load="1",
             aria_label=f"{texts.EXPORT} {name}")
        for kind, name in (("csv", texts.EXPORT_CSV), ("json", texts.EXPORT_JSON))
    ]  # fmt: skip
    return h("div", {"class": "row"}, files)


class _Live:
    """The part of the page that refreshes: figures and the state of the rows shown, never which rows those are."""

    def __init__(self, viewer: Viewer, address: ListAddress, ignored: Sequence[str], page: RunPage) -> None:
        self._viewer = viewer
        self._address = address
        self._ignored = ignored
        self._page = page
        self._drawn = False

    def draw(self) -> None:
        """Draws it, with the page's own rows the first time and with their present state after that."""
        show(self._tree(), "list-live")
        self._drawn = True

    def _tree(self) -> Node:
        hub = runtime.current()
        viewer = still_there(self._viewer) if self._drawn else self._viewer
        with hub.database.reading(viewer.scope):
            return self._parts(hub, viewer)

    def _parts(self, hub: runtime.Hub, viewer: Viewer) -> Node:
        slug, address, now = viewer.tenant.slug, self._address, datetime.now(UTC)
        insights = RunInsights(hub.database, viewer.scope)
        zone = ZoneInfo(known_zone(st.context.timezone))
        today = now.astimezone(zone).date()
        days = [today - timedelta(days=back) for back in range(HISTORY_DAYS - 1, -1, -1)]
        begins = [datetime.combine(day, time.min, zone) for day in days]
        runs, newer = self._rows(insights)
        told = view.Told(
            hub.settings.catalogue,
            hub.settings.about,
            insights.notes([run.id for run in runs], view.told_keys(hub.settings.about)),
            insights.usual_durations(sorted({run.type for run in runs}, key=str)),
        )
        return blocks(
            schedules=schedules_page.strip(slug, ScheduleReader(hub.database, viewer.scope).schedules()),
            tiles=view.bucket_tiles(slug, address, *self._counts(hub.reader(viewer.scope), now)),
            history=view.history_chart(slug, address, insights.history(begins, address.filter(now)), days, zone),
            filters=view.active_filters(slug, address, self._ignored, zone),
            newer=view.newer_pill(slug, address, newer, NEWER_CAP),
            body=view.list_body(slug, address, self._page, runs, told),
        )

    def _counts(
        self, reader: RunReader, now: datetime
    ) -> tuple[Mapping[StatusBucket, int], Mapping[StatusBucket, int]]:
        """By bucket: the runs of this view, and those of them, or beside them, that need attention."""
        wanted = self._address.filter(now)
        waiting = reader.bucket_counts(replace(wanted, needs_attention=True))
        return (waiting if wanted.needs_attention else reader.bucket_counts(wanted)), waiting

    def _rows(self, insights: RunInsights) -> tuple[list[Run], int]:
        shown = self._page.runs
        if not self._drawn or not shown:
            return list(shown), 0
        present = insights.these([run.id for run in shown])
        first = shown[0]
        # Above a filtered or a later page newer runs are expected; only the newest page says that more have come.
        is_newest = self._address.cursor is None and not (self._address.to_params().keys() - LOOKS)
        newer = insights.newer_than(Cursor(first.created_at, first.id), NEWER_CAP) if is_newest else 0
        return [present.get(run.id, run) for run in shown], newer
