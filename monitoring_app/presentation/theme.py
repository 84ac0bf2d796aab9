"""The hub's look, and how Streamlit is set up to serve it. Colours of light and dark hold 4.5:1 on their background."""

from __future__ import annotations

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

PAGE_CSS: Final = """
html [data-testid="stMainBlockContainer"]{max-width:1680px;padding:1.35rem 2rem 4rem}
html [data-testid="stHeader"]{background:transparent;height:2.75rem}
html [data-testid="stHeader"],html [data-testid="stToolbar"]{pointer-events:none}
html [data-testid="stHeader"] :is(button,a){pointer-events:auto}
html [data-testid="stSidebarHeader"]{height:2.5rem;min-height:2.5rem;padding-bottom:0;margin-bottom:0}
html [data-testid="stSidebarUserContent"]{padding-bottom:1rem}
html [data-testid="stSidebar"]{border-right:1px solid var(--st-border-color,rgba(128,140,155,.25))}
html [data-testid="stSidebar"][aria-expanded="false"]{visibility:hidden}
html [data-testid="stVerticalBlock"]{gap:.9rem}
html [data-testid="stWidgetLabel"] p{font-size:.8rem;font-weight:600}
html [data-testid="stElementToolbar"]{display:none}
.ta-loading{font:600 .95rem sans-serif;color:#526071;max-width:1240px;margin:3rem auto;padding:0 2rem}
.ta-line{height:2.2rem;margin-top:.7rem;border-radius:8px;background:rgba(128,140,155,.16)}
@media (prefers-color-scheme:dark){html:has(.ta-loading){background:#10151c}.ta-loading{color:#a9b5c5}}
html [data-testid="stIconMaterial"]{font:700 0/1 sans-serif!important}
html [data-testid="stIconMaterial"]::before{content:"\\203A";font-size:1.3rem}
html [data-testid="stSidebarCollapseButton"] [data-testid="stIconMaterial"]::before{content:"\\00AB"}
html [data-testid="stExpandSidebarButton"] [data-testid="stIconMaterial"]::before{content:"\\00BB"}
html details[open] summary [data-testid="stIconMaterial"]::before{content:"\\2304"}
.ta-skip{position:fixed;left:1rem;top:-4rem;z-index:1000000;padding:.5rem .9rem;border-radius:8px;background:#2456c7;color:#fff}
.ta-skip:focus{top:.6rem}
.ta-help{border:1px solid #77859a;border-radius:12px;padding:.6rem 1.2rem}
.ta-help kbd{display:inline-block;min-width:3.2rem;font-weight:700}
@media (max-width:640px){html [data-testid="stMainBlockContainer"]{padding:2.1rem 1rem 3rem}}
@media (prefers-reduced-motion:reduce){*{animation-duration:.01ms!important;transition-duration:.01ms!important}}
"""
"""Our own stylesheet for what Streamlit lays out itself; holds no value from data. `html` outweighs Streamlit's own rules.

Streamlit's header lies over the top of every page. It is see-through here, so a mouse has to reach what is below it.
"""
