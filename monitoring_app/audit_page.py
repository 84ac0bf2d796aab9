"""The audit log of a tenant: who did what to what, by person, kind, subject and time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import streamlit as st

from monitoring_app import runtime, texts
from monitoring_app.presentation.fields import LONGEST, Fields, day_of
from monitoring_app.presentation.figures import words
from monitoring_app.presentation.nodes import Node, h, moment, page_href
from monitoring_app.presentation.parts import empty_state, page_header, pager, row, table
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.audit import AuditReader
from runstore.runs.filters import BadCursorError, Cursor

A_PAGE: Final = 100
_COLUMNS: Final = {texts.COLUMN_WHEN: "", texts.AUDIT_WHO: "", texts.AUDIT_WHAT: "", texts.AUDIT_ABOUT: "wide"}


def draw(viewer: Viewer) -> None:
    params = {name: value.replace("\x00", "")[:LONGEST] for name, value in st.query_params.to_dict().items()}
    made = Fields("audit", viewer.tenant.slug, params)
    texts_of = (("actor", texts.AUDIT_WHO), ("verb", texts.AUDIT_WHAT), ("subject", texts.AUDIT_ABOUT))
    days = (("since", "From (UTC)"), ("until", "To (UTC)"))
    fields = made.bar(*(made.text(*one) for one in texts_of), *(made.day(*one) for one in days))
    header = page_header(viewer, texts.AUDIT, "Who did what in this tenant, newest first.")
    show(h("div", {"class": "stack"}, header, fields), "audit-header")
    since, until = (day_of(params, name) for name, _ in days)
    wanted = {name: params.get(name, "").strip() for name in ("actor", "verb", "subject")}
    cursor = _cursor(params.get("cursor", ""))
    found = AuditReader(runtime.current().database, viewer.scope).list(
        **wanted, since=_begin(since), until=_begin(until, days=1), before=cursor, limit=A_PAGE + 1
    )
    if not found:
        filtered = any(wanted.values()) or since or until or cursor
        none = "No entry matches", "Clear a field, or go back to the newest entries."
        show(empty_state(*(none if filtered else ("No entry yet", texts.AUDIT_EMPTY_WHY))), "audit-empty")
        return
    show(entries(viewer.tenant.slug, params, found, cursor), "audit-list")


def _cursor(text: str) -> Cursor | None:
    try:
        return Cursor.decode(text) if text else None
    except BadCursorError:
        return None


def _begin(day: date | None, days: int = 0) -> datetime | None:
    """The first moment of a day in UTC, or of one some days later."""
    return None if day is None else datetime.combine(day + timedelta(days=days), time(), UTC)


def entries(slug: str, params: Mapping[str, str], found: Sequence[Mapping[str, Any]], cursor: Cursor | None) -> Node:
    """A page of entries as a table, with the ways to older and newer ones."""
    shown = found[:A_PAGE]
    kept = {name: value for name, value in params.items() if name != "cursor"}
    last = Cursor(datetime.fromisoformat(shown[-1]["at"]), UUID(shown[-1]["id"]))
    older = page_href("audit", slug, {**kept, "cursor": last.encode()}) if len(found) > A_PAGE else None
    newest = page_href("audit", slug, kept) if cursor is not None else None
    said = f"{len(shown)} entries"
    return h(
        "div", {"class": "stack"}, table(texts.AUDIT, _COLUMNS, map(_row, shown)), pager(None, older, newest, said)
    )


def _row(one: Mapping[str, Any]) -> Node:
    detail = h("div", {"class": "muted small break"}, words(one["detail"])) if one["detail"] else None
    about = h("div", {"class": "mono break"}, one["subject"]), detail
    who = h("div", {"class": "cut", "title": one["actor"]}, one["actor"])
    what = h("span", {"class": "strong nowrap"}, one["verb"])
    return row(_COLUMNS, one["id"], moment(datetime.fromisoformat(one["at"])), who, what, about)
