"""Pieces that more than one page uses: page header, empty state, notice, table, pager."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitoring_app import texts
from monitoring_app.presentation.nodes import Node, h, icon, link
from monitoring_app.session import Viewer


def page_header(viewer: Viewer, title: str, lead: str | None = None, *, aside: Node | None = None) -> Node:
    """The page's name under the tenant's: whose data this is stands above everything."""
    words = h(
        "div",
        {"class": "grow"},
        h("div", {"class": "eyebrow"}, viewer.tenant.name),
        h("h1", None, title),
        h("p", {"class": "lead"}, lead) if lead else None,
    )
    return h("header", {"class": "page-header"}, words, aside)


def empty_state(title: str, text: str, *, way: tuple[str, str] | None = None) -> Node:
    """Why there is nothing to see, and what to do; `way` is (address, label)."""
    onward = link(way[0], way[1], class_="button") if way else None
    return h("div", {"class": "empty"}, icon("empty", "icon big"), h("h2", None, title), h("p", None, text), onward)


def notice(text: str, tone: str = "gray", *more: Node, icon_name: str = "warning") -> Node:
    """A sentence set apart, with an icon in its tone."""
    return h("div", {"class": f"notice tone-{tone}", "role": "status"}, icon(icon_name), h("span", None, text), *more)


def table(label: str, columns: Sequence[tuple[str, str]], rows: Iterable[Node], class_: str = "") -> Node:
    """A table: columns as (heading, class). On a narrow screen each row becomes a block, so cells carry `data-label`."""
    heads = [h("th", {"scope": "col", "class": name or None}, heading) for heading, name in columns]
    return h(
        "div",
        {"class": f"table-frame {class_}".strip()},
        h(
            "table",
            {"aria-label": label},
            h("thead", None, h("tr", None, heads)),
            h("tbody", None, list(rows)),
        ),
    )


def cell(label: str, *children: Node | Iterable[Node] | None, class_: str | None = None) -> Node:
    """A table cell that still says what it is when the row is shown as a block."""
    return h("td", {"class": class_, "data-label": label}, *children)


def pager(newer: str | None, older: str | None, newest: str | None, shown: str) -> Node:
    """Links to the neighbouring pages; a missing neighbour is plain text, so the row does not jump."""

    def step(href: str | None, label: str, name: str, after: bool = False) -> Node:
        content = [label, icon(name)] if after else [icon(name), label]
        if href is None:
            return h("span", {"class": "step off", "aria-hidden": "true"}, content)
        return link(href, content, class_="step")

    if newer is None and older is None and newest is None:
        return h("div", {"class": "pager"}, h("span", {"class": "muted"}, shown))
    return h(
        "nav",
        {"class": "pager", "aria-label": texts.PAGES_LABEL},
        step(newest, texts.PAGE_NEWEST, "up"),
        step(newer, texts.PAGE_NEWER, "left"),
        h("span", {"class": "muted"}, shown),
        step(older, texts.PAGE_OLDER, "right", after=True),
    )
