"""Fields above a list. The address is the truth: a field shows what it says, and a change of one is a step to another address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import streamlit as st

LONGEST: Final = 200
FIRST: Final = date(2000, 1, 1)
LAST: Final = date(2999, 12, 31)
_PLACES: Final = ("from", "cursor")
"""What names a place in a list, which is another list's once a field has changed."""


def text_field(page: str, name: str, label: str, *, width: int = 168) -> None:
    """A text of the address."""
    key = f"{page}_{name}"
    st.session_state[key] = st.query_params.get(name, "").replace("\x00", "")[:LONGEST]
    st.text_input(label, key=key, max_chars=LONGEST, width=width, on_change=_set, args=(name, key))


def choice_field(page: str, name: str, label: str, options: Mapping[str, str], *, width: int = 168) -> None:
    """One of `options`, value → what is shown; the empty value is none."""
    key = f"{page}_{name}"
    wanted = st.query_params.get(name, "")
    st.session_state[key] = wanted if wanted in options else ""
    shown = dict(options)
    st.selectbox(
        label, list(shown), key=key, width=width, format_func=lambda v: shown[v], on_change=_set, args=(name, key)
    )


def day_field(page: str, name: str, label: str, *, width: int = 168) -> date | None:
    """A day; None, and an empty field, for a text of the address that is none."""
    key = f"{page}_{name}"
    try:
        day = date.fromisoformat(st.query_params.get(name, ""))
    except ValueError:
        day = None
    if day is not None and not FIRST <= day <= LAST:
        day = None
    st.session_state[key] = day
    st.date_input(label, key=key, width=width, min_value=FIRST, max_value=LAST, on_change=_set, args=(name, key))
    return day


def _set(name: str, key: str) -> None:
    value: Any = st.session_state[key]
    text = value.isoformat() if isinstance(value, date) else str(value or "").strip()
    kept = {n: v for n, v in st.query_params.to_dict().items() if n not in (name, *_PLACES)}
    st.query_params.from_dict({**kept, name: text} if text else kept)
