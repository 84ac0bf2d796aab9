"""A real PostgreSQL for every test that wants one: migrated once a session, cloned for each test."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deployments.local.embedded_database import EmbeddedDatabase
from flows.registry import migration_folders
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.tenancy import Role, TenantScope

pytest_plugins = ["tests.support.stack"]

# What every store of a test is kept under, in this process and in those it starts.
os.environ["TENANTATLAS_ENCRYPTION_KEY"] = "a key of the tests, long enough and of words"

# Looking for cycles after every 700 new objects, as is usual, is a sixth of what importing Prefect takes.
gc.set_threshold(50_000)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Gives this run a temporary directory of its own, gone when the run passes.

    Pytest's own is one for all runs of a user, and each run that starts closes it to everyone else: as root, to the account
    that the database of a run under way lives in.
    """
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        root = os.environ.get("PYTEST_DEBUG_TEMPROOT")
        config.option.basetemp = tempfile.mkdtemp(prefix="tenantatlas-tests-", dir=root)
        config.stash[_OWN_TEMPORARY] = Path(config.option.basetemp)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    own = session.config.stash.get(_OWN_TEMPORARY, None)
    if own is not None and exitstatus == pytest.ExitCode.OK:
        session.config.add_cleanup(lambda: shutil.rmtree(own, ignore_errors=True))


SHARED_POSTGRES = "TENANTATLAS_TEST_POSTGRES"
TEMPLATE = "template_tenantatlas"
_OWN_TEMPORARY = pytest.StashKey[Path]()
_numbers = itertools.count()


@dataclass(frozen=True)
class Store:
    """One test's database: a connection pool per role, and scopes by tenant and role."""

    url: str
    roles: dict[DatabaseRole, Database]

    def __getattr__(self, name: str) -> Database:
        return self.roles[DatabaseRole[name.upper()]]

    @property
    def directory(self) -> Directory:
        """The directory under the role that may write it."""
        return Directory(self.roles[DatabaseRole.ADMIN])

    def tenant(self, slug: str = "acme") -> TenantScope:
        """The local operator's scope in a tenant that is made if it is not there."""
        known = {tenant.slug for tenant in self.directory.tenants()}
        if slug not in known:
            self.directory.add_tenant(slug, slug.title())
        return Directory(self.roles[DatabaseRole.APP]).for_operator(slug)

    def member(self, role: Role, slug: str = "acme", email: str | None = None) -> TenantScope:
        """The scope of a member with that role."""
        address = email or f"{role.value}@{slug}.example"
        self.directory.grant(self.tenant(slug), address, role)
        return Directory(self.roles[DatabaseRole.APP]).for_operator(slug, address)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    """The session's own PostgreSQL server, stopped at the end.

    It does not wait for the disk, as no test of it outlives the machine: a copy of the template takes a third of the time.
    With TENANTATLAS_TEST_POSTGRES it is the one in that directory, whose template is there already: for many short runs.
    """
    shared = os.environ.get(SHARED_POSTGRES)
    with EmbeddedDatabase(Path(shared) if shared else tmp_path_factory.mktemp("pg")) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedDatabase) -> str:
    """The name of a database with the whole schema and no rows."""
    if SHARED_POSTGRES not in os.environ:
        migrated_template(postgres)
    return TEMPLATE


def migrated_template(postgres: EmbeddedDatabase) -> None:
    """Makes the template."""
    postgres.ensure_database(TEMPLATE)
    migrations.upgrade(postgres.url(TEMPLATE), migration_folders())


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedDatabase) -> Iterator[Callable[..., str]]:
    """Makes a database, empty or as a copy of a template, and answers its URL."""
    made: list[str] = []

    def make(template: str = "template1") -> str:
        name = f"t{os.getpid()}_{next(_numbers)}"
        made.append(name)
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")  # type: ignore[arg-type]
        return postgres.url(name)

    yield make
    if SHARED_POSTGRES in os.environ:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            for name in made:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture
def store(new_database: Callable[..., str], template: str) -> Iterator[Store]:
    """A migrated, empty store of the test's own."""
    url = new_database(template)
    roles = {role: Database(url, role, pool_size=4) for role in DatabaseRole}
    yield Store(url, roles)
    for database in roles.values():
        database.dispose()


@pytest.fixture
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).parent.parent
