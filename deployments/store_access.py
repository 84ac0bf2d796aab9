"""Opens the run store for one command, embedded or configured, and keeps the key it is encrypted under."""

import os
import secrets
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url

from deployments.local.embedded_database import EmbeddedDatabase
from deployments.settings import Settings
from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.errors import BadInputError
from runstore.migrations import verify_schema
from runstore.tenancy import LOCAL_OPERATOR, TenantScope


@dataclass
class StoreAccess:
    url: str
    _databases: dict[DatabaseRole, Database] = field(default_factory=dict[DatabaseRole, Database])

    def database(self, role: DatabaseRole = DatabaseRole.APP) -> Database:
        """The connections under this role. A command works one step at a time, so two connections are plenty."""
        if role not in self._databases:
            self._databases[role] = Database(self.url, role, pool_size=2)
        return self._databases[role]

    @property
    def admin(self) -> Database:
        return self.database(DatabaseRole.ADMIN)

    def directory(self, *, admin: bool = False) -> Directory:
        return Directory(self.admin if admin else self.database())

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


def ensure_key(settings: Settings) -> None:
    """Makes the key of an embedded database that has none; one of one's own has to be given its key."""
    if settings.is_embedded and settings.encryption_key is None and settings.encryption_key_file is not None:
        kept_secret(settings.encryption_key_file)


def kept_secret(path: Path) -> str:
    """A random secret, made once and readable by its owner only: whole on the disk, or not there."""
    if not path.exists():
        draft = _draft(path, secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            # Two that start at once have the same one.
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


def everything_under_key(admin: Database) -> dict[str, int]:
    """Seals what is in clear or under an older key; how many rows, by tenant. May be repeated. EncryptionKeyError for a bad key."""
    # Every command makes sure of the key, and few need what this does.
    from flows._policies.sealing import BODIES, KeyRing, bring_under_key
    from flows.backup.sealing import ITEMS
    from flows.drift.tables import SEALED

    # Without a tenant nothing else looks at the key.
    KeyRing.from_environment()
    scopes = [TenantScope(tenant.id, tenant.slug, LOCAL_OPERATOR) for tenant in Directory(admin).tenants()]
    return {scope.slug: bring_under_key(admin, scope, (BODIES, *SEALED, ITEMS)) for scope in scopes}


def new_key(settings: Settings) -> Path:
    """The key's file, with a new key first. BadInputError when it is not in a file that can be written."""
    file = settings.encryption_key_file
    if settings.encryption_key is not None or file is None:
        raise BadInputError(
            "TENANTATLAS_ENCRYPTION_KEY is a setting of yours, which this command cannot change. Write the new key and the old one "
            "into a file, a line each, name it with TENANTATLAS_ENCRYPTION_KEY_FILE instead, and run `tenantatlas db seal`."
        )
    try:
        lines = file.read_text().split()
        if len(lines) == 1:
            _draft(file, f"{secrets.token_urlsafe(48)}\n{lines[0]}").replace(file)
    except OSError as problem:
        raise BadInputError(f"{file} cannot be changed: {problem.strerror or problem}.") from None
    return file


def forget_older(file: Path) -> None:
    _draft(file, file.read_text().splitlines()[0]).replace(file)


def report(admin: Database) -> tuple[list[str], int]:
    """What an operator has to know of how policies are kept, and the exit code: nothing and 0 when all are sealed and open."""
    from flows._policies.sealing import EncryptionKeyError, standing

    found = standing(admin)
    said: list[str] = []
    if found.in_clear:
        said.append(
            f"The policies of {found.in_clear} tenants are kept in clear: once every process is of this version, run "
            "`tenantatlas db seal`."
        )
    if found.other_key:
        why = ", and TENANTATLAS_ENCRYPTION_KEY is not set here: whatever reads or writes them needs it."
        if found.keys:
            why = (
                " under another key than TENANTATLAS_ENCRYPTION_KEY is here: nothing of them opens until it is the key of the "
                "database they come from."
            )
        said.append(f"The policies of {found.other_key} tenants are encrypted{why}")
    return said, EncryptionKeyError.exit_code if found.other_key else 0


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    return draft
