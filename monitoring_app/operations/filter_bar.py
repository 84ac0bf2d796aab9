"""The fields above the list. The address is the truth: fields show it, and a change of one is a step to another address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from monitoring_app import texts
from monitoring_app.operations.address import MAX_TEXT, REFRESH_CHOICES, REFRESH_DEFAULT, ListAddress, Period
from monitoring_app.presentation.nodes import Node, h, page_href
from monitoring_app.session import Viewer
from runstore.reasons import Catalogue
from runstore.runs.insights import Choices, known_zone
from runstore.runs.operation import OperationType

_TIMES: Final = ("range", "since", "until", "at")
_ORDERS: Final = (("", "Newest first"), ("duration", "Longest first"))
_T = TypeVar("_T")


def filter_fields(
    slug: str,
    address: ListAddress,
    types: Sequence[OperationType],
    choices: Choices,
    catalogue: Catalogue,
    now: datetime,
) -> Node:
    """The fields for a view of the tenant's list. `now` is where a time range begins that is still to be set."""

    def part(name: str) -> dict[str, Any]:
        return {"data-base": _base(slug, address, (name,)), "data-name": name}

    def choice(
        name: str, label: str, none: str, chosen: _T | None, offered: Sequence[_T], said: Callable[[_T], str]
    ) -> Node:
        # What came by address may no longer be among what is offered.
        known = offered if chosen is None or chosen in offered else [*offered, chosen]
        options = [("", none), *((str(one), said(one)) for one in known)]
        return _field(label, _select(label, options, str(chosen or ""), part(name)))

    def meaning(code: str) -> str:
        known = catalogue.get(code)
        return code if known is None else f"{known.meaning} ({code})"

    search = {
        "id": _id(texts.FILTER_SEARCH),
        "type": "text",
        "maxlength": str(MAX_TEXT),
        "placeholder": "Id, or part of a name",
        "data-value": address.search or "",
        **part("q"),
    }
    refresh = [
        ("" if choice == REFRESH_DEFAULT else str(choice), f"every {choice} s" if choice else "Off")
        for choice in REFRESH_CHOICES
    ]
    seconds = "" if address.refresh == REFRESH_DEFAULT else str(address.refresh)
    kept = {name: value for name, value in address.to_params().items() if name != "refresh"}
    looked_at = {"data-base": page_href("operations", slug, kept), "data-name": "refresh"}
    active = len(address.filters())
    folds = {"type": "button", "class": "button fold", "data-fold": "1", "aria-expanded": "false"}
    fields = (
        choice("type", "Type", "All types", address.type, types, lambda one: one.label),
        _times(slug, address, now),
        choice("by", "Started by", "Anyone", address.initiator, choices.initiators, str),
        choice("scope", "Scope", "All scopes", address.scope, choices.scopes, str),
        choice("reason", "Reason", "Any reason", address.reason, choices.reasons, meaning),
        _field(texts.FILTER_SEARCH, h("input", search)),
        # On a wide screen the heading of the durations does this.
        _field("Order", _select("Order", _ORDERS, "duration" if address.longest else "", part("sort")), "field folded"),
        _field(texts.REFRESH, _select(texts.REFRESH, refresh, seconds, looked_at), "field brief"),
    )
    fold = h("button", folds, f"Filters ({active})" if active else "Filters")
    return h("div", None, fold, h("div", {"class": "fields"}, *fields))


def _times(slug: str, address: ListAddress, now: datetime) -> Node:
    until = now.replace(second=0, microsecond=0)
    is_between = bool(address.since or address.until)
    between = address if is_between else ListAddress(since=until - timedelta(days=1), until=until)
    at = address if address.at else ListAddress(at=until)
    choices = {
        "any": ("", "Any time"),
        **{period.value: (f"range={period.value}", period.label) for period in Period},
        "between": (_times_of(between), "Between …"),
        "at": (_times_of(at), "Was running at …"),
    }
    chosen = "at" if address.at else "between" if is_between else address.period.value if address.period else "any"
    attributes = {"data-base": _base(slug, address, _TIMES), "title": texts.FILTER_NOTE}
    return _field(texts.FILTER_PERIOD, _select(texts.FILTER_PERIOD, choices.values(), choices[chosen][0], attributes))


def _times_of(address: ListAddress) -> str:
    return urlencode([(name, value) for name, value in address.to_params().items() if name in _TIMES])


def _base(slug: str, address: ListAddress, names: Sequence[str]) -> str:
    rest = {name: value for name, value in address.changed().to_params().items() if name not in names}
    return page_href("operations", slug, rest)


def _field(label: str, control: Node, class_: str = "field") -> Node:
    return h("div", {"class": class_}, h("label", {"for": _id(label)}, label), control)


def _select(label: str, choices: Iterable[tuple[str, str]], value: str, attributes: dict[str, Any]) -> Node:
    options = [h("option", {"value": choice}, words) for choice, words in choices]
    return h("select", {"id": _id(label), "data-value": value, **attributes}, options)


def _id(label: str) -> str:
    return "field-" + label.lower().replace(" ", "-")


def moment_pickers(viewer: Viewer, address: ListAddress) -> None:
    """Draws what sets the moments of a time range that does not move with the clock; nothing for any other."""
    if not (address.since or address.until or address.at):
        return
    zone = ZoneInfo(known_zone(st.context.timezone))

    def picker(name: str, label: str, value: datetime | None) -> None:
        key = f"filter_{name}"
        st.session_state[key] = value.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0) if value else None

        def changed() -> None:
            chosen: datetime | None = st.session_state[key]
            moment = chosen.replace(tzinfo=zone).astimezone(UTC) if chosen is not None else None
            changed_to, _ = ListAddress.from_params(address.changed(**{name: moment}).to_params())
            st.query_params.from_dict({"tenant": viewer.tenant.slug, **changed_to.to_params()})

        st.datetime_input(f"{label} ({zone.key})", key=key, on_change=changed, width=250)

    with st.container(horizontal=True, gap="small"):
        if address.at:
            picker("at", "Moment", address.at)
        else:
            picker("since", "From", address.since)
            picker("until", "Until", address.until)
