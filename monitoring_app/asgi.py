"""The hub as it is served: Streamlit's app behind our own gate, with sign-in, permalinks, exports and health beside it."""

import gc
from pathlib import Path

import uvicorn
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit import config
from streamlit.starlette import App

from monitoring_app import pages, runtime
from monitoring_app.presentation.theme import STREAMLIT_OPTIONS
from monitoring_app.presentation.view import MODULE
from monitoring_app.settings import HubSettings
from monitoring_app.web.addresses import BRAND, FIRST
from monitoring_app.web.answers import Answers
from monitoring_app.web.exports import Exports
from monitoring_app.web.gate import Gate
from monitoring_app.web.served import Files, SecurityHeaders
from monitoring_app.web.signin import SignIn
from runstore.migrations import verify_schema

# The script only calls the module, which is loaded by now.
SCRIPT = Path(pages.__file__).with_name("app.py")


def create_app(settings: HubSettings) -> App:
    """The ASGI app. One hub per process: Streamlit keeps its configuration and its pages' state process-wide.

    Raises SchemaMismatchError or StoreUnavailableError when the store is not fit to be served.
    """
    verify_schema(settings.database_url, settings.producer_migrations)
    _configure_streamlit(settings)
    # The pages' modules are loaded now, so that nobody's first page waits for them.
    pages.pages()
    hub = runtime.build(settings)
    runtime.install(hub)
    return App(SCRIPT, routes=routes(hub), middleware=[*fences(hub), Middleware(Files)])


def routes(hub: runtime.Hub) -> list[Route]:
    """What the hub serves beside its pages."""
    sign_in, answers, exports = SignIn(hub), Answers(hub), Exports(hub)
    return [
        Route(BRAND, answers.brand),
        Route(FIRST, answers.first),
        Route(MODULE, answers.view_module),
        Route("/healthz", answers.alive),
        Route("/readyz", answers.ready),
        Route("/sign-in", sign_in.begin),
        Route("/sign-in/callback", sign_in.callback),
        Route("/sign-in/as", sign_in.choose, methods=["POST"]),
        Route("/sign-out", sign_in.end, methods=["POST"]),
        Route("/signed-out", sign_in.ended),
        Route("/r/{slug}/{run_id}", answers.permalink),
        Route("/export/runs.{kind}", exports.runs),
        Route("/export/items.{kind}", exports.items),
    ]


def fences(hub: runtime.Hub) -> list[Middleware]:
    """What every request passes before it comes to a route or to Streamlit."""
    return [Middleware(SecurityHeaders, settings=hub.settings), Middleware(Gate, hub=hub)]


def serve(host: str, port: int, settings: HubSettings) -> None:
    """Serves the hub until it is told to stop (SIGINT, SIGTERM). OSError when the port is taken."""
    app = create_app(settings)
    # What is loaded by now stays for good: a collection need not walk through it while every page waits. A page makes
    # thousands of objects and hardly a cycle: they need not be looked through again after every 700 of them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        # The peer's address decides whom identity headers are believed from: a forwarded one must not replace it.
        proxy_headers=False,
        ws_max_size=16 * 1024 * 1024,
        timeout_graceful_shutdown=5,
    )


def _configure_streamlit(settings: HubSettings) -> None:
    config.get_option("server.port")  # Reads the configuration files now, so that they cannot override what follows.
    for name, value in STREAMLIT_OPTIONS.items():
        config.set_option(name, value)
    config.set_option("server.corsAllowedOrigins", [settings.origin] if settings.origin else [])
    if settings.session_secret:
        config.set_option("server.cookieSecret", settings.session_secret)
