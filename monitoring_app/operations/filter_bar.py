"""The input widgets above the list. The address is the truth: widgets show it, and a change of one writes the address anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import streamlit as st

from monitoring_app import texts
from monitoring_app.operations.address import MAX_TEXT, ListAddress, Period
from monitoring_app.session import Viewer
from runstore.insights import known_zone
from runstore.operation import OperationType

_ANY: Final = ""
_BETWEEN: Final = "between"
_AT: Final = "at"
_TIMES: Final = {
    _ANY: "Any time",
    **{period.value: period.label for period in Period},
    _BETWEEN: "Between …",
    _AT: "Was running at …",
}
REFRESH_CHOICES: Final = (0, 5, 15, 60)
REFRESH_DEFAULT: Final = 5
_T = TypeVar("_T")


def open_address(viewer: Viewer, address: ListAddress) -> None:
    """Makes the view the page's own: one step of the browser's history."""
    st.query_params.from_dict({"tenant": viewer.tenant.slug, **address.to_params()})


def filter_bar(viewer: Viewer, address: ListAddress, types: Sequence[OperationType], people: Sequence[str]) -> int:
    """Draws the widgets for a view; answers the chosen refresh interval in seconds (0 for none)."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _choice(
            viewer, address, "type", texts.FILTER_TYPE, texts.FILTER_ANY_TYPE,
            {str(known): known.label for known in _with(address.type, types)},
            str(address.type or _ANY), lambda value: {"type": OperationType.parse(value) if value else None},
        )  # fmt: skip
        _times(viewer, address)
        _choice(
            viewer, address, "by", texts.FILTER_INITIATOR, texts.FILTER_ANYONE,
            {known: known for known in _with(address.initiator, people)},
            address.initiator or _ANY, lambda value: {"initiator": value or None},
        )  # fmt: skip
        _search(viewer, address)
        st.session_state.setdefault("refresh", REFRESH_DEFAULT)
        st.selectbox(texts.REFRESH, REFRESH_CHOICES, key="refresh", format_func=_interval, width=125, help=None)
    if address.since or address.until or address.at:
        _moments(viewer, address)
    return int(st.session_state["refresh"])


def _choice(
    viewer: Viewer,
    address: ListAddress,
    name: str,
    label: str,
    any_label: str,
    options: dict[str, str],
    value: str,
    parts: Callable[[str], dict[str, Any]],
) -> None:
    key = f"filter_{name}"
    st.session_state[key] = value

    def changed() -> None:
        open_address(viewer, address.changed(**parts(st.session_state[key] or _ANY)))

    labels = {_ANY: any_label, **options}
    st.selectbox(
        label, list(labels), key=key, format_func=lambda v: labels[v], on_change=changed, width=172
    )  # fmt: skip


def _times(viewer: Viewer, address: ListAddress) -> None:
    if address.at:
        value = _AT
    elif address.since or address.until:
        value = _BETWEEN
    else:
        value = address.period.value if address.period else _ANY
    st.session_state["filter_time"] = value

    def changed() -> None:
        chosen = st.session_state["filter_time"]
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        parts: dict[str, Any] = {"period": None, "since": None, "until": None, "at": None}
        if chosen == _BETWEEN:
            parts |= {"since": now - timedelta(days=1), "until": now}
        elif chosen == _AT:
            parts["at"] = now
        elif chosen:
            parts["period"] = Period(chosen)
        open_address(viewer, address.changed(**parts))

    st.selectbox(
        texts.FILTER_PERIOD, list(_TIMES), key="filter_time", format_func=lambda v: _TIMES[v], on_change=changed,
        width=172, help=texts.FILTER_NOTE,
    )  # fmt: skip


def _search(viewer: Viewer, address: ListAddress) -> None:
    st.session_state["filter_search"] = address.search or ""

    def changed() -> None:
        text = st.session_state["filter_search"].strip()
        found, ignored = ListAddress.from_params({**address.changed().to_params(), "q": text})
        open_address(viewer, found if not ignored else address.changed(search=None))

    st.text_input(
        texts.FILTER_SEARCH, key="filter_search", placeholder=texts.FILTER_SEARCH_HINT, max_chars=MAX_TEXT,
        on_change=changed, width=215,
    )  # fmt: skip


def _moments(viewer: Viewer, address: ListAddress) -> None:
    zone = ZoneInfo(known_zone(st.context.timezone))

    def picker(name: str, label: str, value: datetime | None) -> None:
        key = f"filter_{name}"
        st.session_state[key] = value.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0) if value else None

        def changed() -> None:
            chosen: datetime | None = st.session_state[key]
            moment = chosen.replace(tzinfo=zone).astimezone(UTC) if chosen is not None else None
            changed_to, _ = ListAddress.from_params(address.changed(**{name: moment}).to_params())
            open_address(viewer, changed_to)

        st.datetime_input(f"{label} ({zone.key})", key=key, on_change=changed, width=250)

    with st.container(horizontal=True, gap="small"):
        if address.at:
            picker("at", texts.FILTER_AT, address.at)
        else:
            picker("since", texts.FILTER_SINCE, address.since)
            picker("until", texts.FILTER_UNTIL, address.until)


def _interval(seconds: int) -> str:
    return texts.REFRESH_EVERY.format(seconds=seconds) if seconds else texts.REFRESH_OFF


def _with(chosen: _T | None, offered: Sequence[_T]) -> list[_T]:
    """The offered choices and the chosen one, which may have come by address and no longer be among them."""
    return list(offered) if chosen is None or chosen in offered else [*offered, chosen]
