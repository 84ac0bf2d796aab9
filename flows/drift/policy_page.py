"""One policy: the versions that syncs saw, who made each, what differs between any two, and its findings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from flows.drift.attribution import who_and_when
from flows.drift.finding_page import CHANGES_SHOWN, change, entry
from flows.drift.operation import DEFAULT_SCOPE
from flows.drift.policy_history import policy_history
from flows.drift.register.filters import FindingFilter
from flows.drift.register.reading import findings_document
from flows.drift.reports.summary import told
from monitoring_app.presentation.fields import Fields
from monitoring_app.presentation.figures import plural, type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href
from monitoring_app.presentation.page import Viewer, page_database
from monitoring_app.presentation.parts import empty_state, page_header
from monitoring_app.presentation.view import show

FINDINGS_SHOWN = 20


def draw(viewer: Viewer) -> None:
    params = st.query_params.to_dict()
    policy_id, scope_key = params.get("id", ""), params.get("scope") or DEFAULT_SCOPE
    if not policy_id:
        show(page_header(viewer, "Policy"), "policy-header")
        how = "Choose one in a sync of the inventory, or follow a finding's link."
        show(empty_state("No policy chosen", how), "policy-empty")
        return
    database = page_database()
    between = (params["before"], params["after"]) if "before" in params and "after" in params else None
    document = policy_history(database, viewer.scope, policy_id, scope_key, between)
    slug = viewer.tenant.slug
    about = f"{type_name(document['policy_type'])} · scope {scope_key}"
    back = link(page_href("inventory", slug), [icon("left"), "Inventory"], class_="small")
    header = page_header(viewer, document["policy_name"], about)
    show(h("div", {"class": "stack"}, back, header, _choices(slug, params, document)), "policy-header")
    if between is not None:
        panel = h("div", {"class": "panel"}, h("h2", None, "What differs"), _changes(document["diff"]["changes"]))
        show(panel, "policy-diff")
    cards = [version(one, is_open=number == 0) for number, one in enumerate(document["versions"])]
    if more := document["not_listed"]:
        cards.append(h("p", {"class": "muted small"}, f"and {more:,} more"))
    show(h("div", {"class": "stack"}, h("h2", None, "Versions"), cards), "policy-versions")
    wanted = FindingFilter(state="all", policy_id=policy_id, scope_key=scope_key)
    found = findings_document(database, viewer.scope, wanted=wanted, limit=FINDINGS_SHOWN)
    every = page_href("findings", slug, {"policy": policy_id, "state": "all", "scope": scope_key})
    listed: list[Node] = [entry(slug, one) for one in told(found["findings"])]
    below = listed or [h("p", {"class": "muted"}, "No comparison found anything about it.")]
    head = h("div", {"class": "row between"}, h("h2", None, "Findings"), link(every, "See findings"))
    show(h("div", {"class": "stack"}, head, below), "policy-findings")


def _choices(slug: str, params: Mapping[str, str], document: Mapping[str, Any]) -> Node | None:
    """Which two versions are held against each other; in the address, as the id of the sync that saw each first."""
    options = {one["first_sync_id"]: _label(one) for one in document["versions"]}
    if len(options) < 2:
        return None
    newest, before = list(options)[:2]
    made = Fields("policy", slug, {"before": before, "after": newest, **params})
    return made.bar(
        made.choice("before", "Compare", options, "field broad"), made.choice("after", "With", options, "field broad")
    )


def _label(one: Mapping[str, Any]) -> str:
    return f"{datetime.fromisoformat(one['first_seen_at']):%Y-%m-%d %H:%M:%S UTC} · {one['policy_name'] or 'Gone'}"


def _changes(changes: list[dict[str, Any]] | None) -> list[Node]:
    if changes is None:
        return [h("p", {"class": "muted"}, "A content is kept no longer, so what differs is not known.")]
    if not changes:
        return [h("p", {"class": "muted"}, "Nothing that counts differs.")]
    more = len(changes) - CHANGES_SHOWN
    rest = [h("p", {"class": "muted small"}, f"and {more:,} more")] if more > 0 else []
    return [*(change(one) for one in changes[:CHANGES_SHOWN]), *rest]


def version(one: Mapping[str, Any], *, is_open: bool) -> Node:
    is_there = one["state"] == "present"
    changes, is_first = one["changes"], "changed_by" not in one
    said = "First seen" if is_first else plural(len(changes or ()), "change") if is_there else "Gone"
    summary = h(
        "summary",
        None,
        h("span", {"class": f"badge tone-{'blue' if is_there else 'red'}"}, said),
        h("span", {"class": "strong grow break"}, one["policy_name"] or ""),
        moment(datetime.fromisoformat(one["first_seen_at"])),
    )
    unread = f" {plural(one['not_read'], 'sync')} could not read it." if one["not_read"] else ""
    last = moment(datetime.fromisoformat(one["last_seen_at"]))
    seen = f"In {plural(one['syncs'], 'sync')}.{unread} Last seen: "
    body: list[Node] = [h("p", {"class": "small"}, seen, last)]
    if who := who_and_when(one.get("changed_by")):
        body.append(h("p", {"class": "small break"}, f"Last changed: {who}"))
    body += _changes(changes) if is_there and not is_first else []
    attributes = {"class": "group", "key": one["first_sync_id"], "open": is_open}
    return h("details", attributes, summary, h("div", {"class": "body"}, body))
