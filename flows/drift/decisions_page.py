"""Deciding about findings on their page: acknowledge, accept, reopen, for one or many; rules for what nobody needs to see."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any, Final

import streamlit as st

from flows._policies.kept_words import is_allowed
from flows.drift.register.decisions import Decision, decide, matching
from flows.drift.register.filters import FindingFilter
from flows.drift.register.ignore_rules import IgnoreRule
from flows.drift.register.lifecycle import FindingStatus
from flows.drift.register.reading import reveal
from flows.drift.register.rule_book import add_ignore, list_ignores, preview_ignore, remove_rule
from flows.drift.reports.summary import KINDS
from monitoring_app.presentation.figures import plural, type_name
from monitoring_app.presentation.nodes import h
from monitoring_app.presentation.page import Viewer, page_database, start_database, still_there
from monitoring_app.presentation.parts import notice
from monitoring_app.presentation.view import show
from runstore.errors import TenantAtlasError
from runstore.tenancy import Permission, TenantScope

_SAID: Final = "findings_outcome"
_PICKED: Final = "findings_picked"
_ALL: Final = "findings_all"
_DECISION: Final = "findings_decision"
_OWNER: Final = "findings_accepted_owner"
_REASON: Final = "findings_accepted_reason"
_UNTIL: Final = "findings_accepted_until"
_REFUSALS_SHOWN: Final = 10
_RULES_SHOWN: Final = 20
_PATTERNS: Final = ("kind", "policy_type", "policy_name", "facet", "setting")
_CHOICES: Final = {
    FindingStatus.ACKNOWLEDGED.value: "Acknowledge",
    FindingStatus.ACCEPTED.value: "Accept",
    FindingStatus.OPEN.value: "Open again",
}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of the last decision in a tenant: a sentence, what was refused, and what may be opened again.

    With `is_once` it is told and forgotten: a revealed word is not shown to the next person at the same browser.
    """

    tenant: str
    told: str
    tone: str = "green"
    refused: Sequence[Mapping[str, Any]] = ()
    undo: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    is_once: bool = False


def outcome(viewer: Viewer) -> None:
    """What came of the last decision, with a way back where there is one; nothing when there was none in this tenant."""
    found = st.session_state.get(_SAID)
    if not isinstance(found, _Outcome) or found.tenant != viewer.tenant.slug:
        return
    why = [f"{one['policy_name'] or one['id']}: {one['why']}" for one in found.refused[:_REFUSALS_SHOWN]]
    if len(found.refused) > _REFUSALS_SHOWN:
        why.append(f"and {len(found.refused) - _REFUSALS_SHOWN} more")
    refusals = [h("div", {"class": "small break"}, one) for one in why]
    said = notice(found.told, found.tone, icon_name="succeeded" if found.tone == "green" else "warning")
    show(h("div", {"class": "stack"}, said, refusals), "findings-outcome")
    if found.is_once:
        del st.session_state[_SAID]
    if found.undo and viewer.may(Permission.OPERATE):
        back = partial(_decided, viewer, asked=Decision(FindingStatus.OPEN), chosen=found.undo)
        st.button("Undo: open them again", key="findings-undo", on_click=_try, args=(viewer, back))


def decisions(
    viewer: Viewer, document: Mapping[str, Any], found: Sequence[Mapping[str, Any]], whole: FindingFilter | None
) -> None:
    """The forms, for those who may decide; why not, for those who may not.

    `found` are the findings on the page; with `whole` all that it lets through may be decided about at once.
    """
    if not viewer.may(Permission.OPERATE):
        how = "ask an owner or manager for the role operator to decide about findings."
        show(notice(f"Your role in this tenant is readonly: {how}", "blue"), "findings-readonly")
        return
    offered = {str(one["id"]): one for one in found if one["status"] != FindingStatus.RESOLVED.value}
    with _folded("Decide about findings", "findings-decisions") as is_wanted:
        if is_wanted:
            _form(viewer, document, offered, whole)
            if viewer.may(Permission.ADMINISTER):
                _revealing(viewer, offered)
    with _folded("Hide changes that nobody needs to see", "findings-rules") as is_wanted:
        if is_wanted:
            _rules(viewer)


@contextmanager
def _folded(title: str, key: str) -> Generator[bool]:
    """A part that is drawn from when it is first opened: fifteen fields took a quarter of the page's time.

    From then on it stays, since Streamlit forgets what was typed into a field that is not drawn.
    """
    part = st.expander(title, key=key, on_change="rerun")
    if part.open:
        st.session_state[f"{key}-opened"] = True
    with part:
        yield f"{key}-opened" in st.session_state


def _revealing(viewer: Viewer, offered: Mapping[str, Mapping[str, Any]]) -> None:
    """A button for the words of one chosen finding; nothing where the tenant's owner does not allow it."""
    with page_database().transaction(viewer.scope) as connection:
        if not is_allowed(connection, viewer.scope):
            return

    def act(scope: TenantScope) -> _Outcome:
        chosen = [one for one in st.session_state[_PICKED] if one in offered]
        if len(chosen) != 1:
            return _Outcome(viewer.tenant.slug, "Choose the one finding whose opaque words you want to see.", "orange")
        words = reveal(start_database(), scope, chosen[0])["values"]
        told = "; ".join(f"{one['fingerprint']} is {one['value']}" for one in words)
        return _Outcome(viewer.tenant.slug, told or "No word of it is kept.", "blue", is_once=True)

    st.button("Reveal the chosen finding's words", key="findings-reveal", on_click=_try, args=(viewer, act))


def _form(
    viewer: Viewer, document: Mapping[str, Any], offered: Mapping[str, Mapping[str, Any]], whole: FindingFilter | None
) -> None:
    if not all(one in offered for one in st.session_state.get(_PICKED, [])):
        # Only then: what is set goes to the browser, over what was picked there since this script began.
        st.session_state[_PICKED] = [one for one in st.session_state[_PICKED] if one in offered]
    st.multiselect("Findings on this page", list(offered), key=_PICKED, format_func=lambda one: _named(offered[one]))
    if whole is not None:
        st.checkbox(f"All {document['total']:,} that the filters let through", key=_ALL)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        what = st.selectbox("Decision", list(_CHOICES), format_func=lambda one: _CHOICES[one], key=_DECISION, width=200)
        accepts = what == FindingStatus.ACCEPTED.value
        if accepts:
            st.session_state.setdefault(_OWNER, viewer.email)
            st.text_input("Owner", key=_OWNER, width=240)
            st.date_input("Until (UTC), if it ends", value=None, key=_UNTIL, width=200)
    if accepts:
        st.text_input("Reason", key=_REASON)

    def act(scope: TenantScope) -> _Outcome:
        # What was typed last is in the session only: the page was drawn before it.
        state = st.session_state
        asked = Decision(FindingStatus(state[_DECISION]))
        if asked.status is FindingStatus.ACCEPTED:
            owner, reason = (str(state.get(name) or "") for name in (_OWNER, _REASON))
            day: Any = state.get(_UNTIL)
            # The first moment of that day in UTC, as `drift accept --until` takes a date.
            end = datetime.combine(day, time(), UTC) if isinstance(day, date) else None
            asked = Decision.accepting(owner, reason, end)
        seen: Mapping[str, str | None] = {one: offered[one]["changed_at"] for one in state[_PICKED] if one in offered}
        if whole is not None and state.get(_ALL):
            seen = matching(start_database(), scope, whole, document["as_of"])
        return _decided(viewer, scope, asked, seen)

    def and_clear(scope: TenantScope) -> _Outcome:
        said = act(scope)
        st.session_state[_PICKED], st.session_state[_ALL] = [], False
        return said

    st.button("Decide", type="primary", key="findings-decide", on_click=_try, args=(viewer, and_clear))


def _decided(viewer: Viewer, scope: TenantScope, asked: Decision, chosen: Mapping[str, str | None]) -> _Outcome:
    slug = viewer.tenant.slug
    if not chosen:
        return _Outcome(slug, "Choose at least one finding.", "orange")
    result = decide(start_database(), scope, asked, dict(chosen))
    count, refused = len(result["decided"]), result["refused"]
    told = f"{plural(count, 'finding')} now {asked.status.value}."
    if refused:
        told = f"{told} {plural(len(refused), 'finding')} left as it was:"
    undo = {} if asked.status is FindingStatus.OPEN else dict.fromkeys((one["id"] for one in result["decided"]), None)
    return _Outcome(slug, told, "orange" if refused else "green", refused, undo)


def _try(viewer: Viewer, act: Callable[[TenantScope], _Outcome]) -> None:
    """Acts with the role as it is now. A refusal is said where the outcome would be, and what was typed stays."""
    try:
        st.session_state[_SAID] = act(still_there(viewer).scope)
    except TenantAtlasError as problem:
        st.session_state[_SAID] = _Outcome(viewer.tenant.slug, str(problem), "red")


def _named(one: Mapping[str, Any]) -> str:
    name = one["policy_name"] or type_name(str(one["policy_type"]))
    return f"{one['severity']} · {name} · {KINDS.get(str(one['kind']), one['kind'])}"


def _rules(viewer: Viewer) -> None:
    rules = list_ignores(page_database(), viewer.scope)["rules"]
    for rule in rules[:_RULES_SHOWN]:
        said = " · ".join(f"{name.replace('_', ' ')} {rule[name]}" for name in _PATTERNS if rule[name])
        with st.container(horizontal=True, vertical_alignment="center"):
            told = f"{said} — {rule['reason']} ({rule['created_by']})"
            show(h("span", {"class": "small break"}, told), f"rule-{rule['id']}")
            st.button("Remove", key=f"rule-remove-{rule['id']}", on_click=_remove, args=(viewer, rule["id"]))
    if len(rules) > _RULES_SHOWN:
        show(h("p", {"class": "muted small"}, f"and {len(rules) - _RULES_SHOWN} more"), "rules-more")
    labels = {
        "policy_type": "Type of policy (* for anything)",
        "policy_name": "Name of policy",
        "setting": "Setting or path",
    }
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for name, label in labels.items():
            st.text_input(label, key=f"ignore-{name}", max_chars=500, width=240)
    st.text_input("Reason for the rule", key="ignore-reason", max_chars=500)

    def rule_given() -> IgnoreRule:
        return IgnoreRule(**{name: str(st.session_state.get(f"ignore-{name}") or "").strip() for name in labels})

    def previewed(scope: TenantScope) -> _Outcome:
        found = preview_ignore(page_database(), scope, rule_given())
        names = ", ".join(dict.fromkeys(str(one["policy_name"]) for one in found["findings"][:_REFUSALS_SHOWN]))
        return _Outcome(viewer.tenant.slug, f"It would hide {plural(found['hidden'], 'change')}. {names}", "blue")

    def added(scope: TenantScope) -> _Outcome:
        add_ignore(start_database(), scope, rule_given(), str(st.session_state.get("ignore-reason") or ""))
        return _Outcome(viewer.tenant.slug, "The rule hides from now on; nothing that it hides is lost.")

    with st.container(horizontal=True, gap="small"):
        st.button("Preview", key="ignore-preview", on_click=_try, args=(viewer, previewed))
        st.button("Add the rule", key="ignore-add", on_click=_try, args=(viewer, added))


def _remove(viewer: Viewer, rule_id: str) -> None:
    def act(scope: TenantScope) -> _Outcome:
        remove_rule(start_database(), scope, rule_id)
        return _Outcome(viewer.tenant.slug, "The rule is gone; what it hid is shown again.")

    _try(viewer, act)
