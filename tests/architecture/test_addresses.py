"""`docs/contracts.md` lists every address the hub serves, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from monitoring_app import runtime
from monitoring_app.asgi import routes
from monitoring_app.pages import page_paths
from monitoring_app.settings import HubSettings

CONTRACTS = Path(__file__).parents[2] / "docs" / "contracts.md"


def listed() -> set[str]:
    """The addresses in the first column of the table."""
    section = CONTRACTS.read_text().split("## Web\n")[1].split("\n## ")[0]
    rows = re.findall(r"(?m)^\| (`/.*?) \|", section)
    return {address for row in rows for address in re.findall(r"`([^`]+)`", row)}


def test_the_contract_lists_every_address() -> None:
    hub = runtime.build(HubSettings(database_url="postgresql://nobody@localhost/none", demo=True))
    served = {route.path for route in routes(hub)} | set(page_paths()) | {"/"}
    assert listed() == served
