"""Markup as values: trees of elements whose texts are always texts. The browser side, `view.js`, makes those that it knows.

A name from a tenant's data can only ever become a text node: there is no way to write markup here, so Markdown, HTML,
LaTeX or icon codes in it show as typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

Node = str | list[Any]
"""A text, or `[tag, attributes, child, …]`: what the view component is sent."""

PAGE_PATH: Final = re.compile(r"/[a-z][a-z0-9-]{0,40}")


def h(tag: str, attributes: Mapping[str, Any] | None = None, *children: Node | Iterable[Node] | None) -> Node:
    """An element. Attributes that are None or False are left out; children may be texts, elements or lists of them."""
    given = attributes.items() if attributes else ()
    node: list[Any] = [tag, {name: value for name, value in given if value is not None and value is not False}]
    # A thousand of these make a page of the list, hence no call for each child.
    for child in children:
        if child is None:
            continue
        if isinstance(child, str):
            node.append(child)
            continue
        parts = child if isinstance(child, list) else list(child)
        # An element is told from a list of nodes by its attributes.
        if len(parts) > 1 and isinstance(parts[1], dict):
            node.append(parts)
        else:
            node.extend(parts)
    return node


def blocks(**parts: Node | None) -> Node:
    """Parts of a page under each other, each known by its name: one that comes or goes leaves the others untouched."""
    found: list[Node] = []
    for name, part in parts.items():
        if isinstance(part, list):
            found.append([part[0], {**part[1], "key": name}, *part[2:]])
    return h("div", {"class": "stack"}, found)


def page_href(page: str, tenant: str, parameters: Mapping[str, str] | None = None) -> str:
    """The address of a page of the hub for a tenant. A page name that is not a plain path leads to the operations list."""
    path = page if page.startswith("/") else f"/{page}"
    if not PAGE_PATH.fullmatch(path):
        path = "/operations"
    rest = [(name, value) for name, value in (parameters or {}).items() if name != "tenant"]
    return f"{path}?{urlencode([('tenant', tenant), *rest], errors='replace')}"


def link(href: str, *children: Node | Iterable[Node], **attributes: Any) -> Node:
    """A link within the hub: followed without reloading the page; a new tab works as anywhere."""
    return h("a", {"href": href, **_dashed(attributes)}, *children)


def external(href: str, *children: Node, **attributes: Any) -> Node:
    """A link to a configured address outside of the hub, opened beside it."""
    return h("a", {"href": href, "data-external": "1", **_dashed(attributes)}, *children)


def moment(value: datetime, style: str = "relative", **attributes: Any) -> Node:
    """A time as the viewer's clock and zone show it, or how long ago it is; the absolute time is its tooltip.

    `style` is `relative`, `elapsed` (counted on by the browser) or `clock`. The text is for before that.
    """
    utc = value.astimezone(UTC)
    shown = utc.strftime("%Y-%m-%d %H:%M UTC")
    return h("time", {"datetime": utc.isoformat(), "data-time": style, **_dashed(attributes)}, shown)


def copy_button(text: str, label: str) -> Node:
    """A button that puts `text` on the clipboard and says so."""
    return h(
        "button",
        {"type": "button", "class": "ghost", "data-copy": text, "aria-label": label, "title": label},
        icon("copy"),
    )


def _dashed(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}


STROKES: Final[Mapping[str, tuple[str, ...]]] = {
    "queued": ("M12 7v5l3 2", "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0"),
    "running": ("M21 12a9 9 0 1 1-6.2-8.6",),
    "succeeded": ("M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0", "M8 12.3l2.8 2.7L16 9.5"),
    "partial": ("M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0", "M12 7.5v5.5", "M12 16.4v.2"),
    "failed": ("M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0", "M9 9l6 6M15 9l-6 6"),
    "aborted": ("M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0", "M8 12h8"),
    "operations": ("M4 6h16M4 12h16M4 18h10",),
    "bell": ("M6 16v-5a6 6 0 1 1 12 0v5l2 2H4z", "M10 21h4"),
    "audit": ("M6 3h9l4 4v14H6z", "M9 11h7M9 15h7M9 7h3"),
    "out": ("M14 4H5v16h9", "M10 12h11M17.5 8.5L21 12l-3.5 3.5"),
    "copy": ("M9 9h11v11H9z", "M5 15H4V4h11v1"),
    "link": ("M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1", "M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1"),
    "download": ("M12 4v11M7.5 11l4.5 4.5 4.5-4.5", "M4 20h16"),
    "close": ("M6 6l12 12M18 6L6 18",),
    "left": ("M14.5 6l-6 6 6 6",),
    "right": ("M9.5 6l6 6-6 6",),
    "up": ("M6 14.5l6-6 6 6",),
    "warning": ("M12 4l9.5 16h-19z", "M12 10v4.5M12 17v.2"),
    "empty": ("M4 13l3-8h10l3 8v6H4z", "M4 13h5l1 2.5h4l1-2.5h5"),
    "external": ("M14 4h6v6", "M20 4l-9 9", "M18 14v6H4V6h6"),
    "added": ("M12 5v14M5 12h14",),
    "removed": ("M5 12h14",),
    "modified": ("M4 20l1-4L16 5l3 3L8 19z",),
    "brand": ("M12 2.5l8.5 4.8v9.4L12 21.5l-8.5-4.8V7.3z", "M8 12.2l3 3 5.5-6"),
}


@cache
def icon(name: str, class_: str = "icon") -> Node:
    """A line drawing of the hub's own set; decoration only, the word stands beside it or in the label."""
    return drawing(STROKES[name], f"{class_} icon-{name}")


def drawing(strokes: Sequence[str], class_: str = "icon") -> Node:
    """Strokes on a field of 24 by 24, as `icon` draws them: for the icon of a producer's page."""
    return h(
        "svg", {"class": class_, "viewBox": "0 0 24 24", "aria-hidden": "true"}, [h("path", {"d": d}) for d in strokes]
    )
