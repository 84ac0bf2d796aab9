"""The one element the hub's pages are made of beside Streamlit's own input widgets: a tree of nodes, shown as it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from monitoring_app.presentation.nodes import Node

_FOLDER = Path(__file__).parent
_HTML = '<div class="root"></div>'


@cache
def _component() -> Any:
    components: Any = st.components
    return components.v2.component(
        "tenantatlas_view",
        html=_HTML,
        css=(_FOLDER / "view.css").read_text(encoding="utf-8"),
        js=(_FOLDER / "view.js").read_text(encoding="utf-8"),
    )


def show(tree: Node, key: str, *, title: str | None = None) -> None:
    """Shows a tree. Under the same key a later one changes what is on the page in place.

    `title` becomes the browser tab's.
    """
    data: dict[str, Any] = {"tree": tree}
    if title:
        data["title"] = title
    _component()(data=data, key=key)
