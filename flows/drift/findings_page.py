"""Findings: what differs between two syncs, by severity, type and policy, before and after side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from flows.drift import texts
from flows.drift.attribution import who_and_when
from flows.drift.register.reading import findings_document, why_empty
from flows.drift.register.words import withheld_words
from monitoring_app.presentation import words
from monitoring_app.presentation.figures import plural, type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, page_href
from monitoring_app.presentation.page import Viewer, page_database
from monitoring_app.presentation.parts import empty_state, notice, page_header, pager
from monitoring_app.presentation.view import show
from runstore.ids import uuid_or_none

A_PAGE: Final = 50
CHANGES_SHOWN: Final = 100
VALUE_SHOWN: Final = 2000
_TONES: Final = {"critical": "red", "high": "red", "medium": "orange", "low": "blue"}
_ICONS: Final = {"policy_added": "added", "policy_removed": "removed"}


def draw(viewer: Viewer) -> None:
    """The page."""
    params = st.query_params.to_dict()
    run = uuid_or_none(params.get("run", ""))
    lead = texts.OF_RUN if run else texts.FINDINGS_LEAD
    way = link(page_href("findings", viewer.tenant.slug), texts.ALL_FINDINGS, class_="button") if run else None
    show(page_header(viewer, texts.FINDINGS, lead, aside=way), "findings-header")
    document = findings_document(page_database(), viewer.scope, run_id=str(run) if run else None)
    everything: list[dict[str, Any]] = document["findings"]
    if document["withheld"]:
        show(withheld(document["withheld"]), "findings-withheld")
    if not everything:
        show(empty_state(texts.FINDINGS_EMPTY_TITLE, why_empty(document)), "findings-empty")
        return
    chosen = _filters(params, everything)
    found = [one for one in everything if _matches(one, chosen)]
    text = params.get("from", "0")
    offset = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
    show(_list(viewer.tenant.slug, params, found, offset), "findings-list")


def _filters(params: Mapping[str, str], everything: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    severities = [name for name in _TONES if any(one["severity"] == name for one in everything)]
    severities += sorted({str(one["severity"]) for one in everything} - set(severities))
    types = sorted({str(one["policy_type"]) for one in everything})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _choice("severity", texts.SEVERITY, {"": texts.ANY_SEVERITY, **{name: name for name in severities}}, params)
        _choice(
            "type", words.POLICY_TYPE, {"": texts.FILTER_ANY_TYPE, **{name: type_name(name) for name in types}}, params
        )
        st.session_state["findings_q"] = params.get("q", "").replace("\x00", "")[:200]
        st.text_input(
            words.POLICY_SEARCH, key="findings_q", max_chars=200, width=260, on_change=lambda: _set("q", "findings_q")
        )
    return {name: st.session_state[f"findings_{name}"] or "" for name in ("severity", "type", "q")}


def _choice(name: str, label: str, options: dict[str, str], params: Mapping[str, str]) -> None:
    key = f"findings_{name}"
    wanted = params.get(name, "")
    st.session_state[key] = wanted if wanted in options else ""
    st.selectbox(
        label, list(options), key=key, width=220, format_func=lambda v: options[v], on_change=lambda: _set(name, key)
    )


def _set(name: str, key: str) -> None:
    value = (st.session_state[key] or "").strip()
    kept = {n: v for n, v in st.query_params.to_dict().items() if n not in (name, "from")}
    st.query_params.from_dict({**kept, name: value} if value else kept)


def _matches(one: Mapping[str, Any], chosen: Mapping[str, str]) -> bool:
    if chosen["severity"] and one["severity"] != chosen["severity"]:
        return False
    if chosen["type"] and one["policy_type"] != chosen["type"]:
        return False
    wanted = chosen["q"].casefold()
    return not wanted or wanted in str(one["policy_name"]).casefold() or wanted in str(one["policy_id"]).casefold()


def _list(slug: str, params: Mapping[str, str], found: Sequence[Mapping[str, Any]], offset: int) -> Node:
    shown = found[offset : offset + A_PAGE]
    if not shown:
        return h("p", {"class": "muted"}, texts.FINDINGS_NO_MATCH)

    def at(start: int) -> str:
        kept = {name: value for name, value in params.items() if name != "from"}
        return page_href("findings", slug, {**kept, "from": str(start)} if start else kept)

    newer = at(max(offset - A_PAGE, 0)) if offset else None
    older = at(offset + A_PAGE) if offset + A_PAGE < len(found) else None
    said = words.ITEMS_COUNT.format(first=offset + 1, last=offset + len(shown), total=len(found))
    cards = [finding(one, is_open=number == 0) for number, one in enumerate(shown)]
    return h("div", {"class": "stack"}, cards, pager(newer, older, None, said))


def withheld(entries: Sequence[Mapping[str, Any]]) -> Node:
    """What was not compared, and why: an incomplete read is no drift."""
    said = [withheld_words(one) for one in entries[:20]]
    return notice(f"{texts.WITHHELD}: {'; '.join(said)}", "orange")


def finding(one: Mapping[str, Any], *, is_open: bool = False) -> Node:
    """One finding: closed a line, open its changes."""
    changes: list[Mapping[str, Any]] = one["changes"]
    tone = _TONES.get(str(one["severity"]), "gray")
    name = one["policy_name"] or type_name(str(one["policy_type"]))
    summary = h(
        "summary",
        None,
        h("span", {"class": f"badge tone-{tone}"}, icon(_ICONS.get(str(one["kind"]), "modified")), str(one["severity"])),
        h("span", {"class": "grow"}, h("span", {"class": "strong break"}, str(name)), " ",
          h("span", {"class": "muted small"}, type_name(str(one["policy_type"])))),
        h("span", {"class": "muted small nowrap"}, texts.KINDS.get(str(one["kind"]), str(one["kind"]))),
        h("span", {"class": "muted small nowrap"}, plural(len(changes), "change")) if changes else None,
    )  # fmt: skip
    body: list[Node] = [change(entry) for entry in changes[:CHANGES_SHOWN]]
    body += [h("p", {"class": "muted small"}, str(note)) for note in one.get("notes", [])]
    if who := who_and_when(one.get("changed_by")):
        body.append(h("p", {"class": "small break"}, texts.LAST_CHANGED.format(who=who)))
    if one["policy_id"]:
        body.append(h("p", {"class": "muted small mono break"}, str(one["policy_id"])))
    attributes = {"class": "group", "key": str(one["id"]), "open": is_open}
    return h("details", attributes, summary, h("div", {"class": "body"}, body))


def change(entry: Mapping[str, Any]) -> Node:
    """One setting before and after."""
    facet = texts.FACETS.get(str(entry["facet"]), str(entry["facet"]))
    head = h(
        "div",
        {"class": "row"},
        h("span", {"class": "strong break"}, str(entry["setting"])),
        h("span", {"class": "muted small"}, facet),
    )
    path = str(entry["path"])
    where = h("div", {"class": "muted small mono break"}, path) if path != str(entry["setting"]) else None
    sides = h(
        "div",
        {"class": "sides"},
        _side(texts.BEFORE, entry.get("before_name") or entry["before"], "red"),
        _side(texts.AFTER, entry.get("after_name") or entry["after"], "green"),
    )
    return h("div", {"class": "stack"}, h("div", None, head, where), sides)


def _side(label: str, value: Any, tone: str) -> Node:
    if value is None:
        return h("div", {"class": "side tone-gray"}, h("div", {"class": "label"}, label), h("div", None, texts.NOTHING))
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    shown = text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}…"
    return h("div", {"class": f"side tone-{tone}"}, h("div", {"class": "label"}, label), h("pre", None, shown or '""'))
