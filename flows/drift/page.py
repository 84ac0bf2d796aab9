"""Drift: the scopes of a tenant with their last syncs, and the start of a comparison."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import streamlit as st
from sqlalchemy import Connection

from flows._policies.snapshots import Sync, list_syncs
from flows._policies.unread import ANY_TYPE
from flows.drift import findings_page, policy_page
from flows.drift.comparison.withheld import not_compared
from flows.drift.finding_page import TONES, facts
from flows.drift.operation import OPERATION
from flows.drift.overview import NotStarted, Trend, blind, moved_at, not_started, open_by_scope, trend
from flows.drift.register.reading import newest_comparisons
from flows.drift.start import generate_request, pin_baseline, pinned_baselines, unpin_baseline
from monitoring_app.presentation.figures import duration, type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href
from monitoring_app.presentation.page import CONFIGURATION, HubPage, Viewer, page_database, start_database, still_there
from monitoring_app.presentation.parts import READONLY_NOTE, empty_state, notice, page_header
from monitoring_app.presentation.starting import follow, start_and_follow
from monitoring_app.presentation.view import show
from runstore.errors import TenantAtlasError
from runstore.schedules import Schedules, read_schedules
from runstore.tenancy import Permission, TenantScope

SYNCS_READ = 200
NEEDED = 2


def draw(viewer: Viewer) -> None:
    database = page_database()
    lead = "Compare the newest two inventory syncs of a scope and see what changed."
    show(page_header(viewer, "Drift", lead), "drift-header")
    follow(viewer, "drift")
    newest = newest_comparisons(database, viewer.scope)
    with database.transaction(viewer.scope) as connection:
        found = list_syncs(connection, viewer.scope, limit=SYNCS_READ)
        waiting = not_started(connection, viewer.scope)
        standing = open_by_scope(connection, viewer.scope)
        # What the trend is made of, but for rules that hide what is past: the minute is for those.
        known = str(viewer.scope.tenant_id), datetime.now(UTC).date(), str(moved_at(connection, viewer.scope))
        lately = _lately(connection, viewer.scope, *known, standing, newest) if newest else None
    if not found:
        show(empty_state("No inventory yet", "Run an inventory sync first; its scope appears here."), "drift-empty")
        return
    if not viewer.may(Permission.OPERATE):
        show(notice(READONLY_NOTE, "blue"), "drift-readonly")
    if lately is not None:
        due = _due(viewer.tenant.slug, read_schedules(database, viewer.scope))
        show(over_time(viewer.tenant.slug, lately, due), "drift-trend")
    compared = {entry["scope"]: entry for entry in newest}
    pins = pinned_baselines(database, viewer.scope)
    for position, key in enumerate(dict.fromkeys(sync.scope for sync in found)):
        usable = [sync for sync in found if sync.scope == key and sync.is_usable]
        new = lately.new.get(key, 0) if lately is not None else 0
        card = scope_card(
            viewer.tenant.slug, key, usable, compared.get(key), standing.get(key, {}), waiting.get(key), new
        )
        with st.container(border=True):
            show(card, f"drift-scope-{position}")
            if viewer.may(Permission.OPERATE) and len(usable) >= NEEDED:
                begin = partial(start_and_follow, viewer, "drift", partial(generate_request, scope_key=key))
                st.button("Generate drift", key=f"drift-start-{position}", type="primary", on_click=begin)
        _baseline(viewer, position, key, usable, pins.get(key))


@st.cache_data(ttl=60, max_entries=500, show_spinner=False)
def _lately(
    _connection: Connection, _scope: TenantScope, tenant: str, day: date, moved: str, standing: Any, newest: Any
) -> Trend:
    """The trend, made once for all who look: of 20,000 events it takes the database as long as all else here."""
    return trend(_connection, _scope, standing, newest)


def _baseline(viewer: Viewer, position: int, key: str, usable: Sequence[Sync], pin: Mapping[str, Any] | None) -> None:
    """Which sync the scope is held against with `--against pinned`, and for those who may, another."""
    if pin is not None:
        reason = f" · {pin['reason']}" if pin["reason"] else ""
        said = ["Pinned baseline: ", moment(pin["pinned_at"]), f" · {pin['pinned_by']}{reason}"]
        show(h("p", {"class": "small break"}, said), f"drift-pin-{position}")
    if not viewer.may(Permission.OPERATE) or not usable:
        return
    newest = (viewer, key, str(usable[0].id))
    with st.container(horizontal=True, gap="small"):
        st.button("Pin the last sync as the baseline", key=f"drift-pin-set-{position}", on_click=_pin, args=newest)
        if pin is not None:
            st.button("Take the pin off", key=f"drift-pin-off-{position}", on_click=_pin, args=(viewer, key, None))


def _pin(viewer: Viewer, key: str, sync_id: str | None) -> None:
    """Pins the sync that the page showed as the last one, or takes the pin off."""
    try:
        scope = still_there(viewer).scope
        if sync_id is None:
            unpin_baseline(start_database(), scope, key)
        else:
            pin_baseline(start_database(), scope, scope_key=key, sync_id=sync_id)
    except TenantAtlasError as problem:
        st.toast(str(problem))
    else:
        st.toast("Pinned." if sync_id else "No longer pinned.")


def scope_card(
    slug: str,
    key: str,
    usable: Sequence[Sync],
    compared: dict[str, Any] | None,
    standing: Mapping[str, int],
    waiting: NotStarted | None,
    new: int,
) -> Node:
    """One scope: what is open, its last two usable syncs, its last comparison, what that did not compare, what is missing."""
    about: list[tuple[str, Node]] = [
        ("Open", _open(slug, key, standing) if compared else "Nothing compared yet"),
        ("Last sync", _sync(usable[0]) if usable else "never"),
        ("Sync before", _sync(usable[1]) if len(usable) > 1 else "never"),
        ("Last comparison", _comparison(slug, compared, new) if compared else "never"),
    ]
    said: list[Node] = []
    if len(usable) < NEEDED:
        have = f"Drift compares two successful syncs; this scope has {len(usable)}."
        said.append(notice(f"{have} Run an inventory sync to get one more.", "orange"))
    for policy_type, (since, longer) in blind(usable).items():
        name = "Files that may hold any type" if policy_type == ANY_TYPE else type_name(policy_type)
        least = "at least " if longer else ""
        said.append(notice(f"{name}: not all of it could be read {least}since the sync of", "orange", moment(since)))
    if compared and compared["withheld"]:
        said.append(notice(not_compared(compared["withheld"]), "orange"))
    if waiting is not None and (not compared or waiting.at > datetime.fromisoformat(compared["created_at"])):
        run = link(page_href("run", slug, {"id": str(waiting.run_id)}), ["View run", icon("right")])
        said.append(notice(f"The comparison after the last sync did not start. {waiting.why}", "orange", run))
    return h("div", {"class": "stack"}, h("h2", {"class": "break"}, key), facts(about), said)


def _open(slug: str, key: str, standing: Mapping[str, int]) -> Node:
    if not standing:
        return "Nothing is open"
    told = " · ".join(f"{count:,}\u00a0{severity}" for severity, count in standing.items())
    return link(page_href("findings", slug, {"scope": key}), [told, icon("right")])


def _sync(sync: Sync) -> Node:
    state = "complete" if sync.complete else "read in part"
    read = h("div", {"class": "muted small"}, f"{sync.policies:,} policies · {state}")
    return h("div", None, moment(sync.started_at), read)


def _due(slug: str, known: Schedules) -> Node:
    """When the next comparison that is scheduled itself is due, as the relay last read the schedules."""
    times = [one.next_at for one in known.entries if one.type == OPERATION.type and one.next_at and not one.stopped_by]
    if times and not known.look.is_stale:
        return moment(min(times))
    unknown, none = "Not known: the schedules could not be read of late", "None by a schedule of its own"
    said = unknown if known.look.is_stale else f"{none}; one may follow a sync"
    return link(page_href("schedules", slug), said)


def over_time(slug: str, lately: Trend, due: Node) -> Node:
    """Open findings by day, and what is known of decisions and of what comes."""
    most = max((sum(levels.values()) for _, levels in lately.days if levels), default=0) or 1
    bars = [_day(day, levels, most) for day, levels in lately.days]
    ends = [h("span", None, f"{lately.days[place][0]:%d %b}") for place in (0, -1)]
    said = "Open findings at the end of each day (UTC), by severity"
    foot = h("div", {"class": "chart-foot"}, ends[0], h("span", None, said), ends[1])
    label = {"class": "chart", "role": "group", "aria-label": said}
    chart = h("div", {"class": "chart-frame"}, h("div", label, bars), foot)
    decided = "No decision in 30 days"
    if lately.until_decided is not None:
        decided = f"{duration(lately.until_decided)} ({lately.decisions:,} in 30 days)"
    soon = link(page_href("findings", slug, {"state": "expiring"}), f"{lately.expiring:,}") if lately.expiring else "0"
    ends_soon = ("Accepted ones that end within 30 days", soon)
    return h(
        "div",
        {"class": "stack"},
        chart,
        facts([("Mean time to a decision", decided), ends_soon, ("Next comparison", due)]),
    )


def _day(day: date, levels: Mapping[str, int] | None, most: int) -> Node:
    known = levels or {}
    nothing = "nothing was open" if levels is not None else "not known: no comparison from then is kept"
    said = f"{day:%a %d %b}: {', '.join(f'{count:,} {level}' for level, count in known.items()) or nothing}"
    parts = [
        h("span", {"class": f"part tone-{TONES.get(level, 'gray')}", "vars": {"h": f"{100 * count / most:.1f}%"}})
        for level, count in reversed(list(known.items()))
    ]
    return h(
        "div",
        {"class": "day" if levels is not None else "day unknown", "role": "img", "title": said, "aria-label": said},
        parts,
    )


def _comparison(slug: str, compared: dict[str, Any], new: int) -> Node:
    see = link(page_href("findings", slug, {"run": compared["run_id"]}), [f"{new:,} new", icon("right")])
    return h("div", None, moment(datetime.fromisoformat(compared["created_at"])), h("div", {"class": "small"}, see))


_DRIFT_ICON = ("M7 4v9a4 4 0 0 0 4 4h6", "M14 14l3 3-3 3", "M7 4L4.5 6.5M7 4l2.5 2.5")
_FINDINGS_ICON = ("M4 11a7 7 0 1 0 14 0a7 7 0 1 0-14 0", "M16.2 16.2L21 21", "M11 8v3.5M11 14v.1")

PAGES = (
    HubPage("drift", "Drift", _DRIFT_ICON, draw, CONFIGURATION, order=10),
    HubPage("findings", "Findings", _FINDINGS_ICON, findings_page.draw, CONFIGURATION, order=20),
    HubPage("policy", "Policy", _FINDINGS_ICON, policy_page.draw, menu="inventory"),
)
