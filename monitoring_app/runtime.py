"""The hub of this process: databases, sessions, settings. Pages reach it here; nothing exists before it is started."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from monitoring_app.operations.address import ListAddress
from monitoring_app.settings import HubSettings
from monitoring_app.web.identity import Sessions
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.runs.filters import RunFilter
from runstore.runs.reader import RunReader
from runstore.tenancy import TenantScope

STATEMENT_TIMEOUT_MS = 10_000
"""How long a person waits for the store before the page says that it is away."""


@dataclass(frozen=True, slots=True)
class Hub:
    """What a request or a page works with. Pages read from `database`, which cannot write.

    `app_database` is for sign-in, memberships, start actions, and notifications marked as read.
    """

    settings: HubSettings
    database: Database
    app_database: Database
    directory: Directory
    sessions: Sessions

    def reader(self, scope: TenantScope) -> RunReader:
        return RunReader(self.database, scope)

    def filter_of(self, scope: TenantScope, address: ListAddress) -> RunFilter:
        """Which runs a view of the list asks for at this moment, items found by their names included."""
        named = self.settings.items_called(self.database, scope, address.search) if address.search else ()
        return replace(address.filter(datetime.now(UTC)), named=named)

    def dispose(self) -> None:
        self.database.dispose()
        self.app_database.dispose()


_current: Hub | None = None


def build(settings: HubSettings) -> Hub:
    """A hub for these settings; connects to nothing yet."""
    limits = {"pool_size": 8, "statement_timeout_ms": STATEMENT_TIMEOUT_MS}
    app_database = Database(settings.app_database_url or settings.database_url, DatabaseRole.APP, **limits)
    return Hub(
        settings=settings,
        database=Database(settings.database_url, DatabaseRole.HUB, **limits),
        app_database=app_database,
        directory=Directory(app_database),
        # The demo's sessions may end with its process, so it may go without a secret of its own.
        sessions=Sessions(settings.session_secret or secrets.token_urlsafe(48)),
    )


def install(hub: Hub) -> None:
    """Makes `hub` the one that pages of this process use."""
    global _current
    _current = hub


def current() -> Hub:
    """The hub that serves this process. RuntimeError when a page runs outside of a served hub."""
    if _current is None:
        raise RuntimeError("No hub is being served in this process: start it with `tenantatlas hub`.")
    return _current
