"""One finding as a page shows it: closed a line, open its changes and where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flows.drift import texts
from flows.drift.attribution import who_and_when
from monitoring_app.presentation.figures import plural, type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href

CHANGES_SHOWN: Final = 100
EVENTS_SHOWN: Final = 20
VALUE_SHOWN: Final = 2000
TONES: Final = {"critical": "red", "high": "red", "medium": "orange", "low": "blue"}
_ICONS: Final = {"policy_added": "added", "policy_removed": "removed"}
_STATES: Final = {"acknowledged": "blue", "accepted": "green", "resolved": "gray"}


def finding(
    slug: str, one: Mapping[str, Any], *, is_open: bool = False, events: Sequence[Mapping[str, Any]] = ()
) -> Node:
    """One finding of the tenant `slug`: closed a line, open its changes, where it stands and its last `events`."""
    changes: list[Mapping[str, Any]] = one["changes"]
    tone = TONES.get(str(one["severity"]), "gray")
    name = one["policy_name"] or type_name(str(one["policy_type"]))
    state = str(one["status"])
    summary = h(
        "summary",
        None,
        h("span", {"class": f"badge tone-{tone}"}, icon(_ICONS.get(str(one["kind"]), "modified")), str(one["severity"])),
        h("span", {"class": "grow"}, h("span", {"class": "strong break"}, str(name)), " ",
          h("span", {"class": "muted small"}, type_name(str(one["policy_type"])))),
        h("span", {"class": f"badge tone-{_STATES[state]}"}, state) if state in _STATES else None,
        h("span", {"class": "muted small nowrap"}, texts.KINDS.get(str(one["kind"]), str(one["kind"]))),
        h("span", {"class": "muted small nowrap"}, plural(len(changes), "change")) if changes else None,
    )  # fmt: skip
    body: list[Node] = [change(entry) for entry in changes[:CHANGES_SHOWN]]
    body += [h("p", {"class": "muted small"}, str(note)) for note in one.get("notes", [])]
    if who := who_and_when(one.get("changed_by")):
        body.append(h("p", {"class": "small break"}, texts.LAST_CHANGED.format(who=who)))
    body.append(_standing(slug, one))
    body += [_event(event) for event in events[:EVENTS_SHOWN]]
    if one["policy_id"]:
        body.append(h("p", {"class": "muted small mono break"}, str(one["policy_id"])))
    attributes = {"class": "group", "key": str(one["id"]), "open": is_open}
    return h("details", attributes, summary, h("div", {"class": "body"}, body))


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
