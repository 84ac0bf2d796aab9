"""Pieces that more than one page uses: page header, empty state, notice, table, pager."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from monitoring_app import texts
from monitoring_app.presentation.nodes import Node, h, icon, link, page_href
from monitoring_app.session import Viewer

READONLY_NOTE = "Your role in this tenant is readonly: ask an owner or manager for the role operator to start this."


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


def forbidden() -> Node:
    """The one answer for every tenant that is not the viewer's, whether or not it or the thing asked for exists."""
    return empty_state(texts.FORBIDDEN_TITLE, texts.FORBIDDEN, way=("/", texts.TO_OPERATIONS))


def downloads(address: str, parameters: Mapping[str, str]) -> Node:
    """The ways to the files of what a page shows; `address` is theirs without its ending."""
    ways = [
        link(f"{address}.{kind}?{urlencode(parameters)}", [icon("download"), kind.upper()], class_="button", data_load="1",
             aria_label=f"Export {kind.upper()}")
        for kind in ("csv", "json")
    ]  # fmt: skip
    return h("div", {"class": "row"}, ways)


def notice(text: str, tone: str = "gray", *more: Node, icon_name: str = "warning") -> Node:
    """A sentence set apart, with an icon in its tone."""
    return h("div", {"class": f"notice tone-{tone}", "role": "status"}, icon(icon_name), h("span", None, text), *more)


def table(
    label: str, columns: Mapping[str, str], rows: Iterable[Node], heads: Mapping[str, Node] | None = None
) -> Node:
    """A table: columns as heading → classes. On a narrow screen each row becomes a block of labelled cells, two beside each other.

    There `wide` takes a whole line, `bare` has no label, `top` comes first and `bottom` last, `end` is to the right.
    `heads` are what stands in place of some headings.
    """
    shown = {heading: heading for heading in columns} | dict(heads or {})
    cells = [h("th", {"scope": "col", "class": columns[heading] or None}, head) for heading, head in shown.items()]
    parts = h("thead", None, h("tr", None, cells)), h("tbody", None, list(rows))
    return h("div", {"class": "table-frame stacked"}, h("table", {"aria-label": label}, parts))


def row(columns: Mapping[str, str], key: str | None, *cells: Node | tuple[Node | None, ...] | None) -> Node:
    """A row of such a table, with a cell for each column, of one node or of several."""
    made = (
        h("td", {"class": class_ or None, "data-label": heading}, *(cell if isinstance(cell, tuple) else (cell,)))
        for (heading, class_), cell in zip(columns.items(), cells, strict=True)
    )
    return h("tr", {"key": key}, *made)


def offset_of(params: Mapping[str, str]) -> int:
    """Where in a list an address's page begins; 0 for what is no number, or one that no list reaches."""
    text = params.get("from", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def offset_pager(
    page: str, slug: str, params: Mapping[str, str], *, shown: int, total: int, size: int, more: str = ""
) -> Node:
    """The neighbours of a page whose place in the list is told by an offset, in pages of `size`."""
    first = offset_of(params)

    def at(start: int) -> str:
        kept = {name: value for name, value in params.items() if name != "from"}
        return page_href(page, slug, {**kept, "from": str(start)} if start else kept)

    newer = at(max(first - size, 0)) if first else None
    older = at(first + size) if first + size < total else None
    return pager(newer, older, None, f"{first + 1:,}–{first + shown:,} of {total:,}{more}")


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
        {"class": "pager", "aria-label": "Pages of the list"},
        step(newest, "Newest", "up"),
        step(newer, "Newer", "left"),
        h("span", {"class": "muted"}, shown),
        step(older, "Older", "right", after=True),
    )
