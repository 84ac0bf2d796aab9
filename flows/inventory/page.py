"""Inventory: the tenant's syncs, and the policies one of them read."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Final

import streamlit as st

from flows._policies.snapshots import Sync, find_sync, list_syncs, policies_of, usable_at
from flows._policies.stored import PolicyState
from monitoring_app.presentation.fields import Fields, day_of
from monitoring_app.presentation.figures import between, type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href
from monitoring_app.presentation.page import CONFIGURATION, HubPage, Viewer, page_database
from monitoring_app.presentation.parts import empty_state, offset_of, offset_pager, page_header, row, table
from monitoring_app.presentation.status import status_badge
from monitoring_app.presentation.view import show
from runstore.errors import NotFoundError
from runstore.ids import uuid_or_none
from runstore.runs.status import StatusBucket

TITLE: Final = "Inventory"
SYNCS_SHOWN = 100
A_PAGE = 100
POLICIES_READ = 20_000


def draw(viewer: Viewer) -> None:
    database = page_database()
    wanted = st.query_params.get("sync")
    if wanted is not None:
        _policies(viewer, wanted)
        return
    header = page_header(viewer, TITLE, "Every sync of this tenant's policies, newest first.")
    made = Fields("inventory", viewer.tenant.slug, st.query_params.to_dict())
    fields = made.bar(made.day("at", "As of the end of (UTC)"))
    show(h("div", {"class": "stack"}, header, fields), "inventory-header")
    day = day_of(st.query_params.to_dict(), "at")
    at = None if day is None else datetime.combine(day, time.max, UTC)
    with database.transaction(viewer.scope) as connection:
        found = (
            list_syncs(connection, viewer.scope, limit=SYNCS_SHOWN)
            if at is None
            else usable_at(connection, viewer.scope, at, limit=SYNCS_SHOWN)
        )
    if day is not None:
        said = f"What was known at the end of {day} (UTC): the last usable sync of each scope by then."
        show(h("p", {"class": "muted"}, said), "inventory-at")
    if not found:
        first = ("No sync yet", "`tenantatlas inventory sync` reads a tenant's policies for the first time.")
        then = ("Nothing was known yet", "No usable sync had begun by the end of that day.")
        show(empty_state(*(first if day is None else then)), "inventory-empty")
        return
    more = f"The newest {SYNCS_SHOWN} are shown." if len(found) == SYNCS_SHOWN else ""
    listed = table("Syncs", _COLUMNS, [_row(viewer.tenant.slug, sync) for sync in found])
    show(h("div", {"class": "stack"}, listed, h("p", {"class": "muted small"}, more)), "inventory-syncs")


_COLUMNS: Final = {
    "Last sync": "wide", "Scope": "", "Status": "", "Policies": "number",
    "Duration": "number", "Run": "number",
}  # fmt: skip


def _row(slug: str, sync: Sync) -> Node:
    read = link(page_href("inventory", slug, {"sync": str(sync.id)}), moment(sync.started_at), class_="op")
    read_in_part = h("div", {"class": "small muted"}, "read in part") if sync.is_usable and not sync.complete else None
    run = link(page_href("run", slug, {"id": str(sync.run_id)}), ["View run", icon("right")])
    scope, standing = h("span", {"class": "break"}, sync.scope), (status_badge(StatusBucket(sync.status)), read_in_part)
    lasted = between(sync.started_at, sync.finished_at) or "–"
    return row(_COLUMNS, str(sync.id), read, scope, standing, f"{sync.policies:,}", lasted, run)


def _policies(viewer: Viewer, wanted: str) -> None:
    slug, params = viewer.tenant.slug, st.query_params.to_dict()
    sync_id = uuid_or_none(wanted)
    search = params.get("q", "").strip().replace("\x00", "")[:200]
    offset = offset_of(params)
    with page_database().transaction(viewer.scope) as connection:
        sync = find_sync(connection, viewer.scope, sync_id) if sync_id is not None else None
        if sync is None:
            raise NotFoundError("This tenant has no such sync.")
        read = list(policies_of(connection, viewer.scope, sync.id, limit=POLICIES_READ))
    back = link(page_href("inventory", slug), [icon("left"), "All syncs"], class_="small")
    made = Fields("inventory", slug, params)
    fields = made.bar(made.text("q", "Policy name or id", class_="field broad"))
    show(h("div", {"class": "stack"}, back, page_header(viewer, TITLE, sync.scope), fields), "inventory-header")
    part = search.casefold()
    found = [one for one in read if part in one.name.casefold() or part in one.policy_id.casefold()]
    shown = found[offset : offset + A_PAGE]
    if not shown:
        show(h("p", {"class": "muted"}, "No item matches."), "inventory-none")
        return
    pages = offset_pager("inventory", slug, params, shown=len(shown), total=len(found), size=A_PAGE)
    show(h("div", {"class": "stack"}, policies_table(slug, sync, shown), pages), "inventory-policies")


def policies_table(slug: str, sync: Sync, shown: Sequence[PolicyState]) -> Node:
    """The policies of a sync, each leading to its history."""
    columns = {"Policy": "wide", "Policy type": "", "Platform": ""}
    rows: list[Node] = []
    for one in shown:
        way = page_href("policy", slug, {"id": one.policy_id, "scope": sync.scope})
        named = link(way, one.name, class_="op break"), h("div", {"class": "muted mono break"}, one.policy_id)
        rows.append(row(columns, one.policy_id, named, type_name(one.policy_type), one.platform or "–"))
    return table("Policies", columns, rows)


PAGES = (
    HubPage(
        "inventory", TITLE, ("M12 3l9 5-9 5-9-5z", "M3 12.5l9 5 9-5", "M3 17l9 5 9-5"), draw, CONFIGURATION, order=30
    ),
)
