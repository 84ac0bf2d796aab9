"""Findings: what stands open, by state, severity, type, policy, owner and text; or what one comparison found."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from flows.drift.comparison.severity import Severity
from flows.drift.comparison.withheld import not_compared, why_empty
from flows.drift.decisions_page import decisions, outcome
from flows.drift.finding_page import STATE_WORDS, entry
from flows.drift.register.filters import STATES, TEXT_LIMIT, FindingFilter
from flows.drift.register.reading import LIMIT, findings_document, histories
from flows.drift.reports.summary import told
from monitoring_app.presentation.fields import Fields
from monitoring_app.presentation.figures import plural, type_name
from monitoring_app.presentation.nodes import Node, h, link, page_href
from monitoring_app.presentation.page import Viewer, page_database
from monitoring_app.presentation.parts import empty_state, notice, offset_of, offset_pager, page_header
from monitoring_app.presentation.view import show
from runstore.ids import uuid_or_none

A_PAGE: Final = 25


def draw(viewer: Viewer) -> None:
    params = {name: value.replace("\x00", "")[:TEXT_LIMIT] for name, value in st.query_params.to_dict().items()}
    run = uuid_or_none(params.get("run", ""))
    lead = "What has drifted and nobody has accepted, in every scope, most severe first."
    if run:
        lead = "What one comparison found, and where each finding stands now."
    way = link(page_href("findings", viewer.tenant.slug), "All that is open", class_="button") if run else None
    show(page_header(viewer, "Findings", lead, aside=way), "findings-header")
    # In a place of its own: where it moved the form below, that would fold.
    with st.container():
        outcome(viewer)
    wanted = _wanted(params)
    offset = offset_of(params)
    document = findings_document(
        page_database(),
        viewer.scope,
        run_id=str(run) if run else None,
        wanted=wanted,
        # Of a run rules may hide anything, so where its pages begin is known when all of it was read.
        offset=0 if run else offset,
        limit=LIMIT if run else A_PAGE,
    )
    if document["withheld"]:
        show(notice(not_compared(document["withheld"]), "orange"), "findings-withheld")
    is_filtered = wanted != FindingFilter()
    if not document["comparisons"] or (not document["counts"] and not is_filtered):
        title = "Nothing is open" if document["comparisons"] else "Nothing compared yet"
        show(empty_state(title, why_empty(document)), "findings-empty")
        if not run and (document["comparisons"] or wanted.scope_key):
            _filters(viewer.tenant.slug, params, document, of_run=False)
        return
    _filters(viewer.tenant.slug, params, document, of_run=run is not None)
    found = document["findings"][offset : offset + A_PAGE] if run else document["findings"]
    if found:
        decisions(viewer, document, found, None if run else wanted)
    events = histories(page_database(), viewer.scope, [one["id"] for one in found])
    show(_list(viewer.tenant.slug, params, found, document, events), "findings-list")


def _wanted(params: Mapping[str, str]) -> FindingFilter:
    """What the address asks for; what it cannot mean is left out."""
    state, severity = params.get("state", ""), params.get("severity", "")
    return FindingFilter(
        state=state if state in STATES else "",
        severity=severity if severity in list(Severity) else "",
        policy_type=params.get("type", ""),
        policy_id=params.get("policy", ""),
        owner=params.get("owner", "").strip(),
        text=params.get("q", "").strip(),
        scope_key=params.get("scope") or None,
    )


def _filters(slug: str, params: Mapping[str, str], document: Mapping[str, Any], *, of_run: bool) -> None:
    types = {str(one["policy_type"]) for one in document["counts"]} | {params.get("type", "")} - {""}
    states = {"": "Any state" if of_run else "Open and acknowledged", **STATE_WORDS}
    severities = {"": "Any severity", **{one.value: one.value for one in Severity}}
    named = {"": "All types", **{name: type_name(name) for name in sorted(types)}}
    scopes = {str(one["scope"]) for one in document["comparisons"]} | {params.get("scope", "")} - {""}
    of_scope = {"": "All scopes", **{name: name for name in sorted(scopes)}}
    policy, name = params.get("policy"), next((str(one["policy_name"]) for one in document["findings"]), "")
    made = Fields("findings", slug, params)
    fields = (
        made.choice("state", "State", states, "field broad"),
        made.choice("severity", "Severity", severities),
        made.choice("type", "Policy type", named),
        None if of_run else made.choice("scope", "Scope", of_scope),
        made.choice("policy", "Policy", {"": "Every policy's", policy: name or policy}) if policy else None,
        made.text("owner", "Owner"),
        made.text("q", "Policy, owner, reason", "Part of a text"),
    )
    show(made.bar(*fields), "findings-filters")


def _list(
    slug: str,
    params: Mapping[str, str],
    found: Sequence[Mapping[str, Any]],
    document: Mapping[str, Any],
    events: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Node:
    if not found:
        return h("p", {"class": "muted"}, "No finding matches these filters.")
    hidden = f" · {plural(document['ignored'], 'change')} hidden by ignore rules" if document["ignored"] else ""
    total = document["total"]
    pages = offset_pager("findings", slug, params, shown=len(found), total=total, size=A_PAGE, more=hidden)
    cards = [entry(slug, one, is_open=number == 0, events=events) for number, one in enumerate(told(found))]
    return h("div", {"class": "stack"}, cards, pages)
