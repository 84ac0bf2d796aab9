"""Opens the run store for one command: the embedded database while the command needs it, or the one configured."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url

from deployments.encryption import ensure_key
from deployments.local.embedded_database import EmbeddedDatabase
from deployments.settings import Settings
from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.errors import BadInputError
from runstore.migrations import verify_schema
from runstore.tenancy import TenantScope


@dataclass
class StoreAccess:
    """Connections to one run store, made when first asked for and closed together."""

    url: str
    _databases: dict[DatabaseRole, Database] = field(default_factory=dict[DatabaseRole, Database])

    def database(self, role: DatabaseRole) -> Database:
        """The connections under this role. A command works one step at a time, so two connections are plenty."""
        if role not in self._databases:
            self._databases[role] = Database(self.url, role, pool_size=2)
        return self._databases[role]

    @property
    def admin(self) -> Database:
        return self.database(DatabaseRole.ADMIN)

    def directory(self, *, admin: bool = False) -> Directory:
        """The tenants and their members, to read or, as `admin`, to change."""
        return Directory(self.admin if admin else self.database(DatabaseRole.APP))

    def scope(self, tenant: str, acting_as: str | None) -> TenantScope:
        """The tenant as seen by the local operator, or by the member named. NotFoundError, ForbiddenError."""
        return self.directory().for_operator(tenant, acting_as)

    def tenants(self, acting_as: str | None) -> list[str]:
        """The slugs of all tenants for the local operator, of the member's own for the member named. ForbiddenError."""
        if acting_as is None:
            return [tenant.slug for tenant in self.directory().tenants() if not tenant.is_leaving]
        return [tenant.slug for tenant, _ in self.directory().member(acting_as).tenants]

    def dispose(self) -> None:
        for database in self._databases.values():
            database.dispose()


@contextmanager
def open_store(settings: Settings, *, verify: bool = True) -> Generator[StoreAccess]:
    """The run store the settings name. An embedded database without a schema gets one; an older one stays as it is.

    With `verify`, SchemaMismatchError for that. StoreUnavailableError, EmbeddedDatabaseError when it is not reachable.
    """
    with ExitStack() as stack:
        url = configured_url(settings) or stack.enter_context(EmbeddedDatabase(settings.home)).url()
        # In the home that the database has just made, or said that it cannot use.
        ensure_key(settings)
        if verify:
            if settings.is_embedded and not migrations.found(url):
                migrations.upgrade(url, migration_folders())
            verify_schema(url, migration_folders())
        access = StoreAccess(url)
        stack.callback(access.dispose)
        yield access


def configured_url(settings: Settings) -> str | None:
    """The address of a PostgreSQL of one's own, or None for the embedded one."""
    return None if settings.database_url is None else settings.database_url.get_secret_value()


def without_password(url: str) -> str:
    """The address as it may be shown: no password, wherever it stood."""
    parsed = make_url(url)
    query = {name: value for name, value in parsed.query.items() if "password" not in name.lower()}
    return URL.create(
        parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database, query
    ).render_as_string()


def own_url(settings: Settings, who: Literal["hub", "relay", "worker"]) -> str:
    """The address at which such a process logs in: its own, or the one all share. BadInputError when there is none."""
    own: SecretStr | None = getattr(settings, f"{who}_database_url")
    url = own.get_secret_value() if own is not None else configured_url(settings)
    if url is None:
        raise BadInputError(
            f"The {who} does not know its database: set TENANTATLAS_DATABASE_URL to its address, or start everything with "
            "`tenantatlas up`."
        )
    return url
