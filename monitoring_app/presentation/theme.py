"""The hub's look, and how Streamlit is set up to serve it. Colours of light and dark hold 4.5:1 on their background."""

import re
from pathlib import Path
from typing import Any, Final

_TONES: Final = {
    "green": (("#2f9e62", "#3fb27a"), ("#14683e", "#6fd6a2"), ("#e7f5ed", "#12291e")),
    "red": (("#d8434a", "#e5646a"), ("#b0232c", "#ff9a9e"), ("#fdecec", "#33191c")),
    "orange": (("#e0912a", "#d99a3d"), ("#8a4b00", "#f3c27a"), ("#fff3e0", "#2e2312")),
    "blue": (("#4a7fe0", "#5f8fee"), ("#1f4fb5", "#9dbfff"), ("#e9f0fd", "#17233b")),
    "gray": (("#8b97a6", "#77859a"), ("#526071", "#a9b5c5"), ("#eef1f5", "#1e2732")),
}
"""Of each the colour, its text's and its background's."""
_PARTS: Final = ("Color", "TextColor", "BackgroundColor")
_COLOURS: Final = {
    "primaryColor": ("#2456c7", "#3b6fdc"),
    "backgroundColor": ("#ffffff", "#10151c"),
    "secondaryBackgroundColor": ("#f4f6f9", "#171e27"),
    "textColor": ("#18212d", "#e5eaf1"),
    "borderColor": ("#dde3ea", "#2a3441"),
    "linkColor": ("#2456c7", "#8db0ff"),
    **{tone + part: pair for tone, pairs in _TONES.items() for part, pair in zip(_PARTS, pairs, strict=True)},
    "sidebar.backgroundColor": ("#f4f6f9", "#0c1016"),
}
"""In light and in dark."""

STREAMLIT_OPTIONS: Final[dict[str, Any]] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "viewer",
    "client.disableDataExport": True,
    "client.allowedOrigins": [],
    "global.suppressDeprecationWarnings": True,
    "runner.magicEnabled": False,
    # A full collection after each run of a script took five times as long as the run; Python's own come when they are due.
    "runner.postScriptGC": False,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.allowRunOnSave": False,
    "server.headless": True,
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.enableAgentApi": False,
    "server.enableStaticServing": False,
    "server.maxUploadSize": 1,
    "server.maxWidgetStateSize": 1,
    # A closed tab's state is dropped soon; what a page shows is in its address, so nothing is lost with it.
    "server.disconnectedSessionTTL": 30,
    "theme.baseRadius": "8px",
    "theme.buttonRadius": "8px",
    "theme.showWidgetBorder": True,
    "theme.baseFontSize": 15,
    **{f"theme.light.{name}": light for name, (light, _) in _COLOURS.items()},
    **{f"theme.dark.{name}": dark for name, (_, dark) in _COLOURS.items()},
}

_NAMED: Final = "".join(
    f"--st-{re.sub('[A-Z]', lambda found: '-' + found[0].lower(), name).replace('.', '-')}:light-dark({light},{dark});"
    for name, (light, dark) in _COLOURS.items()
)
"""The colours by the names that Streamlit gives them for a component, and that of the side bar."""

PAGE_CSS: Final = Path(__file__).with_name("page.css").read_text(encoding="utf-8") + f".ta-first{{{_NAMED}}}\n"
"""Our own stylesheet for what Streamlit lays out itself; holds no value from data. `html` outweighs Streamlit's own rules.

Streamlit's header lies over the top of every page. It is see-through here, so a mouse has to reach what is below it.
"""
