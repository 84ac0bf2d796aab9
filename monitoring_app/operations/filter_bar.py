"""The fields above the list. The address is the truth: fields show it, and a change of one is a step to another address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from monitoring_app import texts
from monitoring_app.operations.address import MAX_TEXT, REFRESH_CHOICES, REFRESH_DEFAULT, ListAddress, Period
from monitoring_app.presentation.fields import Fields, field, select
from monitoring_app.presentation.nodes import Node, page_href
from runstore.reasons import Catalogue
from runstore.runs.insights import Choices

_TIMES: Final = ("range", "since", "until", "at")
_ORDERS: Final = {"": "Newest first", "duration": "Longest first"}
_T = TypeVar("_T")


def filter_fields(
    slug: str,
    address: ListAddress,
    ignored: Sequence[str],
    choices: Choices,
    catalogue: Catalogue,
    now: datetime,
    zone: ZoneInfo,
) -> Node:
    """The fields for a view of the tenant's list. `now` is where a time range begins that is still to be set."""
    made = Fields("operations", slug, address.to_params(), ignored)

    def choice(
        name: str, label: str, none: str, chosen: _T | None, offered: Sequence[_T], said: Callable[[_T], str]
    ) -> Node:
        # What came by address may no longer be among what is offered.
        known = offered if chosen is None or chosen in offered else [*offered, chosen]
        return made.choice(name, label, {"": none, **{str(one): said(one) for one in known}})

    def meaning(code: str) -> str:
        known = catalogue.get(code)
        return code if known is None else f"{known.meaning} ({code})"

    refresh = [
        ("" if choice == REFRESH_DEFAULT else str(choice), f"every {choice} s" if choice else "Off")
        for choice in REFRESH_CHOICES
    ]
    seconds = "" if address.refresh == REFRESH_DEFAULT else str(address.refresh)
    kept = {name: value for name, value in address.to_params().items() if name != "refresh"}
    looked_at = {"data-base": page_href("operations", slug, kept), "data-name": "refresh"}
    fields = (
        choice("type", "Type", "All types", address.type, choices.types, lambda one: one.label),
        _times(made, address, now),
        *_moments(made, address, zone),
        choice("by", "Started by", "Anyone", address.initiator, choices.initiators, str),
        choice("scope", "Scope", "All scopes", address.scope, choices.scopes, str),
        choice("reason", "Reason", "Any reason", address.reason, choices.reasons, meaning),
        made.text("q", "Run or item", "Id, or part of a name", longest=MAX_TEXT),
        # On a wide screen the heading of the durations does this.
        made.choice("sort", "Order", _ORDERS, "field folded"),
        field("Refresh", select("Refresh", refresh, seconds, looked_at), "field brief"),
    )
    return made.bar(*fields, active=len(address.filters()))


def _times(made: Fields, address: ListAddress, now: datetime) -> Node:
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
    # The value of a choice is a part of the address by itself: it has no name.
    attributes = {**made.step(*_TIMES), "data-name": None, "title": texts.FILTER_NOTE}
    return field("Time", select("Time", choices.values(), choices[chosen][0], attributes))


def _times_of(address: ListAddress) -> str:
    return urlencode([(name, value) for name, value in address.to_params().items() if name in _TIMES])


def _moments(made: Fields, address: ListAddress, zone: ZoneInfo) -> list[Node]:
    """What sets the moments of a time range that does not move with the clock; nothing for any other."""
    ends = [("since", "From", address.since), ("until", "Until", address.until)]
    if address.at or not (address.since or address.until):
        ends = [("at", "Moment", address.at)] if address.at else []
    return [made.moment(name, f"{label} ({zone.key})", at.astimezone(zone) if at else None) for name, label, at in ends]
