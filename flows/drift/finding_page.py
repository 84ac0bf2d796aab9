"""A finding, or a change that several share, as a page shows it: closed a line, open its changes and where each stands."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flows.drift.attribution import who_and_when
from flows.drift.reports.shape import VALUE_SHOWN, Shape, shape
from flows.drift.reports.summary import KINDS, Told, change_words, ids_line, way_of
from monitoring_app.presentation.figures import plural, type_name
from monitoring_app.presentation.nodes import Node, h, icon, link, moment, page_href
from runstore.ids import by_name

CHANGES_SHOWN: Final = 100
EVENTS_SHOWN: Final = 20
POLICIES_SHOWN: Final = 20
NOTHING: Final = "(nothing)"
TONES: Final = {"critical": "red", "high": "red", "medium": "orange", "low": "blue"}
STATE_WORDS: Final = {
    "open": "Open",
    "acknowledged": "Acknowledged",
    "accepted": "Accepted",
    "expiring": "Expiring within 30 days",
    "resolved": "Resolved",
    "all": "Any state",
}
FACETS: Final = {"setting": "Setting", "assignment": "Assignment", "scope_tag": "Scope tag", "property": "Property"}
_ICONS: Final = {"policy_added": "added", "policy_removed": "removed"}
_STATE_TONES: Final = {"acknowledged": "blue", "accepted": "green", "resolved": "gray"}


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
        h("span", {"class": f"badge tone-{_STATE_TONES[state]}"}, state) if state in _STATE_TONES else None,
        h("span", {"class": "muted small nowrap"}, KINDS.get(kind, kind)),
        h("span", {"class": "muted small nowrap"}, plural(count, "change")) if count else None,
    )  # fmt: skip
    body: list[Node] = [change(each) for each in one.shown[:CHANGES_SHOWN]]
    if count > CHANGES_SHOWN:
        more = f"and {count - CHANGES_SHOWN:,} more changes; the report and --json have them all"
        body.append(h("p", {"class": "muted small"}, more))
    known = events or {}
    if one.is_group:
        body += [_member(slug, each, known.get(str(each["id"]), ())) for each in one.findings]
    else:
        body += _about(slug, first, known.get(str(first["id"]), ()))
    # A finding may be told by a group and by what is its own.
    key = f"{'group' if one.is_group else 'own'}-{first['id']}-{one.shown[0]['path'] if one.shown else ''}"
    return h("details", {"class": "group", "key": key, "open": is_open}, summary, h("div", {"class": "body"}, body))


def _member(slug: str, one: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Node:
    state = STATE_WORDS[str(one["status"])]
    name = h("span", {"class": "strong grow break"}, str(one["policy_name"]))
    summary = h("summary", None, name, h("span", {"class": "muted small"}, state))
    attributes = {"class": "group", "key": str(one["id"])}
    return h("details", attributes, summary, h("div", {"class": "body"}, _about(slug, one, events)))


def _about(slug: str, one: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[Node]:
    said = [str(note) for note in one.get("notes", [])]
    if one.get("previous_policy_id"):
        said.append(f"Deleted and made again; its id was {one['previous_policy_id']} before.")
    if touched := one.get("policies"):
        more = f" and {len(touched) - POLICIES_SHOWN} more" if len(touched) > POLICIES_SHOWN else ""
        names: Mapping[str, str] = one.get("policy_names", {})
        ids = [str(each) for each in touched[:POLICIES_SHOWN]]
        listed = ", ".join(by_name(each, names) for each in ids)
        said.append(f"In {plural(len(touched), 'policy', 'policies')}: {listed}{more}")
    body: list[Node] = [h("p", {"class": "muted small break"}, note) for note in said]
    if who := who_and_when(one.get("changed_by")):
        body.append(h("p", {"class": "small break"}, f"Last changed: {who}"))
    body.append(_standing(slug, one))
    body += [_event(event) for event in events[:EVENTS_SHOWN]]
    if one["policy_id"]:
        there = page_href("policy", slug, {"id": str(one["policy_id"]), "scope": str(one["scope"])})
        logged = page_href("audit", slug, {"subject": str(one["id"])})
        ways = [
            link(there, ["History of the policy", icon("right")]),
            link(logged, ["In the audit log", icon("right")]),
            h("span", {"class": "muted mono break"}, str(one["policy_id"])),
        ]
        body.append(h("div", {"class": "row small"}, ways))
    return body


def _standing(slug: str, one: Mapping[str, Any]) -> Node:
    about: list[tuple[str, Node]] = [
        (f"{STATE_WORDS[str(one['status'])]} since", _moment(one["since"])),
        ("First seen", _moment(one["first_seen_at"])),
        ("Last seen", _moment(one["last_seen_at"])),
    ]
    said = [(label, one.get(name)) for label, name in (("Scope", "scope"), ("Owner", "owner"), ("Reason", "reason"))]
    about += [(label, h("span", {"class": "break"}, str(value))) for label, value in said if value]
    if "accepted_until" in one:
        about.append(("Accepted until", _moment(one["accepted_until"])))
    there = page_href("findings", slug, {"run": str(one["run_id"])})
    found_by = link(there, ["The comparison that found it", icon("right")])
    return h("div", {"class": "stack"}, facts(about), h("p", {"class": "small"}, found_by))


def facts(about: Sequence[tuple[str, Node]]) -> Node:
    shown = [h("div", None, h("dt", None, name), h("dd", None, value)) for name, value in about]
    return h("dl", {"class": "facts"}, shown)


def _event(event: Mapping[str, Any]) -> Node:
    detail = event["detail"]
    why = " · ".join(str(detail[name]) for name in ("owner", "reason", "until") if detail.get(name))
    said = h("span", {"class": "break"}, f"{event['actor']}: {event['event']}{f' · {why}' if why else ''}")
    return h("div", {"class": "row small"}, _moment(event["at"]), said)


def _moment(text: str) -> Node:
    return moment(datetime.fromisoformat(text))


def change(one: Mapping[str, Any]) -> Node:
    facet = FACETS.get(str(one["facet"]), str(one["facet"]))
    name = way_of(one)
    said = (h("span", {"class": "strong break"}, name), h("span", {"class": "muted small"}, facet))
    head = h("div", {"class": "row"}, *said)
    ids = [text for text in (str(one["path"]), ids_line(one)) if text and text != name]
    where = [h("div", {"class": "muted small mono break"}, text) for text in ids]
    shaped = shape(one, VALUE_SHOWN)
    note = h("p", {"class": "muted small break"}, shaped.note) if shaped.note else None
    more = h("p", {"class": "muted small"}, f"and {shaped.left_out:,} more") if shaped.left_out else None
    return h("div", {"class": "stack"}, h("div", None, head, where), _values(shaped), note, more)


def _values(shaped: Shape) -> Node:
    if shaped.diff:
        return h("div", {"class": "side tone-gray"}, h("pre", None, [_line(line) for line in shaped.diff]))
    if shaped.came or shaped.gone:
        sides = (("Removed", shaped.gone, "red"), ("Added", shaped.came, "green"))
        return h("div", {"class": "sides"}, [_members(*side) for side in sides if side[1]])
    if shaped.is_short:
        sides = [_short(shaped.before, "red"), h("span", {"class": "muted"}, "→"), _short(shaped.after, "green")]
        return h("div", {"class": "row"}, sides)
    old, new = shaped.parts()
    before = _side("Before", None if shaped.before is None else old, "red")
    return h("div", {"class": "sides"}, before, _side("After", None if shaped.after is None else new, "green"))


def _line(line: str) -> Node:
    """A line of a diff; its sign says the same as its colour."""
    tone = {"+": "tone-green", "-": "tone-red"}.get(line[:1])
    return h("div", {"class": f"toned {tone}" if tone else "muted"}, line or " ")


def _members(label: str, members: Sequence[str], tone: str) -> Node:
    listed = h("ul", None, [h("li", None, h("pre", None, one or '""')) for one in members])
    return _toned(tone, h("div", {"class": "label"}, label), listed)


def _short(value: str | None, tone: str) -> Node:
    return h("span", {"class": "muted"}, NOTHING) if value is None else _toned(tone, h("pre", None, value or '""'))


def _side(label: str, parts: Sequence[str] | None, tone: str) -> Node:
    """A long value; what is its own stands out."""
    name = h("div", {"class": "label"}, label)
    if parts is None:
        return _toned("gray", name, h("div", None, NOTHING))
    begin, own, end = parts
    return _toned(tone, name, h("pre", None, begin, h("strong", None, own), end))


def _toned(tone: str, *inside: Node) -> Node:
    return h("div", {"class": f"side tone-{tone}"}, *inside)
