"""Backup sets: list and create them, see what one holds, add policies to it and follow the run that does."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from flows._policies.snapshots import policies_of, usable_at
from flows.backup.sets import ItemView, SetView, add_policies_request, create_set, get_set, list_sets, set_items
from monitoring_app.presentation.figures import type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href
from monitoring_app.presentation.page import CONFIGURATION, HubPage, Viewer, page_database, start_database, still_there
from monitoring_app.presentation.parts import READONLY_NOTE, empty_state, notice, page_header, row, table
from monitoring_app.presentation.starting import follow, start_and_follow
from monitoring_app.presentation.view import show
from runstore.errors import ForbiddenError, NotFoundError, TenantAtlasError
from runstore.ids import uuid_or_none
from runstore.tenancy import Permission

OFFERED = 2000
SYNCS_READ = 20
SETS_SHOWN = 200
ITEMS_SHOWN = 500
_BACKUP_SETS = "Backup sets"
_CAPTURED = "Captured"


def draw(viewer: Viewer) -> None:
    wanted = st.query_params.get("set")
    if wanted is not None:
        _one(viewer, wanted)
        return
    show(page_header(viewer, _BACKUP_SETS, "Kept copies of policies, put together in sets."), "sets-header")
    _create(viewer)
    found = list_sets(page_database(), viewer.scope, limit=SETS_SHOWN)
    if not found:
        show(empty_state("No backup set yet", "A backup set keeps policies as they are at one moment."), "sets-empty")
        return
    show(sets_table(viewer.tenant.slug, found), "sets-list")
    if len(found) == SETS_SHOWN:
        show(h("p", {"class": "small muted"}, f"The newest {SETS_SHOWN} are shown."), "sets-more")


def _create(viewer: Viewer) -> None:
    if not viewer.may(Permission.OPERATE):
        show(notice(READONLY_NOTE, "blue"), "sets-readonly")
        return
    with (
        st.form("create-set", border=False, clear_on_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        # Wide enough for what Streamlit says at the end of a field that has the focus.
        name = st.text_input("Name of the new set", max_chars=200, width=420)
        pressed = st.form_submit_button("Create set", type="primary")
    if not pressed:
        return
    try:
        create_set(start_database(), still_there(viewer).scope, name or "")
    except TenantAtlasError as problem:
        show(notice(str(problem), "red"), "sets-problem")
    else:
        st.toast("The set was created.")


def sets_table(slug: str, found: Sequence[SetView]) -> Node:
    columns = {_BACKUP_SETS: "wide", "Policies": "", _CAPTURED: "", "Created by": "wide"}
    rows = [
        row(
            columns,
            str(one.id),
            link(page_href("backup-sets", slug, {"set": str(one.id)}), one.name, class_="op"),
            _held(one),
            moment(one.last_captured_at) if one.last_captured_at else "never",
            h("span", {"class": "break"}, one.created_by),
        )
        for one in found
    ]
    return table(_BACKUP_SETS, columns, rows)


def _held(one: SetView) -> str:
    return f"{one.policies:,} policies, {one.items:,} versions"


def _one(viewer: Viewer, wanted: str) -> None:
    database, set_id = page_database(), uuid_or_none(wanted)
    try:
        one = get_set(database, viewer.scope, set_id) if set_id is not None else None
    except ForbiddenError:
        # Within one's own tenant there is nothing to hide; another tenant's sets never get this far.
        one = None
    if one is None:
        raise NotFoundError("This tenant has no such backup set.")
    back = link(page_href("backup-sets", viewer.tenant.slug), [icon("left"), "All backup sets"], class_="small")
    show(h("div", {"class": "stack"}, back, page_header(viewer, one.name, _held(one))), "set-header")
    follow(viewer, "backup-sets")
    _add(viewer, one)
    items = set_items(database, viewer.scope, one.id, limit=ITEMS_SHOWN)
    show(items_table(items) if items else h("p", {"class": "muted"}, "This set holds no policy yet."), "set-items")
    if len(items) < one.items:
        left_out = f"The first {len(items):,} of {one.items:,} versions are shown."
        show(h("p", {"class": "muted small"}, left_out), "set-items-more")


def _add(viewer: Viewer, one: SetView) -> None:
    if not viewer.may(Permission.OPERATE):
        show(notice(READONLY_NOTE, "blue"), "set-readonly")
        return
    offered = _offered(viewer)
    if not offered:
        why = "There is no usable inventory sync to choose policies from: run an inventory sync first."
        show(notice(why, "orange"), "set-needs-sync")
        return
    key = f"set-pick-{one.id}"
    # The widget's own filter makes the picker searchable; names are shown as typed.
    st.multiselect("Policies to add", list(offered), key=key, format_func=lambda policy: offered[policy])
    if len(offered) >= OFFERED:
        capped = f"The first {OFFERED:,} policies are offered; the command line takes any."
        show(h("p", {"class": "muted small"}, capped), "set-capped")

    def pressed() -> None:
        chosen = list(st.session_state.get(key, []))
        if not chosen:
            st.toast("Choose at least one policy.")
            return
        start_and_follow(viewer, "backup-sets", partial(add_policies_request, set_id=str(one.id), policy_ids=chosen))

    st.button("Add policies", type="primary", key=f"set-add-{one.id}", on_click=pressed)


def _offered(viewer: Viewer) -> dict[str, str]:
    found: dict[str, str] = {}
    with page_database().transaction(viewer.scope) as connection:
        for sync in usable_at(connection, viewer.scope, limit=SYNCS_READ):
            for policy in policies_of(connection, viewer.scope, sync.id, limit=OFFERED - len(found)):
                found[policy.policy_id] = f"{policy.name} · {type_name(policy.policy_type)}"
    return found


def items_table(items: Sequence[ItemView]) -> Node:
    columns = {"Policy": "wide", "Policy type": "", _CAPTURED: "", "Size": "number"}
    rows = [
        row(
            columns,
            None,
            (h("div", {"class": "strong break"}, item.name), h("div", {"class": "muted mono break"}, item.policy_id)),
            type_name(item.policy_type),
            moment(item.captured_at),
            (f"{item.size:,} B", h("span", {"class": "pill"}, "encrypted") if item.encrypted else None),
        )
        for item in items
    ]
    return table("Policies", columns, rows)


PAGES = (
    HubPage("backup-sets", _BACKUP_SETS, ("M4 8h16v12H4z", "M3 4h18v4H3z", "M10 12h4"), draw, CONFIGURATION, order=40),
)
