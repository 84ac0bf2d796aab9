"""Drift: the scopes of a tenant with their last syncs, and the start of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

import streamlit as st

from flows._policies.snapshots import Sync, list_syncs
from flows._policies.unread import ANY_TYPE
from flows.drift import findings_page, policy_page, texts
from flows.drift.on_page import TONES
from flows.drift.operation import OPERATION
from flows.drift.register.reading import newest_comparisons
from flows.drift.register.rule_book import pin_baseline, pinned_baselines, unpin_baseline
from flows.drift.register.words import not_compared
from flows.drift.standing import NotStarted, not_started, open_by_scope
from flows.drift.start import generate_request
from flows.drift.trend import Trend, blind, trend
from monitoring_app.presentation import words
from monitoring_app.presentation.figures import duration, type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href
from monitoring_app.presentation.page import CONFIGURATION, HubPage, Viewer, page_database, start_database, still_there
from monitoring_app.presentation.parts import empty_state, notice, page_header
from monitoring_app.presentation.starting import follow, start_and_follow
from monitoring_app.presentation.view import show
from runstore.database import Database
from runstore.errors import TenantAtlasError
from runstore.runs.starter import StartRequest
from runstore.schedules import ScheduleReader, Schedules
from runstore.tenancy import Permission, TenantScope

SYNCS_READ = 200
NEEDED = 2


def draw(viewer: Viewer) -> None:
    """The page."""
    database = page_database()
    show(page_header(viewer, texts.DRIFT, texts.DRIFT_LEAD), "drift-header")
    follow(viewer, "drift")
    newest = newest_comparisons(database, viewer.scope)
    with database.transaction(viewer.scope) as connection:
        found = list_syncs(connection, viewer.scope, limit=SYNCS_READ)
        waiting = not_started(connection, viewer.scope)
        standing = open_by_scope(connection, viewer.scope)
        lately = trend(connection, viewer.scope, standing, newest) if newest else None
    if not found:
        show(empty_state(texts.DRIFT_EMPTY_TITLE, texts.DRIFT_EMPTY), "drift-empty")
        return
    if not viewer.may(Permission.OPERATE):
        show(notice(words.READONLY_NOTE, "blue"), "drift-readonly")
    if lately is not None:
        due = _due(viewer.tenant.slug, ScheduleReader(database, viewer.scope).schedules())
        show(over_time(viewer.tenant.slug, lately, due), "drift-trend")
    compared = {entry["scope"]: entry for entry in newest}
    pins = pinned_baselines(database, viewer.scope)
    for position, key in enumerate(dict.fromkeys(sync.scope for sync in found)):
        usable = [sync for sync in found if sync.scope == key and sync.is_usable]
        new = lately.new.get(key, 0) if lately is not None else 0
        card = scope_card(
            viewer.tenant.slug, key, usable, compared.get(key), standing.get(key, {}), waiting.get(key), new
        )
        _scope(viewer, position, key, usable, card)
        _baseline(viewer, position, key, usable, pins.get(key))


def _scope(viewer: Viewer, position: int, key: str, usable: Sequence[Sync], card: Node) -> None:
    with st.container(border=True):
        show(card, f"drift-scope-{position}")
        if not viewer.may(Permission.OPERATE) or len(usable) < NEEDED:
            return
        st.button(
            texts.START_DRIFT,
            key=f"drift-start-{position}",
            type="primary",
            on_click=lambda: start_and_follow(viewer, "drift", partial(_request, key)),
        )


def _request(key: str, database: Database, scope: TenantScope) -> StartRequest:
    return generate_request(database, scope, scope_key=key)


def _baseline(viewer: Viewer, position: int, key: str, usable: Sequence[Sync], pin: Mapping[str, Any] | None) -> None:
    """Which sync the scope is held against with `--against pinned`, and for those who may, another."""
    if pin is not None:
        said = [
            texts.PINNED,
            ": ",
            moment(pin["pinned_at"]),
            " · ",
            pin["pinned_by"],
            f" · {pin['reason']}" if pin["reason"] else "",
        ]
        show(h("p", {"class": "small break"}, said), f"drift-pin-{position}")
    if not viewer.may(Permission.OPERATE) or not usable:
        return
    with st.container(horizontal=True, gap="small"):
        st.button(texts.PIN, key=f"drift-pin-set-{position}", on_click=_pin, args=(viewer, key, str(usable[0].id)))
        if pin is not None:
            st.button(texts.UNPIN, key=f"drift-pin-off-{position}", on_click=_pin, args=(viewer, key, None))


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
        st.toast(texts.PINNED_NOW if sync_id else texts.UNPINNED_NOW)


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
    facts = [
        (texts.OPEN, _open(slug, key, standing) if compared else texts.NOTHING_COMPARED),
        (texts.LAST_SYNC, _sync(usable[0]) if usable else words.NEVER),
        (texts.SYNC_BEFORE, _sync(usable[1]) if len(usable) > 1 else words.NEVER),
        (texts.LAST_COMPARISON, _comparison(slug, compared, new) if compared else words.NEVER),
    ]
    shown = [h("div", None, h("dt", None, name), h("dd", None, value)) for name, value in facts]
    said: list[Node] = []
    if len(usable) < NEEDED:
        said.append(notice(texts.NEEDS_TWO_SYNCS.format(count=len(usable)), "orange"))
    for policy_type, (since, longer) in blind(usable).items():
        name = texts.ANY_TYPE if policy_type == ANY_TYPE else type_name(policy_type)
        words_before = (texts.BLIND_LONGER if longer else texts.BLIND).format(name=name)
        said.append(notice(words_before, "orange", moment(since)))
    if compared and compared["withheld"]:
        said.append(notice(not_compared(compared["withheld"]), "orange"))
    if waiting is not None and (not compared or waiting.at > datetime.fromisoformat(compared["created_at"])):
        run = link(page_href("run", slug, {"id": str(waiting.run_id)}), [words.VIEW_RUN, icon("right")])
        said.append(notice(texts.NOT_STARTED.format(why=waiting.why), "orange", run))
    return h("div", {"class": "stack"}, h("h2", {"class": "break"}, key), h("dl", {"class": "facts"}, shown), said)


def _open(slug: str, key: str, standing: Mapping[str, int]) -> Node:
    if not standing:
        return texts.NOTHING_OPEN
    told = " · ".join(f"{count:,} {severity}" for severity, count in standing.items())
    return link(page_href("findings", slug, {"scope": key}), [told, icon("right")])


def _sync(sync: Sync) -> Node:
    state = texts.SYNC_COMPLETE if sync.complete else texts.SYNC_INCOMPLETE
    read = h("div", {"class": "muted small"}, f"{sync.policies:,} {words.POLICIES.lower()} · {state}")
    return h("div", None, moment(sync.started_at), read)


def _due(slug: str, known: Schedules) -> Node:
    """When the next comparison that is scheduled itself is due, as the relay last read the schedules."""
    times = [one.next_at for one in known.entries if one.type == OPERATION.type and one.next_at and not one.stopped_by]
    if times and not known.look.is_stale:
        return moment(min(times))
    said = texts.NEXT_UNKNOWN if known.look.is_stale else texts.NEXT_NONE
    return link(page_href("schedules", slug), said)


def over_time(slug: str, lately: Trend, due: Node) -> Node:
    """Open findings by day, and what is known of decisions and of what comes."""
    most = max((sum(levels.values()) for _, levels in lately.days), default=0) or 1
    bars = [_day(day, levels, most) for day, levels in lately.days]
    ends = [h("span", None, f"{lately.days[place][0]:%d %b}") for place in (0, -1)]
    foot = h("div", {"class": "chart-foot"}, ends[0], h("span", None, texts.OPEN_BY_DAY), ends[1])
    label = {"class": "chart", "role": "group", "aria-label": texts.OPEN_BY_DAY}
    chart = h("div", {"class": "chart-frame"}, h("div", label, bars), foot)
    decided = texts.NO_DECISION
    if lately.until_decided is not None:
        decided = texts.DECIDED_IN.format(span=duration(lately.until_decided), count=f"{lately.decisions:,}")
    soon = link(page_href("findings", slug, {"state": "expiring"}), f"{lately.expiring:,}") if lately.expiring else "0"
    facts: list[tuple[str, Node]] = [
        (texts.TO_DECISION, decided), (texts.EXPIRING, soon), (texts.NEXT_COMPARISON, due),
    ]  # fmt: skip
    shown = [h("div", None, h("dt", None, name), h("dd", None, value)) for name, value in facts]
    return h("div", {"class": "stack"}, chart, h("dl", {"class": "facts"}, shown))


def _day(day: date, levels: Mapping[str, int], most: int) -> Node:
    told = ", ".join(f"{count:,} {level}" for level, count in levels.items()) or texts.NOTHING_OPEN.lower()
    said = f"{day:%a %d %b}: {told}"
    parts = [
        h("span", {"class": f"part tone-{TONES.get(level, 'gray')}", "vars": {"h": f"{100 * count / most:.1f}%"}})
        for level, count in reversed(list(levels.items()))
    ]
    return h("div", {"class": "day", "role": "img", "title": said, "aria-label": said}, parts)


def _comparison(slug: str, compared: dict[str, Any], new: int) -> Node:
    see = link(
        page_href("findings", slug, {"run": compared["run_id"]}),
        [texts.NEW_FINDINGS.format(count=f"{new:,}"), icon("right")],
    )
    return h("div", None, moment(datetime.fromisoformat(compared["created_at"])), h("div", {"class": "small"}, see))


PAGES = (
    HubPage("drift", texts.DRIFT, texts.DRIFT_ICON, draw, CONFIGURATION, order=10),
    HubPage("findings", texts.FINDINGS, texts.FINDINGS_ICON, findings_page.draw, CONFIGURATION, order=20),
    HubPage("policy", texts.POLICY, texts.FINDINGS_ICON, policy_page.draw, menu="inventory"),
)
