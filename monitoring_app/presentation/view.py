"""The one element the hub's pages are made of beside Streamlit's own input widgets: a tree of nodes, shown as it is."""

import json
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import streamlit as st

from monitoring_app.presentation.nodes import Node

_FOLDER = Path(__file__).parent
MAX_ACT = 200
MODULE = "/view.js"
"""Where the hub serves the browser's half of the element."""

_HTML = '<div class="root"></div>'
_LOADER = """
const view = await import(location.origin + "{address}");
export default view.default;
"""


@cache
def module() -> str:
    """The browser's half as one module of JavaScript, its styles included."""
    styles, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("view.css", "view.js"))
    return f"const STYLES = {json.dumps(styles)};\n{script}"


@cache
def module_address() -> str:
    """The module's address on this hub. It changes with the module, so a browser may keep what it got for good."""
    return f"{MODULE}?v={sha256(module().encode()).hexdigest()[:16]}"


@cache
def _component() -> Any:
    components: Any = st.components
    # Streamlit sends a component's code along with every element: five of them took a sixth of the list's time.
    return components.v2.component("tenantatlas_view", html=_HTML, js=_LOADER.format(address=module_address()))


def show(tree: Node, key: str, *, on_act: Callable[[str], None] | None = None) -> None:
    """Shows a tree. Under the same key a later one changes what is on the page in place.

    `on_act` is called with the `data-act` of the button that was pressed. It comes from a browser: check it.
    """

    def acted() -> None:
        value = getattr(st.session_state.get(key), "act", None)
        if on_act is not None and isinstance(value, str) and len(value) <= MAX_ACT:
            on_act(value)

    _component()(data=encoded(tree), key=key, on_act_change=acted if on_act is not None else None)


def encoded(tree: Node) -> bytes:
    """The tree as JSON. Streamlit would write it out twice, slowly, to tell one element from another; bytes it sums up."""
    try:
        return orjson.dumps(tree)
    except orjson.JSONEncodeError:
        # Half a character, as only an address can hold, is nothing UTF-8 can say.
        return json.dumps(tree).encode()
