"""What a page is made with: where it is, what it is called, who is looking, and the store it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitoring_app import runtime
from monitoring_app.session import Viewer
from runstore.database import Database

CONFIGURATION = "Configuration"
"""The section of the menu for what belongs to a tenant's policies."""


@dataclass(frozen=True, slots=True)
class HubPage:
    """One page, at `/<path>`.

    `icon` is its drawing, strokes of SVG on a field of 24 by 24. `section` is None for a page without a place of its own in
    the menu; `menu` is the path of the page that is marked there instead. Within a section `order` counts, then the path.
    """

    path: str
    title: str
    icon: Sequence[str]
    draw: Callable[[Viewer], None]
    section: str | None = None
    menu: str | None = None
    order: int = 100


def page_database() -> Database:
    """The store as pages read it: under a role, and where it is set up a login, that cannot write."""
    return runtime.current().database


def start_database() -> Database:
    """The store for what a page starts or makes, under a role that may do that."""
    return runtime.current().app_database
