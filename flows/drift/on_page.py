"""A finding, or a change that several share, as a page shows it: closed a line, open its changes and where each stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flows.drift import texts
from flows.drift.attribution import who_and_when
from flows.drift.reports.groups import Told
from flows.drift.reports.lines import change_words, ids_line, way_of
from flows.drift.reports.shape import VALUE_SHOWN, Shape, shape
from monitoring_app.presentation.figures import plural, type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href

CHANGES_SHOWN: Final = 100
EVENTS_SHOWN: Final = 20
POLICIES_SHOWN: Final = 20
TONES: Final = {"critical": "red", "high": "red", "medium": "orange", "low": "blue"}
_ICONS: Final = {"policy_added": "added", "policy_removed": "removed"}
_STATES: Final = {"acknowledged": "blue", "accepted": "green", "resolved": "gray"}


def entry(
    slug: str, one: Told, *, is_open: bool = False, events: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> Node:
    """What is told as one in the tenant `slug`: closed a line, open its changes and where each of its findings stands.

    `events` are the last ones of each finding, by its id.
    """
    first = one.findings[0]
    kind, policy_type = str(first["kind"]), type_name(str(first["policy_type"]))
    states = {str(each["status"]) for each in one.findings}
    state = states.pop() if len(states) == 1 else ""
    count = len(one.shown)
    name = one.policy if one.is_group else str(first["policy_name"] or policy_type)
    about = f"{policy_type} · {change_words(one.shown[0])}" if one.is_group else policy_type
    tone = TONES.get(one.severity, "gray")
    summary = h(
        "summary",
        None,
        h("span", {"class": f"badge tone-{tone}"}, icon(_ICONS.get(kind, "modified")), one.severity),
        h("span", {"class": "grow"}, h("span", {"class": "strong break"}, name), " ",
          h("span", {"class": "muted small break"}, about)),
        h("span", {"class": f"badge tone-{_STATES[state]}"}, state) if state in _STATES else None,
        h("span", {"class": "muted small nowrap"}, texts.KINDS.get(kind, kind)),
        h("span", {"class": "muted small nowrap"}, plural(count, "change")) if count else None,
    )  # fmt: skip
    body: list[Node] = [change(each) for each in one.shown[:CHANGES_SHOWN]]
    if count > CHANGES_SHOWN:
        body.append(h("p", {"class": "muted small"}, texts.MORE_CHANGES.format(count=f"{count - CHANGES_SHOWN:,}")))
    known = events or {}
    if one.is_group:
        body += [_member(slug, each, known.get(str(each["id"]), ())) for each in one.findings]
    else:
        body += _about(slug, first, known.get(str(first["id"]), ()))
    # A finding may be told by a group and by what is its own.
    key = f"{'group' if one.is_group else 'own'}-{first['id']}-{one.shown[0]['path'] if one.shown else ''}"
    return h("details", {"class": "group", "key": key, "open": is_open}, summary, h("div", {"class": "body"}, body))


def _member(slug: str, one: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Node:
    """One finding of a group: a line that opens."""
    state = texts.STATES[str(one["status"])]
    name = h("span", {"class": "strong grow break"}, str(one["policy_name"]))
    summary = h("summary", None, name, h("span", {"class": "muted small"}, state))
    attributes = {"class": "group", "key": str(one["id"])}
    return h("details", attributes, summary, h("div", {"class": "body"}, _about(slug, one, events)))


def _about(slug: str, one: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[Node]:
    """What is known of a finding besides its changes."""
    said = [str(note) for note in one.get("notes", [])]
    if one.get("previous_policy_id"):
        said.append(texts.WAS_BEFORE.format(id=one["previous_policy_id"]))
    if touched := one.get("policies"):
        more = (
            f" {texts.MORE_REFUSED.format(count=len(touched) - POLICIES_SHOWN)}"
            if len(touched) > POLICIES_SHOWN
            else ""
        )
        names: Mapping[str, str] = one.get("policy_names", {})
        ids = [str(each) for each in touched[:POLICIES_SHOWN]]
        listed = ", ".join(f"{names[each]} ({each})" if each in names else each for each in ids)
        said.append(texts.TOUCHED.format(count=plural(len(touched), "policy", "policies"), names=f"{listed}{more}"))
    body: list[Node] = [h("p", {"class": "muted small break"}, note) for note in said]
    if who := who_and_when(one.get("changed_by")):
        body.append(h("p", {"class": "small break"}, texts.LAST_CHANGED.format(who=who)))
    body.append(_standing(slug, one))
    body += [_event(event) for event in events[:EVENTS_SHOWN]]
    if one["policy_id"]:
        there = page_href("policy", slug, {"id": str(one["policy_id"]), "scope": str(one["scope"])})
        logged = page_href("audit", slug, {"subject": str(one["id"])})
        ways = [
            link(there, [texts.HISTORY, icon("right")]),
            link(logged, [texts.AUDIT, icon("right")]),
            h("span", {"class": "muted mono break"}, str(one["policy_id"])),
        ]
        body.append(h("div", {"class": "row small"}, ways))
    return body


def _standing(slug: str, one: Mapping[str, Any]) -> Node:
    facts: list[tuple[str, Node]] = [
        (texts.SINCE.format(state=texts.STATES[str(one["status"])]), _moment(one["since"])),
        (texts.FIRST_SEEN, _moment(one["first_seen_at"])),
        (texts.LAST_SEEN, _moment(one["last_seen_at"])),
        (texts.SCOPE, h("span", {"class": "break"}, str(one["scope"]))),
    ]
    if one.get("owner"):
        facts.append((texts.OWNER, h("span", {"class": "break"}, str(one["owner"]))))
    if one.get("reason"):
        facts.append((texts.REASON, h("span", {"class": "break"}, str(one["reason"]))))
    if "accepted_until" in one:
        facts.append((texts.UNTIL, _moment(one["accepted_until"])))
    found_by = link(page_href("findings", slug, {"run": str(one["run_id"])}), [texts.COMPARISON, icon("right")])
    shown = [h("div", None, h("dt", None, name), h("dd", None, value)) for name, value in facts]
    return h("div", {"class": "stack"}, h("dl", {"class": "facts"}, shown), h("p", {"class": "small"}, found_by))


def _event(event: Mapping[str, Any]) -> Node:
    """Who did what when, and why."""
    detail = event["detail"]
    why = " · ".join(str(detail[name]) for name in ("owner", "reason", "until") if detail.get(name))
    said = h("span", {"class": "break"}, f"{event['actor']}: {event['event']}{f' · {why}' if why else ''}")
    return h("div", {"class": "row small"}, _moment(event["at"]), said)


def _moment(text: str) -> Node:
    return moment(datetime.fromisoformat(text))


def change(one: Mapping[str, Any]) -> Node:
    """One setting and what differs in it."""
    facet = texts.FACETS.get(str(one["facet"]), str(one["facet"]))
    name = way_of(one)
    head = h(
        "div", {"class": "row"}, h("span", {"class": "strong break"}, name), h("span", {"class": "muted small"}, facet)
    )
    ids = [text for text in (str(one["path"]), ids_line(one)) if text and text != name]
    where = [h("div", {"class": "muted small mono break"}, text) for text in ids]
    shaped = shape(one, VALUE_SHOWN)
    note = h("p", {"class": "muted small break"}, shaped.note) if shaped.note else None
    more = (
        h("p", {"class": "muted small"}, texts.MORE_REFUSED.format(count=f"{shaped.left_out:,}"))
        if shaped.left_out
        else None
    )
    return h("div", {"class": "stack"}, h("div", None, head, where), _values(shaped), note, more)


def _values(shaped: Shape) -> Node:
    if shaped.diff:
        return h("div", {"class": "side tone-gray"}, h("pre", None, [_line(line) for line in shaped.diff]))
    if shaped.came or shaped.gone:
        sides = ((texts.REMOVED, shaped.gone, "red"), (texts.ADDED, shaped.came, "green"))
        return h(
            "div", {"class": "sides"}, [_members(label, members, tone) for label, members, tone in sides if members]
        )
    old, new = shaped.parts()
    if shaped.is_short:
        sides = [_short(shaped.before, "red"), h("span", {"class": "muted"}, "→"), _short(shaped.after, "green")]
        return h("div", {"class": "row"}, sides)
    return h(
        "div",
        {"class": "sides"},
        _side(texts.BEFORE, None if shaped.before is None else old, "red"),
        _side(texts.AFTER, None if shaped.after is None else new, "green"),
    )


def _line(line: str) -> Node:
    """A line of a diff; its sign says the same as its colour."""
    tone = {"+": "tone-green", "-": "tone-red"}.get(line[:1])
    return h("div", {"class": f"toned {tone}" if tone else "muted"}, line or " ")


def _members(label: str, members: Sequence[str], tone: str) -> Node:
    listed = h("ul", None, [h("li", None, h("pre", None, one or '""')) for one in members])
    return h("div", {"class": f"side tone-{tone}"}, h("div", {"class": "label"}, label), listed)


def _short(value: str | None, tone: str) -> Node:
    if value is None:
        return h("span", {"class": "muted"}, texts.NOTHING)
    return h("div", {"class": f"side tone-{tone}"}, h("pre", None, value or '""'))


def _side(label: str, parts: Sequence[str] | None, tone: str) -> Node:
    """A long value; what is its own stands out."""
    if parts is None:
        return h("div", {"class": "side tone-gray"}, h("div", {"class": "label"}, label), h("div", None, texts.NOTHING))
    begin, own, end = parts
    shown = h("pre", None, begin, h("strong", None, own), end)
    return h("div", {"class": f"side tone-{tone}"}, h("div", {"class": "label"}, label), shown)
